#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/session.h"

namespace chainrule {

class ItemRunner;
class ThreadPool;

/// Most threads that can be asked for.
inline constexpr int kMaxThreads = 1024;

/// A piece of work in the queue: commands, or one transfer between JavaScript's memory and a block.
struct Item {
  enum class Kind { commands, read, write } kind = Kind::commands;
  std::shared_ptr<Session> session;
  uint64_t seq = 0;           // of the last command in it
  std::vector<double> words;  // commands
  int64_t block = 0;          // read and write
  int64_t byte_offset = 0;
  size_t bytes = 0;
  void* destination = nullptr;          // read: memory that JavaScript keeps alive until the session says done, or closes
  std::unique_ptr<std::byte[]> staged;  // write: a copy taken on JavaScript's thread

  /// What it counts in the queue, in words: staged data weighs little but not nothing (64 MB of it fill the queue).
  [[nodiscard]] size_t weight() const { return kOverhead + words.size() + (staged ? bytes / 128 : 0); }
  static constexpr size_t kOverhead = 64;  // so that tiny items are bounded too
};

/// The one thread that runs commands, in the order in which each session submitted them. Started by the first submission and never
/// joined: it must not hold up the end of the process.
class Executor {
 public:
  static Executor& instance();
  /// Waits while the queue is full, so that a producer cannot run ahead without bound; false when `timeout_ms` ran out first.
  bool wait_for_room(double timeout_ms);
  /// Appends to the queue.
  void submit(Item&& item);
  /// An empty vector for an item's words, with the memory of one that has run where there is one: the system clears new memory page by
  /// page, which takes longer than the copy that it is for.
  std::vector<double> take_words();
  /// Takes effect before the next item.
  void set_threads(int threads) { wanted_threads_.store(threads); }
  [[nodiscard]] int threads() const { return wanted_threads_.load(); }
  /// Words waiting in the queue.
  [[nodiscard]] size_t queued() const { return queued_words_.load(std::memory_order_relaxed); }

 private:
  Executor();
  void start();
  void loop();
  Item next();
  void keep_words(std::vector<double>&& words);
  static void run(const Item& item, ItemRunner& runner, ThreadPool& pool);

  static constexpr size_t kQueueWords = size_t{1} << 19;  // 4 MB of commands, about 15,000 of them
  static constexpr size_t kSpareWords = 8;                // vectors kept, of 48 KB each as a rule

  std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::deque<Item> queue_;
  std::vector<std::vector<double>> spare_words_;
  std::atomic<size_t> queued_words_{0};
  std::atomic<int> wanted_threads_;
  bool started_ = false;
};

}  // namespace chainrule
