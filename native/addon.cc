// The addon's door: one Environment and one set of functions for each JavaScript thread that loads it.
#include <napi.h>

#include "binding/functions.h"
#include "engine/command.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace chainrule;
  env.SetInstanceData(new Environment(env));
  exports.Set("commandFormat", kCommandFormat);
  exports.Set("kernels", Napi::Function::New<list_kernels>(env));
  exports.Set("stats", Napi::Function::New<stats>(env));
  exports.Set("setThreads", Napi::Function::New<set_threads>(env));
  exports.Set("setBudget", Napi::Function::New<set_budget>(env));
  exports.Set("attach", Napi::Function::New<attach>(env));
  exports.Set("keepAlive", Napi::Function::New<keep_alive>(env));
  exports.Set("allocate", Napi::Function::New<allocate>(env));
  exports.Set("submit", Napi::Function::New<submit>(env));
  exports.Set("write", Napi::Function::New<write>(env));
  exports.Set("read", Napi::Function::New<read>(env));
  exports.Set("wait", Napi::Function::New<wait>(env));
  exports.Set("takeDone", Napi::Function::New<take_done>(env));
  exports.Set("error", Napi::Function::New<error_of>(env));
  exports.Set("track", Napi::Function::New<track>(env));
  exports.Set("untrack", Napi::Function::New<untrack>(env));
  exports.Set("sweep", Napi::Function::New<sweep>(env));
  exports.Set("adjustExternal", Napi::Function::New<adjust_external>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(chainrule, init)
