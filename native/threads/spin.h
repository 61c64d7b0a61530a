#pragma once
#include <chrono>
#include <thread>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace chainrule {

inline void cpu_relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How long a thread polls before it sleeps: about what sleeping costs, so that it is never much worse than the better of the two. Waking a
/// thread on an idle core of a virtual machine takes its waker 9 us and the thread 20 to 50 us, against 0.1 us while it polls. Much longer
/// collapses when there are more threads than CPUs, unless it gives way to them (0.94 of the time of a small step on two threads).
inline constexpr std::chrono::microseconds kSpin{20};           // JavaScript's thread, whose core a worker may need; the end of a job
inline constexpr std::chrono::microseconds kSpareSpin{10000};   // JavaScript's thread beside fewer workers than CPUs, see Session::wait
inline constexpr std::chrono::microseconds kWorkerSpin{50};     // between two parallel commands of a training step
inline constexpr std::chrono::microseconds kExecutorSpin{100};  // from a result to the next command of who awaited it

/// CPUs that this process may use: by affinity and by the container's quota. At least 1.
int usable_cpus();

/// Whether polling can pay beside so many threads that compute: where no CPU is left, it keeps from running what is waited for.
inline bool polling_pays(int computing = 1) {
  static const int cpus = usable_cpus();
  return cpus > computing;
}

/// Polls `ready` for at most `time`; after kSpin it offers its CPU to others between two looks. Returns whether it became true.
template <class Ready>
bool spin_until(Ready ready, std::chrono::microseconds time = kSpin) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 64; ++i) {
    if (ready()) return true;
    cpu_relax();
  }
  if (!polling_pays()) return ready();
  const auto start = Clock::now();
  for (auto now = start; now - start < time; now = Clock::now()) {
    if (now - start > kSpin) std::this_thread::yield();
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      cpu_relax();
    }
  }
  return ready();
}

}  // namespace chainrule
