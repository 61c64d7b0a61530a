#pragma once
#pragma GCC system_header
// The AVX-512 intrinsics of native/simd in AVX2, so that a machine without AVX-512 can run the kernels that are written for it, slowly: `npm run test:avx512` includes this
// before everything else and compiles with -march=x86-64-v3. Vectors of 64 bytes are the compiler's own, which splits them. What the kernels begin to use must be added
// here; what is missing does not compile.
#include <cmath>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

namespace chainrule::emulated {

/// A vector's lanes as an array of T.
template <class T, class V>
struct Lanes {
  T at[sizeof(V) / sizeof(T)];
};
template <class T, class V>
inline Lanes<T, V> lanes(V v) {
  Lanes<T, V> all;
  std::memcpy(&all, &v, sizeof all);
  return all;
}
template <class T, class V>
inline V vector(const Lanes<T, V>& all) {
  V v;
  std::memcpy(&v, &all, sizeof v);
  return v;
}

/// Lane i is f(i) where bit i of k is set, and otherwise's lane elsewhere.
template <class T, class V, class F>
inline V where(uint64_t k, V otherwise, F f) {
  Lanes<T, V> all = lanes<T>(otherwise);
  for (unsigned i = 0; i < sizeof(V) / sizeof(T); ++i) {
    if ((k >> i & 1) != 0) all.at[i] = f(i);
  }
  return vector<T, V>(all);
}
/// Bit i is f(i).
template <class T, class F>
inline uint64_t mask(F f) {
  uint64_t k = 0;
  for (unsigned i = 0; i < 64 / sizeof(T); ++i) k |= uint64_t{f(i) ? 1u : 0u} << i;
  return k;
}

/// f on both halves, as the processor does it for half the width.
template <class Half, class V, class F>
inline V halves(F f, V a) {
  const Lanes<Half, V> x = lanes<Half>(a);
  return vector<Half, V>({{f(x.at[0]), f(x.at[1])}});
}
template <class Half, class V, class F>
inline V halves(F f, V a, V b) {
  const Lanes<Half, V> x = lanes<Half>(a), y = lanes<Half>(b);
  return vector<Half, V>({{f(x.at[0], y.at[0]), f(x.at[1], y.at[1])}});
}
template <class Half, class V, class F>
inline V halves(F f, V a, V b, V c) {
  const Lanes<Half, V> x = lanes<Half>(a), y = lanes<Half>(b), z = lanes<Half>(c);
  return vector<Half, V>({{f(x.at[0], y.at[0], z.at[0]), f(x.at[1], y.at[1], z.at[1])}});
}
/// `to` where k has a bit, `otherwise` elsewhere.
template <class T, class V>
inline V choose(uint64_t k, V to, V otherwise) {
  if (k == (~uint64_t{0} >> (64 - 64 / sizeof(T)))) return to;
  const Lanes<T, V> all = lanes<T>(to);
  return where<T>(k, otherwise, [&](unsigned i) { return all.at[i]; });
}

// ---- memory ----
inline __m512i loadu_si512(const void* p) {
  __m512i v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void stream_si512(__m512i* p, __m512i v) {
  const Lanes<__m256i, __m512i> x = lanes<__m256i>(v);
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), x.at[0]);
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p) + 1, x.at[1]);
}
template <class T>
inline __m512i masked_load(uint64_t k, const void* p) {
  return where<T>(k, __m512i{}, [&](unsigned i) {
    T x;
    std::memcpy(&x, static_cast<const T*>(p) + i, sizeof x);
    return x;
  });
}
template <class T>
inline void masked_store(void* p, uint64_t k, __m512i v) {
  const Lanes<T, __m512i> all = lanes<T>(v);
  for (unsigned i = 0; i < 64 / sizeof(T); ++i) {
    if ((k >> i & 1) != 0) std::memcpy(static_cast<T*>(p) + i, &all.at[i], sizeof(T));
  }
}
inline __m512i maskz_loadu_epi32(__mmask16 k, const void* p) { return masked_load<int32_t>(k, p); }
inline __m512i maskz_loadu_epi64(__mmask8 k, const void* p) { return masked_load<int64_t>(k, p); }
inline void mask_storeu_epi32(void* p, __mmask16 k, __m512i v) { masked_store<int32_t>(p, k, v); }
inline void mask_storeu_epi64(void* p, __mmask8 k, __m512i v) { masked_store<int64_t>(p, k, v); }
/// Lane i from p + scale index[i]; lanes without a bit are not read.
template <class T, class I, class V, class W>
inline V gather(V otherwise, uint64_t k, W index, const void* p, int scale) {
  const Lanes<I, W> at = lanes<I>(index);
  return where<T>(k, otherwise, [&](unsigned i) {
    T x;
    std::memcpy(&x, static_cast<const char*>(p) + int64_t{at.at[i]} * scale, sizeof x);
    return x;
  });
}
inline __m256i mask_i64gather_epi32(__m256i otherwise, __mmask8 k, __m512i index, const void* p, int scale) {
  return gather<int32_t, int64_t>(otherwise, k, index, p, scale);
}
inline __m512i mask_i32gather_epi32(__m512i otherwise, __mmask16 k, __m512i index, const void* p, int scale) {
  return gather<int32_t, int32_t>(otherwise, k, index, p, scale);
}
inline __m512i mask_i64gather_epi64(__m512i otherwise, __mmask8 k, __m512i index, const void* p, int scale) {
  return gather<int64_t, int64_t>(otherwise, k, index, p, scale);
}

