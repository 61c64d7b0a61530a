#pragma once
// Floats to integers by the instruction that the processor has for it.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// x cut towards zero; NaN is 0, and what is out of range the nearest bound.
CR_INLINE VI truncate_saturated(VF x) {
#if defined(__aarch64__)
  return (VI)vcvtq_s32_f32((float32x4_t)x);
#else
  // x86 gives the lowest integer for whatever does not fit.
#if defined(__AVX512F__)
  const VI whole = (VI)_mm512_maskz_cvttps_epi32(_mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_ORD_Q), (__m512)x);
#elif defined(__AVX2__)
  const VI whole = (VI)_mm256_cvttps_epi32((__m256)x) & (x == x);
#else
  const VI whole = (VI)_mm_cvttps_epi32((__m128)x) & (x == x);
#endif
  return x >= splat<VF>(0x1p31f) ? splat<VI>(INT32_MAX) : whole;
#endif
}

}  // namespace chainrule::CR_ISA
