#include "engine/executor.h"

#include <pthread.h>
#include <csignal>
#include <thread>

#include "engine/run_item.h"
#include "threads/pool.h"
#include "threads/spin.h"

namespace chainrule {

Executor::Executor() : wanted_threads_(default_thread_count()) {}

Executor& Executor::instance() {
  static auto* executor = new Executor();  // leaked on purpose, see the class comment
  return *executor;
}

void Executor::submit(Item item) {
  const size_t words = item.words.size() + kItemOverhead;
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    if (!started_) {
      std::thread([this] { loop(); }).detach();
      started_ = true;
    }
    not_full_.wait(lock, [&] { return queued_words_.load() < kQueueWords; });
    wake = queue_.empty();
    queue_.push_back(std::move(item));
    queued_words_.fetch_add(words);
  }
  if (wake) not_empty_.notify_one();
}

Item Executor::next() {
  spin_until([&] { return queued_words_.load(std::memory_order_acquire) > 0; });
  std::unique_lock lock(mutex_);
  not_empty_.wait(lock, [&] { return !queue_.empty(); });
  Item item = std::move(queue_.front());
  queue_.pop_front();
  const size_t before = queued_words_.fetch_sub(item.words.size() + kItemOverhead);
  if (before >= kQueueWords) not_full_.notify_all();
  return item;
}

void Executor::loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "chainrule-exec");
#endif
  auto pool = std::make_unique<ThreadPool>(threads());
  ItemRunner runner;
  for (;;) {
    const Item item = next();
    if (pool->size() != threads()) {
      pool.reset();
      pool = std::make_unique<ThreadPool>(threads());
    }
    const std::lock_guard executing(item.session->executing);
    if (!item.session->closed()) runner.run(item, *pool);
  }
}

}  // namespace chainrule