// ---- constants ----
inline __m512i setzero_si512() { return __m512i{}; }
template <class T>
inline __m512i all_lanes(T x) {
  return where<T>(~uint64_t{0}, __m512i{}, [=](unsigned) { return x; });
}
inline __m512i set1_epi64(long long x) { return all_lanes<int64_t>(x); }
inline __m512i set1_epi32(int x) { return all_lanes<int32_t>(x); }
inline __m512i set1_epi16(short x) { return all_lanes<int16_t>(x); }

// ---- floating point ----
inline __m512 fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return halves<__m256>([](__m256 x, __m256 y, __m256 z) { return _mm256_fmadd_ps(x, y, z); }, a, b, c);
}
inline __m512d fmadd_pd(__m512d a, __m512d b, __m512d c) {
  return halves<__m256d>([](__m256d x, __m256d y, __m256d z) { return _mm256_fmadd_pd(x, y, z); }, a, b, c);
}
inline __m512 maskz_sqrt_ps(__mmask16 k, __m512 a) {
  return choose<float>(k, halves<__m256>([](__m256 x) { return _mm256_sqrt_ps(x); }, a), __m512{});
}
inline __m512d maskz_sqrt_pd(__mmask8 k, __m512d a) {
  return choose<double>(k, halves<__m256d>([](__m256d x) { return _mm256_sqrt_pd(x); }, a), __m512d{});
}
template <int Mode>
inline __m512 maskz_roundscale_ps(__mmask16 k, __m512 a) {
  static_assert(Mode < 16, "the upper bits would be a scale");
  return choose<float>(k, halves<__m256>([](__m256 x) { return _mm256_round_ps(x, Mode); }, a), __m512{});
}
template <int Mode>
inline __m512d maskz_roundscale_pd(__mmask8 k, __m512d a) {
  static_assert(Mode < 16, "the upper bits would be a scale");
  return choose<double>(k, halves<__m256d>([](__m256d x) { return _mm256_round_pd(x, Mode); }, a), __m512d{});
}
inline __m512 max_ps(__m512 a, __m512 b) {
  return halves<__m256>([](__m256 x, __m256 y) { return _mm256_max_ps(x, y); }, a, b);
}
inline __m512d max_pd(__m512d a, __m512d b) {
  return halves<__m256d>([](__m256d x, __m256d y) { return _mm256_max_pd(x, y); }, a, b);
}
inline __m512 min_ps(__m512 a, __m512 b) {
  return halves<__m256>([](__m256 x, __m256 y) { return _mm256_min_ps(x, y); }, a, b);
}
inline __m512d min_pd(__m512d a, __m512d b) {
  return halves<__m256d>([](__m256d x, __m256d y) { return _mm256_min_pd(x, y); }, a, b);
}
inline __m512 maskz_max_ps(__mmask16 k, __m512 a, __m512 b) { return choose<float>(k, max_ps(a, b), __m512{}); }
inline __m512d maskz_max_pd(__mmask8 k, __m512d a, __m512d b) { return choose<double>(k, max_pd(a, b), __m512d{}); }
inline __m512 maskz_min_ps(__mmask16 k, __m512 a, __m512 b) { return choose<float>(k, min_ps(a, b), __m512{}); }
inline __m512d maskz_min_pd(__mmask8 k, __m512d a, __m512d b) { return choose<double>(k, min_pd(a, b), __m512d{}); }
inline __m512 mask_max_ps(__m512 o, __mmask16 k, __m512 a, __m512 b) { return choose<float>(k, max_ps(a, b), o); }
inline __m512d mask_max_pd(__m512d o, __mmask8 k, __m512d a, __m512d b) { return choose<double>(k, max_pd(a, b), o); }
inline __m512 mask_min_ps(__m512 o, __mmask16 k, __m512 a, __m512 b) { return choose<float>(k, min_ps(a, b), o); }
inline __m512d mask_min_pd(__m512d o, __mmask8 k, __m512d a, __m512d b) { return choose<double>(k, min_pd(a, b), o); }

