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

#if defined(__AVX2__) && !defined(__AVX512F__)
/// Masks (0 or -1 in each lane) of as many vectors as a lane has bytes, as one vector of bytes.
CR_INLINE Vec<int8_t> joined_masks(const VI* m) {
  const __m256i low = _mm256_packs_epi32((__m256i)m[0], (__m256i)m[1]), high = _mm256_packs_epi32((__m256i)m[2], (__m256i)m[3]);
  return (Vec<int8_t>)_mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
CR_INLINE Vec<int8_t> joined_masks(const VL* m) {
  VI halves[4];
  for (int k = 0; k < 4; ++k) {
    const __m256 both = _mm256_shuffle_ps((__m256)m[2 * k], (__m256)m[2 * k + 1], 0x88);
    halves[k] = (VI)_mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8);
  }
  return joined_masks(halves);
}
#endif

}  // namespace chainrule::CR_ISA
