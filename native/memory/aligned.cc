#include "memory/aligned.h"

#include <cstdlib>
#include <new>

#include "memory/arena.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

namespace {

constexpr size_t kLargest = size_t{1} << 48;  // more than any machine has; keeps the rounding below from wrapping

Arena& arena_for(Lifetime lifetime) {
  static auto* arenas = new Arena[2];  // leaked: blocks may be freed after static destruction
  return arenas[lifetime == Lifetime::returned ? 0 : 1];
}

}  // namespace

void* allocate_aligned(size_t bytes, Lifetime lifetime) {
  if (bytes > kLargest) throw std::bad_alloc();
  if (Arena::takes(bytes)) {
    if (void* block = arena_for(lifetime).allocate(bytes); block != nullptr) return block;
  }
  const size_t alignment = bytes >= Arena::kHugePage ? Arena::kHugePage : 64;
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* p = nullptr;
  if (posix_memalign(&p, alignment, rounded == 0 ? 64 : rounded) != 0) throw std::bad_alloc();
#if defined(__linux__)
  if (bytes >= Arena::kHugePage) madvise(p, rounded, MADV_HUGEPAGE);
#endif
  return p;
}

void free_aligned(void* p, size_t bytes) {
  if (p == nullptr) return;
  if (Arena::takes(bytes)) {
    for (const Lifetime lifetime : {Lifetime::returned, Lifetime::stays}) {
      if (arena_for(lifetime).release(p, bytes)) return;
    }
  }
  std::free(p);
}

}  // namespace chainrule
