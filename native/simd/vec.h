#pragma once
// Vectors of the native width, by GCC/Clang vector extensions. Operators + - * / < == & | ^ and m ? a : b come with the types; this file
// adds what has no operator. It is the only place with intrinsics. Everything lives in the namespace of the instruction set it is compiled
// for.
//
// Rules that keep results bit-identical on every ISA with fma: only IEEE operations (no reciprocal estimates), explicit fma, and no
// expression whose value depends on the number of lanes (see lanes.h for reductions).
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "dispatch/kernel.h"

#ifndef CR_ISA
#error "kernels are compiled once per instruction set with -DCR_ISA=baseline|avx2|avx512|neon"
#endif

namespace chainrule::CR_ISA {

#if defined(__AVX512F__)
inline constexpr Isa kIsa = Isa::avx512;
inline constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
inline constexpr Isa kIsa = Isa::avx2;
inline constexpr int kVecBytes = 32;
#elif defined(__aarch64__)
inline constexpr Isa kIsa = Isa::neon;
inline constexpr int kVecBytes = 16;
#else
inline constexpr Isa kIsa = Isa::baseline;
inline constexpr int kVecBytes = 16;
#endif

template <class T, int Bytes = kVecBytes>
struct VecType {
  typedef T type __attribute__((vector_size(Bytes)));
};
/// A vector of T in one register.
template <class T>
using Vec = typename VecType<T>::type;
/// Number of T in one register.
template <class T>
inline constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));
/// Element type of a vector.
template <class V>
using Elem = __typeof__(V{}[0] + (V{}[0] - V{}[0]));

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using type = int32_t;
};
template <>
struct IntOf<double> {
  using type = int64_t;
};
template <>
struct IntOf<int32_t> {
  using type = int32_t;
};
template <>
struct IntOf<int64_t> {
  using type = int64_t;
};
template <>
struct IntOf<uint8_t> {
  using type = int8_t;
};
/// The integer of T's width; comparisons of Vec<T> give Vec<IntFor<T>> with 0 or -1 in each lane.
template <class T>
using IntFor = typename IntOf<T>::type;

using VF = Vec<float>;
using VD = Vec<double>;
using VI = Vec<int32_t>;
using VL = Vec<int64_t>;
using VB = Vec<uint8_t>;

template <class V>
struct VecTraits;
template <>
struct VecTraits<VF> {
  using T = float;
  using I = VI;
};
template <>
struct VecTraits<VD> {
  using T = double;
  using I = VL;
};
template <>
struct VecTraits<VI> {
  using T = int32_t;
  using I = VI;
};
template <>
struct VecTraits<VL> {
  using T = int64_t;
  using I = VL;
};
template <>
struct VecTraits<VB> {
  using T = uint8_t;
  using I = Vec<int8_t>;
};
/// Mask and integer vector that goes with V.
template <class V>
using IntVec = typename VecTraits<V>::I;
/// Scalar type of V.
template <class V>
using Scalar = typename VecTraits<V>::T;

#define CR_INLINE static inline __attribute__((always_inline))

// ---- loads and stores (unaligned) ----
template <class T>
CR_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
CR_INLINE void store(T* p, V v) {
  std::memcpy(p, &v, sizeof v);
}
#if defined(__AVX2__) && !defined(__AVX512F__)
/// -1 in the first n lanes of 4 or 8 bytes.
template <int Size>
CR_INLINE __m256i first_lanes(int64_t n) {
  if constexpr (Size == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
#endif
/// First n lanes from p, zeros after; n < kLanes<T>. Nothing behind them is touched. (A memcpy of unknown length is a function call.)
template <class T>
CR_INLINE Vec<T> load_partial(const T* p, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << n) - 1), p);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << n) - 1), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), first_lanes<4>(n));
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), first_lanes<8>(n));
#endif
  Vec<T> v = {};
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(T));
  return v;
}
/// The first n lanes, n <= kLanes<T>.
template <class V, class T>
CR_INLINE void store_partial(T* p, V v, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << n) - 1), (__m512i)v);
  if constexpr (sizeof(T) == 8) return _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << n) - 1), (__m512i)v);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) >= 4) {  // by halves, quarters and eighths: a masked store takes some 20 cycles on AMD's processors up to Zen 4
    constexpr int64_t half = kLanes<T> / 2;
    if (n == kLanes<T>) return store(p, v);
    __m128i rest = _mm256_castsi256_si128((__m256i)v);
    if (n & half) {
      std::memcpy(p, &rest, 16);
      p += half;
      rest = _mm256_extracti128_si256((__m256i)v, 1);
    }
    if (n & half / 2) {
      std::memcpy(p, &rest, 8);
      p += half / 2;
      rest = _mm_unpackhi_epi64(rest, rest);
    }
    if (sizeof(T) == 4 && (n & 1) != 0) std::memcpy(p, &rest, 4);
    return;
  }
