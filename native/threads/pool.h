#pragma once
// The fork-join pool: about as small as it can be. The caller takes part; workers spin briefly, then park.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "memory/scratch.h"
#include "threads/context.h"

namespace chainrule {

class ThreadPool {
 public:
  /// As many threads as the system gives, at most `threads`.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Number of threads that take part in run(), the caller included.
  [[nodiscard]] int size() const { return static_cast<int>(workers_.size()) + 1; }
  /// See run_units in context.h. Not re-entrant: one caller at a time, never from inside a unit.
  void run(int64_t units, UnitFn body, void* data);
  /// Memory for the kernel as a whole, and for one worker's current unit.
  Scratch& shared_scratch() { return shared_scratch_; }
  Scratch& scratch(int worker) { return *scratch_[static_cast<size_t>(worker)]; }

 private:
  /// The units of one worker that nobody has begun: first number (upper half) and end, in one word for owner and thieves.
  struct alignas(128) Share {
    std::atomic<uint64_t> range{0};
  };

  void work(int worker);
  void take_units(int worker);
  void run_unit(int64_t unit, int worker);
  int64_t next_unit(int worker);
  void open_job(int64_t first, int64_t units, UnitFn body, void* data);
  void join_job();
  bool enter();
  void leave();
  void wake(int64_t wanted);

  static constexpr uint32_t kOpen = 1u << 31;

  // Everything the workers poll sits on cache lines of its own.
  struct alignas(128) Job {
    int64_t first = 0;
    int shares = 0;
    UnitFn body = nullptr;
    void* data = nullptr;
  };
  Job job_;
  std::unique_ptr<Share[]> shares_;
  alignas(128) std::atomic<uint32_t> generation_{0};  // bumped to start a job; what parked workers wait on
  alignas(128) std::atomic<uint32_t> gate_{0};        // kOpen while a job takes helpers, plus the number of workers inside
  std::atomic<bool> stop_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  int64_t error_unit_ = 0;
  Scratch shared_scratch_;
  std::vector<std::unique_ptr<Scratch>> scratch_;
  std::vector<std::thread> workers_;
};

/// Threads to use by default: min(CPU affinity, the container's CPU quota), or CHAINRULE_THREADS.
int default_thread_count();

}  // namespace chainrule
