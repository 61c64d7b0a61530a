#pragma once
// Watching for NaN beside a loop that would lose one, at one instruction for two vectors.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

#if defined(__AVX512F__)
template <class T>
using Unordered = unsigned;
/// Not 0 where a or b is NaN.
CR_INLINE unsigned unordered(VF a, VF b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q); }
CR_INLINE unsigned unordered(VD a, VD b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_UNORD_Q); }
CR_INLINE bool any_unordered(unsigned found) { return found != 0; }
#else
template <class T>
using Unordered = IntVec<Vec<T> >;
#if defined(__AVX2__)
CR_INLINE VI unordered(VF a, VF b) { return (VI)_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_UNORD_Q); }
CR_INLINE VL unordered(VD a, VD b) { return (VL)_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_UNORD_Q); }
#else
CR_INLINE VI unordered(VF a, VF b) { return (a != a) | (b != b); }
CR_INLINE VL unordered(VD a, VD b) { return (a != a) | (b != b); }
#endif
template <class M>
CR_INLINE bool any_unordered(M found) {
  return any(found);
}
#endif

}  // namespace chainrule::CR_ISA
