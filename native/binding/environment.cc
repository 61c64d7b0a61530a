#include "binding/environment.h"

#include <algorithm>

namespace chainrule {

Environment::Environment(Napi::Env env) : env_(env) {}

Environment::~Environment() { session->close(); }

void Environment::attach(const Napi::Function& callback) {
  if (notify_ != nullptr) throw Napi::TypeError::New(env_, "attach was called before; load the addon anew for another copy of the package");
  const napi_value name = Napi::String::New(env_, "chainrule");
  NAPI_THROW_IF_FAILED_VOID(env_, napi_create_threadsafe_function(env_, callback, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                                  &Environment::call_back, &notify_));
  napi_unref_threadsafe_function(env_, notify_);
  session->on_done([this] {
    if (!callback_due_.exchange(true)) napi_call_threadsafe_function(notify_, nullptr, napi_tsfn_nonblocking);
  });
  // Cleanup hooks run last-registered first, so this one comes before the function's own: after it the executor never calls back.
  napi_add_env_cleanup_hook(env_, &Environment::close, this);
}

/// On the event loop. `env` is null when the environment is going away.
void Environment::call_back(napi_env env, napi_value callback, void* self, void*) {
  if (env == nullptr) return;
  static_cast<Environment*>(self)->callback_due_.store(false);
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, callback, 0, nullptr, nullptr);
}

void Environment::close(void* self) { static_cast<Environment*>(self)->session->close(); }

void Environment::advance(uint64_t seq) {
  if (seq <= last_seq_) throw Napi::RangeError::New(env_, "seq must grow");
  last_seq_ = seq;
}

void Environment::keep_alive(bool on) {
  if (notify_ == nullptr) throw Napi::TypeError::New(env_, "attach must be called first");
  if (on) {
    napi_ref_threadsafe_function(env_, notify_);
  } else {
    napi_unref_threadsafe_function(env_, notify_);
  }
}

void Environment::track(uint32_t slot, napi_value object) {
  if (slot >= weak_.size()) weak_.resize(slot + 1 + weak_.size() / 2, nullptr);
  if (weak_[slot] != nullptr) untrack(slot);
  NAPI_THROW_IF_FAILED_VOID(env_, napi_create_reference(env_, object, 0, &weak_[slot]));
}

void Environment::untrack(uint32_t slot) {
  if (slot >= weak_.size() || weak_[slot] == nullptr) return;
  napi_delete_reference(env_, weak_[slot]);
  weak_[slot] = nullptr;
}

std::vector<uint32_t> Environment::collect_dead() {
  std::vector<uint32_t> dead;
  constexpr size_t kHandlesPerScope = 1024;
  for (size_t begin = 0; begin < weak_.size(); begin += kHandlesPerScope) {
    const Napi::HandleScope scope(env_);
    for (size_t slot = begin; slot < std::min(begin + kHandlesPerScope, weak_.size()); ++slot) {
      if (weak_[slot] == nullptr) continue;
      napi_value object = nullptr;
      napi_get_reference_value(env_, weak_[slot], &object);
      if (object != nullptr) continue;
      untrack(static_cast<uint32_t>(slot));
      dead.push_back(static_cast<uint32_t>(slot));
    }
  }
  return dead;
}

}  // namespace chainrule
