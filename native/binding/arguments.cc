#include "binding/arguments.h"

#include <cmath>
#include <string>

namespace chainrule {

namespace {

[[noreturn]] void wrong_type(const Napi::CallbackInfo& info, const char* name, const char* expected) {
  throw Napi::TypeError::New(info.Env(), std::string(name) + " must be " + expected);
}

struct Array {
  napi_typedarray_type type;
  void* data;
  size_t length;
};

/// Asks for the data pointer at once: going through the array's buffer would refuse shared memory.
Array array_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsTypedArray()) wrong_type(info, name, "a typed array");
  Array array{};
  if (napi_get_typedarray_info(info.Env(), info[i], &array.type, &array.length, &array.data, nullptr, nullptr) != napi_ok ||
      array.data == nullptr) {
    array.length = 0;
  }
  return array;
}

size_t element_size(napi_typedarray_type type) {
  switch (type) {
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

int64_t whole_argument(const Napi::CallbackInfo& info, size_t i, const char* name, int64_t low, int64_t high) {
  const double value = number_argument(info, i, name);
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) || value != std::floor(value)) {
    throw Napi::RangeError::New(info.Env(),
                                std::string(name) + " must be a whole number in " + std::to_string(low) + ".." + std::to_string(high));
  }
  return static_cast<int64_t>(value);
}

double number_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsNumber()) wrong_type(info, name, "a number");
  const double value = info[i].As<Napi::Number>().DoubleValue();
  if (std::isnan(value)) wrong_type(info, name, "a number, not NaN");
  return value;
}

bool boolean_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsBoolean()) wrong_type(info, name, "a boolean");
  return info[i].As<Napi::Boolean>().Value();
}

Napi::Function function_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsFunction()) wrong_type(info, name, "a function");
  return info[i].As<Napi::Function>();
}

std::span<std::byte> bytes_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  const Array array = array_argument(info, i, name);
  return {static_cast<std::byte*>(array.data), array.length * element_size(array.type)};
}

std::span<const double> doubles_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  const Array array = array_argument(info, i, name);
  if (array.type != napi_float64_array) wrong_type(info, name, "a Float64Array");
  return {static_cast<const double*>(array.data), array.length};
}

std::span<const uint32_t> indices_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  const Array array = array_argument(info, i, name);
  if (array.type != napi_uint32_array) wrong_type(info, name, "a Uint32Array");
  return {static_cast<const uint32_t*>(array.data), array.length};
}

}  // namespace chainrule
