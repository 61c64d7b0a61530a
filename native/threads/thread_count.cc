#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "threads/pool.h"
#include "threads/spin.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace chainrule {

namespace {

int cpus_in_affinity() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// CPUs that the container's quota allows (cgroup v2, then v1), or a large number where there is none.
int cpus_in_quota() {
  constexpr int kNoQuota = 1 << 20;
  double quota = 0, period = 0;
  std::string first;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> first >> period && first != "max") {
    quota = std::strtod(first.c_str(), nullptr);
  } else {
    std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(quota_file >> quota && period_file >> period)) return kNoQuota;
  }
  if (quota <= 0 || period <= 0) return kNoQuota;
  return std::max(1, static_cast<int>(quota / period));
}

}  // namespace

int usable_cpus() { return std::min(cpus_in_affinity(), cpus_in_quota()); }

int default_thread_count() {
  if (const char* text = std::getenv("CHAINRULE_THREADS")) {
    const long asked = std::strtol(text, nullptr, 10);
    if (asked >= 1 && asked <= 1024) return static_cast<int>(asked);
  }
  return usable_cpus();
}

}  // namespace chainrule
