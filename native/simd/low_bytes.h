#pragma once
// Integers and masks cut to bytes.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// Signed integers of half of Size bytes.
template <int Size>
struct HalfOf {
  using type = int8_t;
};
template <>
struct HalfOf<4> {
  using type = int16_t;
};
template <>
struct HalfOf<8> {
  using type = int32_t;
};

/// The low byte of each lane, width by width: in one step the compiler takes them one by one. AVX-512 has an instruction for the step.
template <class B, class I>
CR_INLINE B low_bytes(I v) {
  constexpr int lanes = sizeof(B), size = static_cast<int>(sizeof(I)) / lanes;
  if constexpr (size == 1 || kVecBytes == 64) {
    return __builtin_convertvector(v, B);
  } else {
    return low_bytes<B>(__builtin_convertvector(v, typename VecType<typename HalfOf<size>::type, size / 2 * lanes>::type));
  }
}

}  // namespace chainrule::CR_ISA
