#include "engine/executor.h"

#include <dlfcn.h>
#include <pthread.h>
#include <chrono>
#include <csignal>
#include <thread>

#include "engine/run_item.h"
#include "threads/pool.h"
#include "threads/spin.h"

namespace chainrule {

namespace {

/// Keeps this library in memory for good: Node unloads an addon when the last worker that loaded it ends, under the feet of our threads.
void stay_loaded() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &self) != 0 && self.dli_fname != nullptr) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

}  // namespace

Executor::Executor() : wanted_threads_(default_thread_count()) { spare_words_.reserve(kSpareWords); }

Executor& Executor::instance() {
  static auto* executor = new Executor();  // leaked on purpose, see the class comment
  return *executor;
}

bool Executor::wait_for_room(double timeout_ms) {
  const auto room = [&] { return queued_words_.load(std::memory_order_acquire) < kQueueWords; };
  if (room()) return true;
  std::unique_lock lock(mutex_);
  return not_full_.wait_for(lock, std::chrono::duration<double, std::milli>(timeout_ms), room);
}

void Executor::submit(Item&& item) {
  const size_t weight = item.weight();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (!started_) start();
    wake = queue_.empty();
    queue_.push_back(std::move(item));
    queued_words_.fetch_add(weight, std::memory_order_release);
  }
  if (wake) not_empty_.notify_one();
}

std::vector<double> Executor::take_words() {
  const std::lock_guard lock(mutex_);
  if (spare_words_.empty()) return {};
  std::vector<double> words = std::move(spare_words_.back());
  spare_words_.pop_back();
  return words;
}

void Executor::keep_words(std::vector<double>&& words) {
  words.clear();
  const std::lock_guard lock(mutex_);
  if (words.capacity() > 0 && spare_words_.size() < kSpareWords) spare_words_.push_back(std::move(words));
}

/// Starts the thread with all signals blocked: they belong to Node's main thread, ours and those that it starts must never run a handler.
void Executor::start() {
  stay_loaded();
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  try {
    std::thread([this] { loop(); }).detach();
    started_ = true;
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Item Executor::next() {
  spin_until([&] { return queued_words_.load(std::memory_order_acquire) > 0; }, kExecutorSpin);
  std::unique_lock lock(mutex_);
  not_empty_.wait(lock, [&] { return !queue_.empty(); });
  Item item = std::move(queue_.front());
  queue_.pop_front();
  const size_t before = queued_words_.fetch_sub(item.weight());
  if (before >= kQueueWords) not_full_.notify_all();
  return item;
}

/// Nothing that an item does may end the process: what is left to catch here is running out of memory while reporting an error.
void Executor::run(const Item& item, ItemRunner& runner, ThreadPool& pool) {
  try {
    runner.run(item, pool);
  } catch (...) {
    item.session->complete(item.seq);
  }
}

void Executor::loop() {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "chainrule-exec");
#endif
  int pool_threads = threads();
  auto pool = std::make_unique<ThreadPool>(pool_threads);
  const auto runner = std::make_unique<ItemRunner>();
  for (;;) {
    Item item = next();
    if (pool_threads != threads()) {
      pool.reset();
      pool_threads = threads();
      pool = std::make_unique<ThreadPool>(pool_threads);
    }
    run(item, *runner, *pool);
    keep_words(std::move(item.words));
  }
}

}  // namespace chainrule
