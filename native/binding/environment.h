#pragma once
#include <napi.h>
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

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Session> session = std::make_shared<Session>();

  /// Has `callback` called on the event loop whenever reads are done.
  void attach(const Napi::Function& callback);
  /// While referenced, the event loop stays alive: set as long as a read is awaited.
  void keep_alive(bool on);

  /// Weak references by slot: the slot's object can be collected; collect_dead() tells which were.
  void track(uint32_t slot, napi_value object);
  void untrack(uint32_t slot);
  std::vector<uint32_t> collect_dead();

 private:
  static void close(void* self);

  napi_env env_;
  napi_threadsafe_function notify_ = nullptr;
  std::vector<napi_ref> weak_;
};

}  // namespace chainrule
