#pragma once
// Element types. Plain data only: these headers are compiled into every ISA namespace, so they must not define functions with external
// linkage.
#include <cstdint>

namespace chainrule {

/// Codes are shared with src/core/dtype.ts (checked when the addon is loaded).
enum class DType : uint8_t { f32 = 0, f64 = 1, i32 = 2, i64 = 3, u8 = 4, boolean = 5, i8 = 6, bf16 = 7, f16 = 8 };

inline constexpr int kDTypeCount = 9;
inline constexpr int kDTypeSize[kDTypeCount] = {4, 8, 4, 8, 1, 1, 1, 2, 2};
inline constexpr const char* kDTypeName[kDTypeCount] = {"f32", "f64", "i32", "i64", "u8", "bool", "i8", "bf16", "f16"};

/// C++ type -> DType, for kernels templated over their element type. `bool` tensors hold bytes 0 or 1.
template <class T>
inline constexpr DType kDTypeOf = DType::f32;
template <>
inline constexpr DType kDTypeOf<double> = DType::f64;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::i32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::i64;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::u8;
template <>
inline constexpr DType kDTypeOf<int8_t> = DType::i8;
template <>
inline constexpr DType kDTypeOf<bool> = DType::boolean;

}  // namespace chainrule