/// x 2^floor(n), rounded once: below 2^-1074 and above 2^1024 more halves and doubles change nothing.
template <class T, class V>
inline V scalef(uint64_t k, V x, V n) {
  const Lanes<T, V> a = lanes<T>(x), b = lanes<T>(n);
  return where<T>(k, V{}, [&](unsigned i) -> T {
    if (std::isnan(a.at[i]) || std::isnan(b.at[i])) return a.at[i] + b.at[i];
    const double power = std::floor(static_cast<double>(b.at[i]));
    if (std::isinf(b.at[i])) return a.at[i] * static_cast<T>(power > 0 ? INFINITY : 0);
    return static_cast<T>(std::ldexp(static_cast<double>(a.at[i]), static_cast<int>(power > 4200 ? 4200 : power < -4200 ? -4200 : power)));
  });
}
inline __m512 maskz_scalef_ps(__mmask16 k, __m512 x, __m512 n) { return scalef<float>(k, x, n); }
inline __m512d maskz_scalef_pd(__mmask8 k, __m512d x, __m512d n) { return scalef<double>(k, x, n); }

/// Bit i is what the comparison says of lane i.
template <int Comparison>
inline __mmask16 cmp_ps_mask(__m512 a, __m512 b) {
  const auto bits = [](__m256 x, __m256 y) { return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, Comparison))); };
  const Lanes<__m256, __m512> x = lanes<__m256>(a), y = lanes<__m256>(b);
  return static_cast<__mmask16>(bits(x.at[0], y.at[0]) | bits(x.at[1], y.at[1]) << 8);
}
template <int Comparison>
inline __mmask8 cmp_pd_mask(__m512d a, __m512d b) {
  const auto bits = [](__m256d x, __m256d y) { return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x, y, Comparison))); };
  const Lanes<__m256d, __m512d> x = lanes<__m256d>(a), y = lanes<__m256d>(b);
  return static_cast<__mmask8>(bits(x.at[0], y.at[0]) | bits(x.at[1], y.at[1]) << 4);
}
inline __m512i maskz_cvttps_epi32(__mmask16 k, __m512 a) {
  const Lanes<__m256, __m512> x = lanes<__m256>(a);
  const __m512i whole = vector<__m256i, __m512i>({{_mm256_cvttps_epi32(x.at[0]), _mm256_cvttps_epi32(x.at[1])}});
  return choose<int32_t>(k, whole, __m512i{});
}
inline __m512 maskz_cvtph_ps(__mmask16 k, __m256i a) {
  const Lanes<__m128i, __m256i> x = lanes<__m128i>(a);
  return choose<float>(k, vector<__m256, __m512>({{_mm256_cvtph_ps(x.at[0]), _mm256_cvtph_ps(x.at[1])}}), __m512{});
}
template <int Mode>
inline __m256i maskz_cvtps_ph(__mmask16 k, __m512 a) {
  const Lanes<__m256, __m512> x = lanes<__m256>(a);
  const Lanes<int16_t, __m256i> all =
      lanes<int16_t>(vector<__m128i, __m256i>({{_mm256_cvtps_ph(x.at[0], Mode), _mm256_cvtps_ph(x.at[1], Mode)}}));
  return where<int16_t>(k, __m256i{}, [&](unsigned i) { return all.at[i]; });
}

