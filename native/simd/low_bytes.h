#pragma once
// Integers and masks cut to bytes.
#include <type_traits>

#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// The low byte of each lane, width by width: in one step the compiler takes them one by one. AVX-512 has an instruction for the step.
template <class B, class I>
CR_INLINE B low_bytes(I v) {
  constexpr int lanes = sizeof(B), size = static_cast<int>(sizeof(I)) / lanes;
  if constexpr (size == 1 || kVecBytes == 64) {
    return __builtin_convertvector(v, B);
  } else {
    using Half = std::conditional_t<size == 8, int32_t, std::conditional_t<size == 4, int16_t, int8_t>>;
    return low_bytes<B>(__builtin_convertvector(v, typename VecType<Half, size / 2 * lanes>::type));
  }
}

}  // namespace chainrule::CR_ISA
