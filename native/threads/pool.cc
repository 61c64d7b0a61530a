#include "threads/pool.h"

#include <pthread.h>
#include <algorithm>
#include <system_error>

#include "threads/spin.h"

namespace chainrule {

namespace {

void name_thread(const char* name) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 0; i < threads; ++i) scratch_.push_back(std::make_unique<Scratch>());
  shares_ = std::make_unique<Share[]>(scratch_.size());
  workers_.reserve(scratch_.size());
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error&) {
    // No more threads to be had: work with those that there are. Results do not depend on their number.
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::work(int worker) {
  name_thread("chainrule-pool");
  uint32_t seen = 0;
  for (;;) {
    if (!spin_until([&] { return generation_.load(std::memory_order_acquire) != seen; }, kWorkerSpin)) generation_.wait(seen);
    if (stop_.load()) return;
    seen = generation_.load(std::memory_order_acquire);
    if (!enter()) continue;
    take_units(worker);
    leave();
  }
}

/// Joins the open job, if there still is one: the caller does not wait for workers that woke up too late to help.
bool ThreadPool::enter() {
  uint32_t gate = gate_.load(std::memory_order_acquire);
  while (gate & kOpen) {
    if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void ThreadPool::leave() {
  if (gate_.fetch_sub(1, std::memory_order_acq_rel) == 1) gate_.notify_one();
}

/// A unit that nobody has begun, or -1: the worker's own from the front, then the others' from the back. So a worker has the same units in
/// each command of the same size: what it wrote in one is in its cache in the next.
int64_t ThreadPool::next_unit(int worker) {
  constexpr uint64_t kOne = uint64_t{1} << 32;
  const int shares = job_.shares;
  for (int i = 0; i < shares; ++i) {
    std::atomic<uint64_t>& range = shares_[static_cast<size_t>((worker + i) % shares)].range;
    const bool own = i == 0 && worker < shares;
    uint64_t left = range.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t begin = left / kOne, end = left % kOne;
      if (begin >= end) break;
      if (range.compare_exchange_weak(left, own ? left + kOne : left - 1, std::memory_order_relaxed)) {
        return static_cast<int64_t>(own ? begin : end - 1);
      }
    }
  }
  return -1;
}

void ThreadPool::run_unit(int64_t unit, int worker) {
  try {
    job_.body(job_.data, unit, worker);
  } catch (...) {
    const std::lock_guard lock(error_mutex_);
    if (!error_ || unit < error_unit_) {
      error_ = std::current_exception();
      error_unit_ = unit;
    }
  }
}

void ThreadPool::take_units(int worker) {
  for (int64_t unit = next_unit(worker); unit >= 0; unit = next_unit(worker)) run_unit(job_.first + unit, worker);
}

/// Wakes as many parked workers as there is work for.
void ThreadPool::wake(int64_t wanted) {
  if (wanted >= static_cast<int64_t>(workers_.size())) return generation_.notify_all();
  for (int64_t i = 0; i < wanted; ++i) generation_.notify_one();
}

void ThreadPool::open_job(int64_t first, int64_t units, UnitFn body, void* data) {
  const int64_t shares = std::min<int64_t>(units, size());
  job_ = {first, static_cast<int>(shares), body, data};
  for (int64_t i = 0; i < shares; ++i) {
    const auto begin = static_cast<uint64_t>(units * i / shares), end = static_cast<uint64_t>(units * (i + 1) / shares);
    shares_[static_cast<size_t>(i)].range.store(begin << 32 | end, std::memory_order_relaxed);
  }
  gate_.store(kOpen, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
  wake(units - 1);
}

/// Waits until every worker has left the job; nobody enters it any more.
void ThreadPool::join_job() {
  uint32_t inside = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while (inside != 0) {
    if (spin_until([&] { return gate_.load(std::memory_order_acquire) == 0; })) break;
    gate_.wait(inside);
    inside = gate_.load(std::memory_order_acquire);
  }
}

void ThreadPool::run(int64_t units, UnitFn body, void* data) {
  if (units <= 0) return;
  if (workers_.empty() || units == 1) {
    for (int64_t unit = 0; unit < units; ++unit) body(data, unit, 0);
    return;
  }
  constexpr int64_t kMost = int64_t{1} << 31;  // of one job: two numbers of a range share a word
  error_ = nullptr;
  for (int64_t first = 0; first < units; first += kMost) {
    open_job(first, std::min(units - first, kMost), body, data);
    take_units(0);
    join_job();
  }
  if (error_) std::rethrow_exception(error_);
}

}  // namespace chainrule
