#pragma once
#include <napi.h>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/session.h"

namespace chainrule {

/// What belongs to one JavaScript environment (the main thread or a worker): its session, its callback and its weak references.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  /// More weak references than that are a mistake: a session cannot have as many blocks.
  static constexpr uint32_t kMaxSlots = 1u << 25;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Session> session = std::make_shared<Session>();

  /// Has `callback` called on the event loop whenever reads are done. Once for each environment; throws TypeError the second time.
  void attach(const Napi::Function& callback);
  /// While referenced, the event loop stays alive: set as long as a read is awaited.
  void keep_alive(bool on);

  /// Numbers of items only grow: throws RangeError unless `seq` is larger than all before, and takes note of it.
  void advance(uint64_t seq);
  /// The number of the last item handed to the executor.
  [[nodiscard]] uint64_t last_seq() const { return last_seq_; }

  /// Weak references by slot: the slot's object can be collected; collect_dead() tells which were.
  void track(uint32_t slot, napi_value object);
  void untrack(uint32_t slot);
  std::vector<uint32_t> collect_dead();

 private:
  static void close(void* self);
  static void call_back(napi_env env, napi_value callback, void* self, void* data);

  napi_env env_;
  napi_threadsafe_function notify_ = nullptr;
  std::atomic<bool> callback_due_{false};  // one is enough: calls that a busy event loop does not get to must not pile up
  uint64_t last_seq_ = 0;
  std::vector<napi_ref> weak_;
};

}  // namespace chainrule
