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
    if (!spin_until([&] { return generation_.load(std::memory_order_acquire) != seen; })) generation_.wait(seen);
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

void ThreadPool::take_units(int worker) {
  for (;;) {
    const int64_t unit = job_.next.fetch_add(1, std::memory_order_relaxed);
    if (unit >= job_.units) return;
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
}

/// Wakes as many parked workers as there is work for.
void ThreadPool::wake(int64_t wanted) {
  if (wanted >= static_cast<int64_t>(workers_.size())) return generation_.notify_all();
  for (int64_t i = 0; i < wanted; ++i) generation_.notify_one();
}

void ThreadPool::run(int64_t units, UnitFn body, void* data) {
  if (units <= 0) return;
  if (workers_.empty() || units == 1) {
    for (int64_t unit = 0; unit < units; ++unit) body(data, unit, 0);
    return;
  }
  job_.units = units;
  job_.body = body;
  job_.data = data;
  job_.next.store(0, std::memory_order_relaxed);
  error_ = nullptr;
  gate_.store(kOpen, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
  wake(units - 1);
  take_units(0);
  uint32_t inside = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while (inside != 0) {
    if (spin_until([&] { return gate_.load(std::memory_order_acquire) == 0; })) break;
    gate_.wait(inside);
    inside = gate_.load(std::memory_order_acquire);
  }
  if (error_) std::rethrow_exception(error_);
}

}  // namespace chainrule