#endif
  std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(T));
}
template <class V>
CR_INLINE V splat(Scalar<V> x) {
  return x - V{};
}

/// value in every lane; also for element types that do no arithmetic here.
template <class T>
CR_INLINE Vec<T> splat_any(T value) {
  return value - Vec<T>{};
}
/// Bytes as integers of Size bytes each, width by width: in one step the compiler takes them one by one.
template <int Size, class B, int Lanes = sizeof(B)>
CR_INLINE auto widen(B bytes) {
  const auto half = __builtin_convertvector(bytes, typename VecType<int16_t, 2 * Lanes>::type);
  const auto word = __builtin_convertvector(half, typename VecType<int32_t, 4 * Lanes>::type);
  if constexpr (Size == 4) {
    return word;
  } else {
    return __builtin_convertvector(word, typename VecType<int64_t, 8 * Lanes>::type);
  }
}

// ---- bits ----
template <class To, class From>
CR_INLINE To bitcast(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &v, sizeof to);
  return to;
}
/// m ? a : b, lane by lane; m has 0 or -1 (a comparison's result).
template <class V>
CR_INLINE V select(IntVec<V> m, V a, V b) {
  return m ? a : b;
}
template <class V>
CR_INLINE V abs(V x) {
  using I = IntVec<V>;
  constexpr auto mask = static_cast<Scalar<I>>(sizeof(Scalar<V>) == 4 ? 0x7fffffffLL : 0x7fffffffffffffffLL);
  return bitcast<V>(bitcast<I>(x) & splat<I>(mask));
}
/// Magnitude of x, sign of s.
template <class V>
CR_INLINE V copysign(V x, V s) {
  using I = IntVec<V>;
  constexpr auto mask = static_cast<Scalar<I>>(sizeof(Scalar<V>) == 4 ? 0x7fffffffLL : 0x7fffffffffffffffLL);
  return bitcast<V>((bitcast<I>(x) & splat<I>(mask)) | (bitcast<I>(s) & splat<I>(static_cast<Scalar<I>>(~mask))));
}
template <class V>
CR_INLINE IntVec<V> is_nan(V x) {
  return x != x;
}
/// Whether any lane of the mask is set.
template <class M>
CR_INLINE bool any(M m) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask((__m512i)m, (__m512i)m) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8((__m256i)m) != 0;  // a test of the whole register takes a place in the pipes that multiply
#elif defined(__aarch64__)
  return vmaxvq_u32((uint32x4_t)m) != 0;
#else
  return _mm_testz_si128((__m128i)m, (__m128i)m) == 0;
#endif
}

/// Whether any lane of x is below `bound`.
CR_INLINE bool any_below(VF x, VF bound) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)x, (__m512)bound, _CMP_LT_OQ) != 0;
#else
  return any(x < bound);
#endif
}

