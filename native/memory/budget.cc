#include "memory/budget.h"

#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <limits>

namespace chainrule {

namespace {

size_t physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return size_t{4} << 30;
  return static_cast<size_t>(pages) * static_cast<size_t>(page);
}

/// The container's memory limit (cgroup v2, then v1); "max" does not parse and leaves the default.
size_t container_limit() {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    size_t bytes = 0;
    if (std::ifstream file(path); file >> bytes && bytes > 0) return bytes;
  }
  return std::numeric_limits<size_t>::max();
}

}  // namespace

Budget::Budget() : limit_(std::min(physical_memory(), container_limit()) / 10 * 8) {}

Budget& Budget::instance() {
  static auto* budget = new Budget();  // leaked: blocks may be freed after static destruction
  return *budget;
}

bool Budget::reserve(size_t bytes) {
  size_t used = used_.load();
  do {
    if (bytes > limit() || used > limit() - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  note_peak(used + bytes);
  return true;
}

void Budget::take(size_t bytes) { note_peak(used_.fetch_add(bytes) + bytes); }

void Budget::note_peak(size_t used) {
  size_t peak = peak_.load();
  while (peak < used && !peak_.compare_exchange_weak(peak, used)) {
  }
}

void Budget::release(size_t bytes) { used_.fetch_sub(bytes); }

bool Budget::reserve_kept(size_t bytes) {
  if (scarce()) return false;
  if (kept_.fetch_add(bytes) + bytes <= limit() / 8 && reserve(bytes)) return true;
  kept_.fetch_sub(bytes);
  return false;
}

void Budget::release_kept(size_t bytes) {
  kept_.fetch_sub(bytes);
  release(bytes);
}

}  // namespace chainrule
