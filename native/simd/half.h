#pragma once
// bf16 and f16 are for storage: values are widened to f32, which is exact, and rounded back to the nearest, halves to even. NaN becomes the
// one quiet NaN of the narrow type, so that the bits are the same on every level.
#include "simd/pieces.h"

namespace chainrule::CR_ISA {

typedef uint16_t Halves __attribute__((vector_size(kVecBytes / 2)));  // as many as a VF has lanes

/// bf16 is the upper half of an f32.
CR_INLINE VF widen_bf16(Halves h) { return bitcast<VF>(__builtin_convertvector(h, VI) << 16); }
/// x rounded in the upper half of each lane; what is left in the lower one means nothing.
CR_INLINE VI round_bf16(VF x) {
  const VI bits = bitcast<VI>(x);
  return select<VI>(is_nan(x), splat<VI>(0x7fc00000), bits + 0x7fff + ((bits >> 16) & 1));
}
CR_INLINE Halves narrow_bf16(VF x) { return __builtin_convertvector((round_bf16(x) >> 16) & 0xffff, Halves); }

/// Twice as many as a VF has lanes, in the low and the high 16 bits of its lanes: the order in which widening and rounding move nothing.
struct Bf16Pairs {
  VF low, high;
};
CR_INLINE Bf16Pairs widen_pairs(VI pairs) { return {bitcast<VF>(pairs << 16), bitcast<VF>(pairs & static_cast<int32_t>(0xffff0000))}; }
CR_INLINE VI narrow_pairs(Bf16Pairs x) {
  const VI low = round_bf16(x.low), high = round_bf16(x.high);
#if defined(__AVX2__) && !defined(__AVX512F__)
  return (VI)_mm256_blend_epi16(_mm256_srli_epi32((__m256i)low, 16), (__m256i)high, 0xaa);
#else
  return ((low >> 16) & 0xffff) | (high & static_cast<int32_t>(0xffff0000));
#endif
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

/// Elements in memory: what a kernel that reads several types is a template over.
struct Bf16 {
  uint16_t bits;
  static constexpr DType kind = DType::bf16;
};
struct F16 {
  uint16_t bits;
  static constexpr DType kind = DType::f16;
};
/// The type that a W is computed in.
template <class W>
struct Widened {
  using type = W;
};
template <>
struct Widened<Bf16> {
  using type = float;
};
template <>
struct Widened<F16> {
  using type = float;
};
template <class W>
using Wide = typename Widened<W>::type;

/// A vector of what lies at p, widened; load_wide_partial reads n elements, fewer than a vector has.
template <class W>
CR_INLINE Vec<Wide<W>> load_wide(const W* p) {
  if constexpr (sizeof(W) == 2) {
    Halves h;
    std::memcpy(&h, p, sizeof h);
    return widen<W::kind>(h);
  } else {
    return load(p);
  }
}
template <class W>
CR_INLINE Vec<Wide<W>> load_wide_partial(const W* p, int64_t n) {
  if constexpr (sizeof(W) == 2) {
    Halves h = {};
    std::memcpy(&h, p, static_cast<size_t>(n) * sizeof(W));
    return widen<W::kind>(h);
  } else {
    return load_partial(p, n);
  }
}
template <class W>
CR_INLINE Wide<W> wide(W x) {
  if constexpr (sizeof(W) == 2) {
    return load_wide_partial(&x, 1)[0];
  } else {
    return x;
  }
}

/// The halves in the low and the high 16 bits of each lane.
template <class W, int N>
CR_INLINE void split_pairs(typename VecType<float, 4 * N>::type pairs, typename VecType<float, 4 * N>::type* to) {
  using I = typename VecType<int32_t, 4 * N>::type;
  using F = typename VecType<float, 4 * N>::type;
  const I bits = bitcast<I>(pairs);
  if constexpr (W::kind == DType::bf16) {
    to[0] = bitcast<F>(bits << 16);
    to[1] = bitcast<F>(bits & static_cast<int32_t>(0xffff0000));
  } else {
    const I parts[2] = {bits & 0xffff, (bits >> 16) & 0xffff};
    for (int i = 0; i < 2; ++i) {
      VI all = {};
      std::memcpy(&all, &parts[i], sizeof parts[i]);
      const VF v = widen_f16(__builtin_convertvector(all, Halves));
      std::memcpy(&to[i], &v, sizeof to[i]);
    }
  }
}

/// Columns that load_columns reads at once: 16 bytes of each row.
template <class W>
inline constexpr int kColumns = 16 / static_cast<int>(sizeof(W));
/// A column of N rows for each of kColumns<W> columns, widened: to[k][j] = from[j * stride + k]. Halves are transposed in pairs.
template <int N, class W>
CR_INLINE void load_columns(const W* from, int64_t stride, typename VecType<Wide<W>, N* static_cast<int>(sizeof(Wide<W>))>::type* to) {
  if constexpr (sizeof(W) == 2) {
    using F = typename VecType<float, 4 * N>::type;
    const uint16_t* halves = reinterpret_cast<const uint16_t*>(from);
    F rows[4], pairs[4];
    for (int i = 0; i < 4; ++i) rows[i] = bitcast<F>(load_pieces<uint16_t, 2 * N>(halves + i * stride, 4 * stride));
    transpose_pieces<N>(rows, pairs);
    for (int i = 0; i < 4; ++i) split_pairs<W, N>(pairs[i], to + 2 * i);
  } else {
    load_transposed<N>(from, stride, to);
  }
}

/// n values from `from` as f32.
template <DType kind>
CR_INLINE void widen_all(const uint16_t* from, float* to, int64_t n) {
  constexpr int64_t lanes = kLanes<float>;
  int64_t i = 0;
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (kind == DType::bf16) {  // one exchange of quarters and two unpacks, where a vector at a time takes two of each
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i)), zero = {};
      const __m256i quarters = _mm256_permute4x64_epi64(halves, 0xd8);
      store(to + i, _mm256_unpacklo_epi16(zero, quarters));
      store(to + i + lanes, _mm256_unpackhi_epi16(zero, quarters));
    }
  }
#endif
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
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (kind == DType::bf16) {
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      const VI low = round_bf16(load(from + i)), high = round_bf16(load(from + i + lanes));
      const __m256i quarters = _mm256_packus_epi32(_mm256_srli_epi32((__m256i)low, 16), _mm256_srli_epi32((__m256i)high, 16));
      store(to + i, _mm256_permute4x64_epi64(quarters, 0xd8));
    }
  }
#endif
  for (; i + lanes <= n; i += lanes) {
    const Halves h = narrow<kind>(load(from + i));
    std::memcpy(to + i, &h, sizeof h);
  }
  if (i == n) return;
  const Halves h = narrow<kind>(load_partial(from + i, n - i));
  std::memcpy(to + i, &h, static_cast<size_t>(n - i) * sizeof(uint16_t));
}

}  // namespace chainrule::CR_ISA
