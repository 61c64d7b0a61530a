#include "engine/session.h"

#include <chrono>
#include <utility>

#include "engine/executor.h"
#include "threads/spin.h"

namespace chainrule {

void Session::complete(uint64_t seq) {
  completed_.store(seq, std::memory_order_seq_cst);
  if (seq >=
      awaited_.load(std::memory_order_seq_cst)) {  // waking a thread costs as much as a small kernel: once, when it has what it wants
    const std::lock_guard lock(mutex_);            // so that a waiter between its check and its sleep is not missed
    progress_.notify_all();
  }
}

void Session::complete_read(uint64_t seq, uint32_t error) {
  {
    const std::lock_guard lock(mutex_);
    done_.push_back({seq, error});
  }
  complete(seq);
  notify();
}

void Session::report_skipped(uint32_t error) {
  {
    const std::lock_guard lock(mutex_);
    if (error == last_skipped_) return;  // one optimizer step skips many parameters for one reason
    last_skipped_ = error;
    done_.push_back({0, error});
  }
  notify();
}

void Session::notify() {
  const std::lock_guard lock(callback_mutex_);
  if (on_done_) on_done_();
}

uint32_t Session::add_error(CommandError error) {
  const std::lock_guard lock(mutex_);
  errors_.emplace(++last_error_, std::move(error));
  if (errors_.size() > kErrorsKept) errors_.erase(errors_.begin());
  return last_error_;
}

/// After a sleep of some milliseconds JavaScript's thread wakes late and with cold caches, 0.1 to 0.35 ms on a virtual machine. Polling
/// spares it where the engine leaves a CPU free; beside a wait of more than 10 ms it matters little.
bool Session::wait(uint64_t seq, double timeout_ms) {
  const auto ready = [&] { return completed_.load(std::memory_order_seq_cst) >= seq; };
  const auto patience = polling_pays(Executor::instance().threads()) ? kSpareSpin : kSpin;
  if (ready() || spin_until(ready, patience)) return true;
  awaited_.store(seq, std::memory_order_seq_cst);
  std::unique_lock lock(mutex_);
  const bool reached = progress_.wait_for(lock, std::chrono::duration<double, std::milli>(timeout_ms), ready);
  awaited_.store(kNothing, std::memory_order_seq_cst);
  return reached;
}

std::vector<Session::Done> Session::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

uint32_t Session::last_error() {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

CommandError Session::error(uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = errors_.find(id);
  return found != errors_.end() ? found->second : CommandError{0, "", "an earlier command failed; its message is no longer kept"};
}

void Session::on_done(std::function<void()> callback) {
  const std::lock_guard lock(callback_mutex_);
  on_done_ = std::move(callback);
}

void Session::close() {
  closed_.store(true, std::memory_order_release);
  on_done({});
  const std::lock_guard lock(transferring);
}

}  // namespace chainrule
