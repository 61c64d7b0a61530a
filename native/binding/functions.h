#pragma once
// Every function that JavaScript sees; src/binding/native.ts has their types. They are internal, yet
// check their arguments: a mistake of ours must not end the process.
#include <napi.h>

#include "binding/environment.h"

namespace chainrule {

// describe.cc
Napi::Value list_kernels(const Napi::CallbackInfo& info);
Napi::Value stats(const Napi::CallbackInfo& info);
void set_threads(const Napi::CallbackInfo& info);
void set_budget(const Napi::CallbackInfo& info);

// transfer.cc
void attach(const Napi::CallbackInfo& info);
void keep_alive(const Napi::CallbackInfo& info);
Napi::Value allocate(const Napi::CallbackInfo& info);
Napi::Value submit(const Napi::CallbackInfo& info);
Napi::Value write(const Napi::CallbackInfo& info);
Napi::Value read(const Napi::CallbackInfo& info);
Napi::Value wait(const Napi::CallbackInfo& info);
Napi::Value take_done(const Napi::CallbackInfo& info);
Napi::Value error_of(const Napi::CallbackInfo& info);

// tracking.cc
void track(const Napi::CallbackInfo& info);
void untrack(const Napi::CallbackInfo& info);
Napi::Value sweep(const Napi::CallbackInfo& info);
void adjust_external(const Napi::CallbackInfo& info);

}  // namespace chainrule
