#include "memory/arena.h"

#include <algorithm>

#if defined(__linux__)
#include <sys/mman.h>
#endif

// AddressSanitizer surrounds what malloc gives with memory that nobody may touch; that finds more than the arenas' own tests.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define CHAINRULE_HAS_ARENAS 1
#else
#define CHAINRULE_HAS_ARENAS 0
#endif

namespace chainrule {

namespace {

#if CHAINRULE_HAS_ARENAS
/// `bytes` of fresh address space at a multiple of `alignment`, offered to the kernel as huge pages; 0 when there is none.
uintptr_t map_aligned(size_t bytes, size_t alignment) {
  void* mapped = mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return 0;
  auto* const first = static_cast<std::byte*>(mapped);
  const size_t before = (alignment - reinterpret_cast<uintptr_t>(first) % alignment) % alignment;
  if (before > 0) munmap(first, before);
  munmap(first + before + bytes, alignment - before);
  madvise(first + before, bytes, MADV_HUGEPAGE);
  return reinterpret_cast<uintptr_t>(first + before);
}
void unmap(uintptr_t base, size_t bytes) { munmap(reinterpret_cast<void*>(base), bytes); }
void forget_contents(uintptr_t base, size_t bytes) { madvise(reinterpret_cast<void*>(base), bytes, MADV_DONTNEED); }
#else
uintptr_t map_aligned(size_t, size_t) { return 0; }
void unmap(uintptr_t, size_t) {}
void forget_contents(uintptr_t, size_t) {}
#endif

}  // namespace

/// The first of the lowest `length` free granules in a row; kGranules if there are none.
size_t Arena::find_run(const Region& region, size_t length) {
  size_t run = 0;
  for (size_t i = 0; i < kGranules;) {
    const uint64_t word = region.taken[i / 64];
    if (i % 64 == 0 && (word == 0 || word == ~uint64_t{0})) {
      run = word == 0 ? run + 64 : 0;
      i += 64;
    } else {
      run = (word >> i % 64 & 1) == 0 ? run + 1 : 0;
      i += 1;
    }
    if (run >= length) return i - run;
  }
  return kGranules;
}

void Arena::mark(Region& region, size_t first, size_t length, bool taken) {
  for (size_t i = first; i < first + length; ++i) {
    const uint64_t bit = uint64_t{1} << i % 64;
    region.taken[i / 64] = taken ? region.taken[i / 64] | bit : region.taken[i / 64] & ~bit;
  }
  region.count = taken ? region.count + length : region.count - length;
}

/// Gives those pages back that the granules from `first` on lie in and that are free as a whole.
void Arena::return_pages(uintptr_t base, const Region& region, size_t first, size_t length) {
  constexpr size_t words = kGranulesPerPage / 64;
  for (size_t page = first / kGranulesPerPage; page <= (first + length - 1) / kGranulesPerPage; ++page) {
    const auto* word = region.taken.data() + page * words;
    if (std::all_of(word, word + words, [](uint64_t w) { return w == 0; })) forget_contents(base + page * kHugePage, kHugePage);
  }
}

void* Arena::allocate(size_t bytes) {
  const size_t length = granules_for(bytes);
  const std::lock_guard lock(mutex_);
  const auto take = [&](uintptr_t base, Region& region, size_t first) {
    mark(region, first, length, true);
    return reinterpret_cast<void*>(base + first * kGranule);
  };
  for (auto& [base, region] : regions_) {
    if (length >= region.too_long) continue;
    if (const size_t first = find_run(region, length); first < kGranules) return take(base, region, first);
    region.too_long = length;
  }
  const uintptr_t base = map_aligned(kRegion, kHugePage);
  return base == 0 ? nullptr : take(base, regions_[base], 0);
}

bool Arena::release(void* p, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(p);
  const std::lock_guard lock(mutex_);
  auto found = regions_.upper_bound(address);
  if (found == regions_.begin()) return false;
  --found;
  auto& [base, region] = *found;
  if (address - base >= kRegion) return false;
  const size_t first = (address - base) / kGranule, length = granules_for(bytes);
  mark(region, first, length, false);
  region.too_long = kGranules + 1;
  if (region.count > 0) {
    return_pages(base, region, first, length);
  } else {
    unmap(base, kRegion);
    regions_.erase(found);
  }
  return true;
}

}  // namespace chainrule
