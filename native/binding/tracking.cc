// Ownership by reachability: weak references that are polled, because finalizers never run inside a synchronous loop.
#include <algorithm>

#include "binding/functions.h"

namespace chainrule {

/// track(objects: object[], slots: Uint32Array): one weak reference for each.
void track(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  const auto objects = info[0].As<Napi::Array>();
  const auto slots = info[1].As<Napi::Uint32Array>();
  const uint32_t count = std::min<uint32_t>(objects.Length(), static_cast<uint32_t>(slots.ElementLength()));
  for (uint32_t i = 0; i < count; ++i) environment.track(slots[i], objects.Get(i));
}

void untrack(const Napi::CallbackInfo& info) { Environment::of(info.Env()).untrack(info[0].As<Napi::Number>().Uint32Value()); }

/// sweep(): Uint32Array of the slots whose objects are gone.
Napi::Value sweep(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> dead = Environment::of(info.Env()).collect_dead();
  auto result = Napi::Uint32Array::New(info.Env(), dead.size());
  std::copy(dead.begin(), dead.end(), result.Data());
  return result;
}

/// adjustExternal(bytes): tells V8 how much memory its objects hold outside its heap; a growth may make it collect at once.
void adjust_external(const Napi::CallbackInfo& info) {
  int64_t total = 0;
  napi_adjust_external_memory(info.Env(), static_cast<int64_t>(info[0].As<Napi::Number>().DoubleValue()), &total);
}

}  // namespace chainrule