// ---- integers ----
template <class T>
inline uint64_t below(__m512i a, __m512i b) {
  const Lanes<T, __m512i> x = lanes<T>(a), y = lanes<T>(b);
  return mask<T>([&](unsigned i) { return x.at[i] < y.at[i]; });
}
inline __mmask16 cmplt_epu32_mask(__m512i a, __m512i b) { return static_cast<__mmask16>(below<uint32_t>(a, b)); }
inline __mmask8 cmplt_epu64_mask(__m512i a, __m512i b) { return static_cast<__mmask8>(below<uint64_t>(a, b)); }
inline __mmask8 test_epi64_mask(__m512i a, __m512i b) {
  const Lanes<uint64_t, __m512i> x = lanes<uint64_t>(a), y = lanes<uint64_t>(b);
  return static_cast<__mmask8>(mask<uint64_t>([&](unsigned i) { return (x.at[i] & y.at[i]) != 0; }));
}
inline __mmask64 movepi8_mask(__m512i a) { return below<int8_t>(a, __m512i{}); }
inline __m512i abs_epi8(__m512i a) {
  return halves<__m256i>([](__m256i x) { return _mm256_abs_epi8(x); }, a);
}
inline __m512i mask_sub_epi8(__m512i otherwise, __mmask64 k, __m512i a, __m512i b) {
  return choose<int8_t>(k, halves<__m256i>([](__m256i x, __m256i y) { return _mm256_sub_epi8(x, y); }, a, b), otherwise);
}
inline __m512i maddubs_epi16(__m512i a, __m512i b) {
  return halves<__m256i>([](__m256i x, __m256i y) { return _mm256_maddubs_epi16(x, y); }, a, b);
}
inline __m512i madd_epi16(__m512i a, __m512i b) {
  return halves<__m256i>([](__m256i x, __m256i y) { return _mm256_madd_epi16(x, y); }, a, b);
}
inline __m512i maskz_mul_epu32(__mmask8 k, __m512i a, __m512i b) {
  return choose<int64_t>(k, halves<__m256i>([](__m256i x, __m256i y) { return _mm256_mul_epu32(x, y); }, a, b), __m512i{});
}
/// Each bit of the result is that bit of Table which the bits of a, b and c number.
template <int Table>
inline __m512i mask_ternarylogic_epi32(__m512i a, __mmask16 k, __m512i b, __m512i c) {
  __m512i found{};
  for (int row = 0; row < 8; ++row) {
    if ((Table >> row & 1) != 0) found |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
  }
  return choose<int32_t>(k, found, a);
}

// ---- lanes in another order ----
template <class T>
inline __m512i pick(__m512i a, __m512i index, __m512i b) {
  constexpr T count = 64 / sizeof(T);
  const Lanes<T, __m512i> x = lanes<T>(a), y = lanes<T>(b), at = lanes<T>(index);
  return where<T>(~uint64_t{0}, a, [&](unsigned i) { return ((at.at[i] & count) == 0 ? x : y).at[at.at[i] & (count - 1)]; });
}
inline __m512i permutex2var_epi32(__m512i a, __m512i index, __m512i b) { return pick<int32_t>(a, index, b); }
inline __m512i permutex2var_epi64(__m512i a, __m512i index, __m512i b) { return pick<int64_t>(a, index, b); }
inline __m512 maskz_permutexvar_ps(__mmask16 k, __m512i index, __m512 a) {
  const Lanes<float, __m512> x = lanes<float>(a);
  const Lanes<uint32_t, __m512i> at = lanes<uint32_t>(index);
  return where<float>(k, __m512{}, [&](unsigned i) { return x.at[at.at[i] & 15]; });
}

}  // namespace chainrule::emulated

// What tells the kernels that AVX-512 is there; it must not be said before immintrin.h.
#define __AVX512F__ 1
#define CHAINRULE_EMULATE_AVX512

