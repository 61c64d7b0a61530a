// What the addon tells of itself: its kernels and its counters.
#include "binding/arguments.h"
#include "binding/functions.h"
#include "dispatch/cpu.h"
#include "dispatch/registry.h"
#include "engine/executor.h"
#include "memory/budget.h"

namespace chainrule {

Napi::Value list_kernels(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  uint32_t index = 0;
  for (const Kernel& kernel : kernels()) {
    Napi::Object item = Napi::Object::New(env);
    item.Set("name", kernel.name);
    item.Set("dtype", kDTypeName[static_cast<int>(kernel.dtype)]);
    item.Set("inputs", kernel.inputs.letters);
    item.Set("outputs", kernel.outputs.letters);
    item.Set("params", kernel.params);
    list.Set(index++, item);
  }
  return list;
}

Napi::Value stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Executor& executor = Executor::instance();
  Napi::Object result = Napi::Object::New(env);
  result.Set("reservedBytes", static_cast<double>(Budget::instance().used()));
  result.Set("keptBytes", static_cast<double>(Budget::instance().kept()));
  result.Set("peakReservedBytes", static_cast<double>(Budget::instance().peak()));
  result.Set("budgetBytes", static_cast<double>(Budget::instance().limit()));
  result.Set("queuedWords", static_cast<double>(executor.queued()));
  result.Set("threads", executor.threads());
  result.Set("isa", isa_name(active_isa()));
  Session& session = *Environment::of(env).session;
  result.Set("completed", static_cast<double>(session.completed()));
  result.Set("lastError", session.last_error());
  return result;
}

void set_threads(const Napi::CallbackInfo& info) {
  Executor::instance().set_threads(static_cast<int>(whole_argument(info, 0, "threads", 1, kMaxThreads)));
}

void set_budget(const Napi::CallbackInfo& info) { Budget::instance().set_limit(static_cast<size_t>(whole_argument(info, 0, "bytes", 1))); }

}  // namespace chainrule
