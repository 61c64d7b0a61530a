#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "memory/blocks.h"

namespace chainrule {

/// Why a command failed, and which.
struct CommandError {
  uint64_t seq = 0;
  std::string kernel;
  std::string message;
};

/// One JavaScript environment's side of the engine: its blocks, its progress and its errors. The main thread has one, each worker another.
class Session {
 public:
  BlockTable blocks;

  // ---- executor's side ----
  /// Marks every command up to `seq` as executed and wakes whoever waits for it.
  void complete(uint64_t seq);
  /// As complete(), for a read whose reader waits for `on_done`; error is 0 or an error id.
  void complete_read(uint64_t seq, uint32_t error);
  /// Tells JavaScript, as a read with number 0, that an update in place was left out because of `error`: nobody may ever read a tensor
  /// that depends on it.
  void report_skipped(uint32_t error);
  uint32_t add_error(CommandError error);
  /// Held while JavaScript's memory is written to, so that close() can wait for the end of it.
  std::mutex transferring;
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }

  // ---- JavaScript's side ----
  [[nodiscard]] uint64_t completed() const { return completed_.load(std::memory_order_acquire); }
  /// Waits until `seq` is executed; false when `timeout_ms` ran out first.
  bool wait(uint64_t seq, double timeout_ms);
  struct Done {
    uint64_t seq;
    uint32_t error;
  };
  std::vector<Done> take_done();
  /// Id of the newest error, 0 when there is none yet.
  uint32_t last_error();
  /// The error, or one that says it is too old to be remembered.
  CommandError error(uint32_t id);
  /// Called on the executor's thread whenever a read becomes done.
  void on_done(std::function<void()> callback);
  /// After this returns JavaScript's memory is not touched and on_done is not called again; queued commands are dropped, the one that is
  /// running may take its time.
  void close();

 private:
  void notify();

  static constexpr size_t kErrorsKept = 1000;
  std::atomic<uint64_t> completed_{0};
  static constexpr uint64_t kNothing = UINT64_MAX;
  std::atomic<uint64_t> awaited_{kNothing};  // what the JavaScript thread (there is one) waits for
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable progress_;
  std::vector<Done> done_;
  std::map<uint32_t, CommandError> errors_;
  uint32_t last_error_ = 0;
  uint32_t last_skipped_ = 0;
  std::mutex callback_mutex_;
  std::function<void()> on_done_;
};

}  // namespace chainrule