#define _mm512_abs_epi8 chainrule::emulated::abs_epi8
#define _mm512_cmp_pd_mask(a, b, constant) chainrule::emulated::cmp_pd_mask<(constant)>(a, b)
#define _mm512_cmp_ps_mask(a, b, constant) chainrule::emulated::cmp_ps_mask<(constant)>(a, b)
#define _mm512_cmplt_epu32_mask chainrule::emulated::cmplt_epu32_mask
#define _mm512_cmplt_epu64_mask chainrule::emulated::cmplt_epu64_mask
#define _mm512_fmadd_pd chainrule::emulated::fmadd_pd
#define _mm512_fmadd_ps chainrule::emulated::fmadd_ps
#define _mm512_loadu_si512 chainrule::emulated::loadu_si512
#define _mm512_madd_epi16 chainrule::emulated::madd_epi16
#define _mm512_maddubs_epi16 chainrule::emulated::maddubs_epi16
#define _mm512_mask_i32gather_epi32 chainrule::emulated::mask_i32gather_epi32
#define _mm512_mask_i64gather_epi32 chainrule::emulated::mask_i64gather_epi32
#define _mm512_mask_i64gather_epi64 chainrule::emulated::mask_i64gather_epi64
#define _mm512_mask_max_pd chainrule::emulated::mask_max_pd
#define _mm512_mask_max_ps chainrule::emulated::mask_max_ps
#define _mm512_mask_min_pd chainrule::emulated::mask_min_pd
#define _mm512_mask_min_ps chainrule::emulated::mask_min_ps
#define _mm512_mask_storeu_epi32 chainrule::emulated::mask_storeu_epi32
#define _mm512_mask_storeu_epi64 chainrule::emulated::mask_storeu_epi64
#define _mm512_mask_sub_epi8 chainrule::emulated::mask_sub_epi8
#define _mm512_mask_ternarylogic_epi32(a, b, c, d, constant) chainrule::emulated::mask_ternarylogic_epi32<(constant)>(a, b, c, d)
#define _mm512_maskz_cvtph_ps chainrule::emulated::maskz_cvtph_ps
#define _mm512_maskz_cvtps_ph(a, b, constant) chainrule::emulated::maskz_cvtps_ph<(constant)>(a, b)
#define _mm512_maskz_cvttps_epi32 chainrule::emulated::maskz_cvttps_epi32
#define _mm512_maskz_loadu_epi32 chainrule::emulated::maskz_loadu_epi32
#define _mm512_maskz_loadu_epi64 chainrule::emulated::maskz_loadu_epi64
#define _mm512_maskz_max_pd chainrule::emulated::maskz_max_pd
#define _mm512_maskz_max_ps chainrule::emulated::maskz_max_ps
#define _mm512_maskz_min_pd chainrule::emulated::maskz_min_pd
#define _mm512_maskz_min_ps chainrule::emulated::maskz_min_ps
#define _mm512_maskz_mul_epu32 chainrule::emulated::maskz_mul_epu32
#define _mm512_maskz_permutexvar_ps chainrule::emulated::maskz_permutexvar_ps
#define _mm512_maskz_roundscale_pd(a, b, constant) chainrule::emulated::maskz_roundscale_pd<(constant)>(a, b)
#define _mm512_maskz_roundscale_ps(a, b, constant) chainrule::emulated::maskz_roundscale_ps<(constant)>(a, b)
#define _mm512_maskz_scalef_pd chainrule::emulated::maskz_scalef_pd
#define _mm512_maskz_scalef_ps chainrule::emulated::maskz_scalef_ps
#define _mm512_maskz_sqrt_pd chainrule::emulated::maskz_sqrt_pd
#define _mm512_maskz_sqrt_ps chainrule::emulated::maskz_sqrt_ps
#define _mm512_movepi8_mask chainrule::emulated::movepi8_mask
#define _mm512_permutex2var_epi32 chainrule::emulated::permutex2var_epi32
#define _mm512_permutex2var_epi64 chainrule::emulated::permutex2var_epi64
#define _mm512_set1_epi16 chainrule::emulated::set1_epi16
#define _mm512_set1_epi32 chainrule::emulated::set1_epi32
#define _mm512_set1_epi64 chainrule::emulated::set1_epi64
#define _mm512_setzero_si512 chainrule::emulated::setzero_si512
#define _mm512_stream_si512 chainrule::emulated::stream_si512
#define _mm512_test_epi64_mask chainrule::emulated::test_epi64_mask
