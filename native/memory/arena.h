#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace chainrule {

/// Blocks of some 100 KB from large pieces of address space (regions) that the kernel is asked to back with huge pages. A block takes whole
/// granules at the lowest free address that fits, also across the borders of pages, so that blocks of different sizes fill each other's
/// gaps. A page goes back to the system when its last granule is free, a region when its last page is. From any thread.
///
/// Blocks begin at multiples of the granule, and that is on purpose: the processor compares the last 12 bits of a load's address with those
/// of the stores in flight. Blocks that begin at the same place within 4096 bytes never meet, for a result is written behind the place
/// where its operands are read; one that begins a line later makes each load wait for a store (a fifth of the time of an addition).
class Arena {
 public:
  static constexpr size_t kGranule = size_t{8} << 10;
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kSmallest = size_t{32} << 10;  // below, a granule is too much
  static constexpr size_t kLargest = kHugePage;          // from here on, blocks have pages of their own

  static bool takes(size_t bytes) { return bytes >= kSmallest && bytes < kLargest; }

  /// Memory for `bytes`, or null where there are no arenas or the system has no room.
  void* allocate(size_t bytes);
  /// Takes back what allocate(bytes) gave; false for memory of somebody else.
  bool release(void* p, size_t bytes);

 private:
  static constexpr size_t kRegion = size_t{32} << 20;
  static constexpr size_t kGranules = kRegion / kGranule;
  static constexpr size_t kGranulesPerPage = kHugePage / kGranule;

  struct Region {
    std::array<uint64_t, kGranules / 64> taken{};  // a bit for each granule
    size_t count = 0;                              // of granules taken
    size_t too_long = kGranules + 1;               // no run of as many granules is free
  };
  using Regions = std::map<uintptr_t, Region>;  // by the address where they begin

  static size_t granules_for(size_t bytes) { return (bytes + kGranule - 1) / kGranule; }
  static size_t find_run(const Region& region, size_t length);
  static void mark(Region& region, size_t first, size_t length, bool taken);
  static void return_pages(uintptr_t base, const Region& region, size_t first, size_t length);

  std::mutex mutex_;
  Regions regions_;
};

}  // namespace chainrule
