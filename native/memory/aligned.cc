#include "memory/aligned.h"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLargest = size_t{1} << 48;  // more than any machine has; keeps the rounding below from wrapping
}  // namespace

void* allocate_aligned(size_t bytes) {
  if (bytes > kLargest) throw std::bad_alloc();
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* p = nullptr;
  if (posix_memalign(&p, alignment, rounded == 0 ? 64 : rounded) != 0) throw std::bad_alloc();
#if defined(__linux__)
  if (bytes >= kHugePage) madvise(p, rounded, MADV_HUGEPAGE);
#endif
  return p;
}

void free_aligned(void* p) { std::free(p); }

}  // namespace chainrule
