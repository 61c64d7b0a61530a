#pragma once
// Arguments of the addon's functions. Whatever JavaScript passes, the answer is a value or a JavaScript error: never an abort.
#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace chainrule {

/// Integers that a double holds exactly.
inline constexpr int64_t kMaxWhole = int64_t{1} << 53;

/// The whole number at position i, in low..high. Throws TypeError or RangeError, naming the argument.
int64_t whole_argument(const Napi::CallbackInfo& info, size_t i, const char* name, int64_t low = 0, int64_t high = kMaxWhole);
/// Any number but NaN.
double number_argument(const Napi::CallbackInfo& info, size_t i, const char* name);
bool boolean_argument(const Napi::CallbackInfo& info, size_t i, const char* name);
Napi::Function function_argument(const Napi::CallbackInfo& info, size_t i, const char* name);

/// The bytes that a typed array shows right now, over shared memory too; none when its buffer is detached.
std::span<std::byte> bytes_argument(const Napi::CallbackInfo& info, size_t i, const char* name);
std::span<const double> doubles_argument(const Napi::CallbackInfo& info, size_t i, const char* name);
std::span<const uint32_t> indices_argument(const Napi::CallbackInfo& info, size_t i, const char* name);

}  // namespace chainrule
