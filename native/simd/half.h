#pragma once
// bf16 and f16 are for storage: values are widened to f32, which is exact, and rounded back to the nearest, halves to even. NaN becomes the
// one quiet NaN of the narrow type, so that the bits are the same on every level.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

typedef uint16_t Halves __attribute__((vector_size(kVecBytes / 2)));  // as many as a VF has lanes

/// bf16 is the upper half of an f32.
CR_INLINE VF widen_bf16(Halves h) { return bitcast<VF>(__builtin_convertvector(h, VI) << 16); }
CR_INLINE Halves narrow_bf16(VF x) {
  const VI bits = bitcast<VI>(x);
  const VI rounded = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) & 0xffff;
  return __builtin_convertvector(select<VI>(is_nan(x), splat<VI>(0x7fc0), rounded), Halves);
}

#if defined(__AVX512F__)
CR_INLINE VF widen_f16(Halves h) { return (VF)_mm512_maskz_cvtph_ps(0xffff, (__m256i)h); }
CR_INLINE Halves round_to_half(VF x) { return (Halves)_mm512_maskz_cvtps_ph(0xffff, (__m512)x, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(__F16C__)
CR_INLINE VF widen_f16(Halves h) { return (VF)_mm256_cvtph_ps((__m128i)h); }
CR_INLINE Halves round_to_half(VF x) { return (Halves)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(__aarch64__)
CR_INLINE VF widen_f16(Halves h) { return (VF)vcvt_f32_f16((float16x4_t)h); }
CR_INLINE Halves round_to_half(VF x) { return (Halves)vcvt_f16_f32((float32x4_t)x); }
#else
/// Exponent and fraction are moved into place and scaled by the difference of the biases, 2^112, which also normalises denormals.
CR_INLINE VF widen_f16(Halves h) {
  const VI wide = __builtin_convertvector(h, VI), rest = (wide & 0x7fff) << 13, sign = (wide & 0x8000) << 16;
  const VI scaled = bitcast<VI>(bitcast<VF>(rest) * 0x1p112f);
  const VI special = rest | 0x7f800000 | ((rest & 0x7fffff) != 0 ? splat<VI>(0x400000) : VI{});  // NaN turns quiet, as by instruction
  return bitcast<VF>(select<VI>((wide & 0x7c00) == 0x7c00, special, scaled) | sign);
}
CR_INLINE Halves round_to_half(VF x) {
  const VI bits = bitcast<VI>(x), size = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
  const VI normal = (size + 0xfff + ((size >> 13) & 1) - 0x38000000) >> 13;
  // Next to 0.5 the last place is 2^-24, the step of f16's denormals: the sum rounds as they do.
  const VI tiny = bitcast<VI>(bitcast<VF>(size) + 0.5f) - 0x3f000000;
  VI half = select<VI>(size < 0x38800000, tiny, normal);
  half = select<VI>(size >= 0x477ff000, splat<VI>(0x7c00), half);  // 65520 and above: infinity
  half = select<VI>(size > 0x7f800000, splat<VI>(0x7e00), half);
  return __builtin_convertvector(half | sign, Halves);
}
#endif
CR_INLINE Halves narrow_f16(VF x) { return round_to_half(select<VF>(is_nan(x), splat<VF>(__builtin_nanf("")), x)); }

template <DType kind>
CR_INLINE VF widen(Halves h) {
  static_assert(kind == DType::bf16 || kind == DType::f16);
  if constexpr (kind == DType::bf16) return widen_bf16(h);
  if constexpr (kind == DType::f16) return widen_f16(h);
}
template <DType kind>
CR_INLINE Halves narrow(VF x) {
  static_assert(kind == DType::bf16 || kind == DType::f16);
  if constexpr (kind == DType::bf16) return narrow_bf16(x);
  if constexpr (kind == DType::f16) return narrow_f16(x);
}

/// n values from `from` as f32.
template <DType kind>
CR_INLINE void widen_all(const uint16_t* from, float* to, int64_t n) {
  constexpr int64_t lanes = kLanes<float>;
  int64_t i = 0;
  Halves h = {};
  for (; i + lanes <= n; i += lanes) {
    std::memcpy(&h, from + i, sizeof h);
    store(to + i, widen<kind>(h));
  }
  if (i == n) return;
  h = Halves{};
  std::memcpy(&h, from + i, static_cast<size_t>(n - i) * sizeof(uint16_t));
  store_partial(to + i, widen<kind>(h), n - i);
}
/// n f32 values rounded.
template <DType kind>
CR_INLINE void narrow_all(const float* from, uint16_t* to, int64_t n) {
  constexpr int64_t lanes = kLanes<float>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Halves h = narrow<kind>(load(from + i));
    std::memcpy(to + i, &h, sizeof h);
  }
  if (i == n) return;
  const Halves h = narrow<kind>(load_partial(from + i, n - i));
  std::memcpy(to + i, &h, static_cast<size_t>(n - i) * sizeof(uint16_t));
}

}  // namespace chainrule::CR_ISA
