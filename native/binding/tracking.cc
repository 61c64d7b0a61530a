// Ownership by reachability: weak references that are polled, because finalizers never run inside a synchronous loop.
#include <algorithm>

#include "binding/arguments.h"
#include "binding/functions.h"

namespace chainrule {

/// track(objects: object[], slots: Uint32Array): one weak reference for each.
void track(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  if (!info[0].IsArray()) throw Napi::TypeError::New(info.Env(), "objects must be an array");
  const auto objects = info[0].As<Napi::Array>();
  const auto slots = indices_argument(info, 1, "slots");
  const size_t count = std::min<size_t>(objects.Length(), slots.size());
  for (size_t i = 0; i < count; ++i) {
    if (slots[i] >= Environment::kMaxSlots) throw Napi::RangeError::New(info.Env(), "too many weak references");
    environment.track(slots[i], objects.Get(static_cast<uint32_t>(i)));
  }
}

void untrack(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).untrack(static_cast<uint32_t>(whole_argument(info, 0, "slot", 0, Environment::kMaxSlots - 1)));
}

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
  napi_adjust_external_memory(info.Env(), whole_argument(info, 0, "bytes", -kMaxWhole), &total);
}

}  // namespace chainrule