// ---- arithmetic that needs an instruction ----
#if defined(__AVX512F__)
// The masked forms: the plain ones of gcc 12 read an uninitialised register and warn about it.
CR_INLINE VF fma(VF a, VF b, VF c) { return (VF)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
CR_INLINE VD fma(VD a, VD b, VD c) { return (VD)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
CR_INLINE VF sqrt(VF x) { return (VF)_mm512_maskz_sqrt_ps(0xffff, (__m512)x); }
CR_INLINE VD sqrt(VD x) { return (VD)_mm512_maskz_sqrt_pd(0xff, (__m512d)x); }
CR_INLINE VF round_even(VF x) { return (VF)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0x08); }
CR_INLINE VD round_even(VD x) { return (VD)_mm512_maskz_roundscale_pd(0xff, (__m512d)x, 0x08); }
CR_INLINE VF floor(VF x) { return (VF)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0x09); }
CR_INLINE VD floor(VD x) { return (VD)_mm512_maskz_roundscale_pd(0xff, (__m512d)x, 0x09); }
CR_INLINE VF ceil(VF x) { return (VF)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0x0a); }
CR_INLINE VD ceil(VD x) { return (VD)_mm512_maskz_roundscale_pd(0xff, (__m512d)x, 0x0a); }
CR_INLINE VF trunc(VF x) { return (VF)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0x0b); }
CR_INLINE VD trunc(VD x) { return (VD)_mm512_maskz_roundscale_pd(0xff, (__m512d)x, 0x0b); }
#elif defined(__AVX2__)
CR_INLINE VF fma(VF a, VF b, VF c) { return (VF)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
CR_INLINE VD fma(VD a, VD b, VD c) { return (VD)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
CR_INLINE VF sqrt(VF x) { return (VF)_mm256_sqrt_ps((__m256)x); }
CR_INLINE VD sqrt(VD x) { return (VD)_mm256_sqrt_pd((__m256d)x); }
CR_INLINE VF round_even(VF x) { return (VF)_mm256_round_ps((__m256)x, 0x08); }
CR_INLINE VD round_even(VD x) { return (VD)_mm256_round_pd((__m256d)x, 0x08); }
CR_INLINE VF floor(VF x) { return (VF)_mm256_round_ps((__m256)x, 0x09); }
CR_INLINE VD floor(VD x) { return (VD)_mm256_round_pd((__m256d)x, 0x09); }
CR_INLINE VF ceil(VF x) { return (VF)_mm256_round_ps((__m256)x, 0x0a); }
CR_INLINE VD ceil(VD x) { return (VD)_mm256_round_pd((__m256d)x, 0x0a); }
CR_INLINE VF trunc(VF x) { return (VF)_mm256_round_ps((__m256)x, 0x0b); }
CR_INLINE VD trunc(VD x) { return (VD)_mm256_round_pd((__m256d)x, 0x0b); }
#elif defined(__aarch64__)
CR_INLINE VF fma(VF a, VF b, VF c) { return (VF)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
CR_INLINE VD fma(VD a, VD b, VD c) { return (VD)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
CR_INLINE VF sqrt(VF x) { return (VF)vsqrtq_f32((float32x4_t)x); }
CR_INLINE VD sqrt(VD x) { return (VD)vsqrtq_f64((float64x2_t)x); }
CR_INLINE VF round_even(VF x) { return (VF)vrndnq_f32((float32x4_t)x); }
CR_INLINE VD round_even(VD x) { return (VD)vrndnq_f64((float64x2_t)x); }
CR_INLINE VF floor(VF x) { return (VF)vrndmq_f32((float32x4_t)x); }
CR_INLINE VD floor(VD x) { return (VD)vrndmq_f64((float64x2_t)x); }
CR_INLINE VF ceil(VF x) { return (VF)vrndpq_f32((float32x4_t)x); }
CR_INLINE VD ceil(VD x) { return (VD)vrndpq_f64((float64x2_t)x); }
CR_INLINE VF trunc(VF x) { return (VF)vrndq_f32((float32x4_t)x); }
CR_INLINE VD trunc(VD x) { return (VD)vrndq_f64((float64x2_t)x); }
#else  // x86-64-v2: SSE4.1, no fma: the product is rounded, so results are close to the other levels but not equal
CR_INLINE VF fma(VF a, VF b, VF c) { return a * b + c; }
CR_INLINE VD fma(VD a, VD b, VD c) { return a * b + c; }
CR_INLINE VF sqrt(VF x) { return (VF)_mm_sqrt_ps((__m128)x); }
CR_INLINE VD sqrt(VD x) { return (VD)_mm_sqrt_pd((__m128d)x); }
CR_INLINE VF round_even(VF x) { return (VF)_mm_round_ps((__m128)x, 0x08); }
CR_INLINE VD round_even(VD x) { return (VD)_mm_round_pd((__m128d)x, 0x08); }
CR_INLINE VF floor(VF x) { return (VF)_mm_round_ps((__m128)x, 0x09); }
CR_INLINE VD floor(VD x) { return (VD)_mm_round_pd((__m128d)x, 0x09); }
CR_INLINE VF ceil(VF x) { return (VF)_mm_round_ps((__m128)x, 0x0a); }
CR_INLINE VD ceil(VD x) { return (VD)_mm_round_pd((__m128d)x, 0x0a); }
CR_INLINE VF trunc(VF x) { return (VF)_mm_round_ps((__m128)x, 0x0b); }
CR_INLINE VD trunc(VD x) { return (VD)_mm_round_pd((__m128d)x, 0x0b); }
#endif

/// Larger of two, lane by lane; NaN if either is NaN (a if it is, else b), b of equals.
template <class V>
CR_INLINE V max(V a, V b) {
  return select<V>((a > b) | (a != a), a, b);
}
/// Smaller of two, lane by lane; NaN if either is NaN (a if it is, else b), b of equals.
template <class V>
CR_INLINE V min(V a, V b) {
  return select<V>((a < b) | (a != a), a, b);
}
/// x where it is not below `low`; NaN stays NaN.
template <class V>
CR_INLINE V at_least(V x, V low) {
  return x < low ? low : x;
}
/// x where it is not above `high`; NaN stays NaN.
template <class V>
CR_INLINE V at_most(V x, V high) {
  return x > high ? high : x;
}
// The same in fewer instructions: x86's maximum is b of equals and when there is a NaN.
#if defined(__AVX512F__)
CR_INLINE VF max(VF a, VF b) {
  return (VF)_mm512_mask_max_ps((__m512)a, _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_ORD_Q), (__m512)a, (__m512)b);
}
CR_INLINE VD max(VD a, VD b) {
  return (VD)_mm512_mask_max_pd((__m512d)a, _mm512_cmp_pd_mask((__m512d)a, (__m512d)a, _CMP_ORD_Q), (__m512d)a, (__m512d)b);
}
CR_INLINE VF min(VF a, VF b) {
  return (VF)_mm512_mask_min_ps((__m512)a, _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_ORD_Q), (__m512)a, (__m512)b);
}
CR_INLINE VD min(VD a, VD b) {
  return (VD)_mm512_mask_min_pd((__m512d)a, _mm512_cmp_pd_mask((__m512d)a, (__m512d)a, _CMP_ORD_Q), (__m512d)a, (__m512d)b);
}
CR_INLINE VF at_least(VF x, VF low) { return (VF)_mm512_maskz_max_ps(0xffff, (__m512)low, (__m512)x); }
CR_INLINE VD at_least(VD x, VD low) { return (VD)_mm512_maskz_max_pd(0xff, (__m512d)low, (__m512d)x); }
CR_INLINE VF at_most(VF x, VF high) { return (VF)_mm512_maskz_min_ps(0xffff, (__m512)high, (__m512)x); }
CR_INLINE VD at_most(VD x, VD high) { return (VD)_mm512_maskz_min_pd(0xff, (__m512d)high, (__m512d)x); }
#elif defined(__AVX2__)
CR_INLINE VF at_least(VF x, VF low) { return (VF)_mm256_max_ps((__m256)low, (__m256)x); }
CR_INLINE VD at_least(VD x, VD low) { return (VD)_mm256_max_pd((__m256d)low, (__m256d)x); }
CR_INLINE VF at_most(VF x, VF high) { return (VF)_mm256_min_ps((__m256)high, (__m256)x); }
CR_INLINE VD at_most(VD x, VD high) { return (VD)_mm256_min_pd((__m256d)high, (__m256d)x); }
CR_INLINE VF max(VF a, VF b) {
  return (VF)_mm256_blendv_ps(_mm256_max_ps((__m256)a, (__m256)b), (__m256)a, _mm256_cmp_ps((__m256)a, (__m256)a, _CMP_UNORD_Q));
}
CR_INLINE VD max(VD a, VD b) {
  return (VD)_mm256_blendv_pd(_mm256_max_pd((__m256d)a, (__m256d)b), (__m256d)a, _mm256_cmp_pd((__m256d)a, (__m256d)a, _CMP_UNORD_Q));
}
CR_INLINE VF min(VF a, VF b) {
  return (VF)_mm256_blendv_ps(_mm256_min_ps((__m256)a, (__m256)b), (__m256)a, _mm256_cmp_ps((__m256)a, (__m256)a, _CMP_UNORD_Q));
}
CR_INLINE VD min(VD a, VD b) {
  return (VD)_mm256_blendv_pd(_mm256_min_pd((__m256d)a, (__m256d)b), (__m256d)a, _mm256_cmp_pd((__m256d)a, (__m256d)a, _CMP_UNORD_Q));
}
#endif

#if defined(__AVX512F__)
#define CR_HAS_SCALE 1
/// x 2^n for whole n (others are rounded down), rounded once.
CR_INLINE VF scale_by_two_to(VF x, VF n) { return (VF)_mm512_maskz_scalef_ps(0xffff, (__m512)x, (__m512)n); }
CR_INLINE VD scale_by_two_to(VD x, VD n) { return (VD)_mm512_maskz_scalef_pd(0xff, (__m512d)x, (__m512d)n); }
#endif

// Scalar forms of the same names, so that a functor templated over V also works on one element.
CR_INLINE float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
CR_INLINE double fma(double a, double b, double c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

}  // namespace chainrule::CR_ISA
