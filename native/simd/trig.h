#pragma once
// sin and cos for every finite argument. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/poly.h"

namespace chainrule::CR_ISA {

/// The first 1344 bits of 2 / pi after the point.
inline constexpr uint64_t kTwoOverPi[21] = {
    0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u, 0xb7246e3a424dd2e0u, 0x06492eea09d1921cu,
    0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u, 0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu,
    0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du, 0x7527bac7ebe5f17bu, 0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u,
    0x56033046fc7b6babu, 0xf0cfbc209af4361du, 0xa9e391615ee61b08u};

struct ScalarReduction {
  double r;
  int64_t quadrant;
};

/// 64 bits of 2 / pi, the first of them bit number `first` after the point (bits before the point are 0).
inline uint64_t two_over_pi_bits(int64_t first) {
  const int64_t word = first >> 6, shift = first & 63;
  const uint64_t a = word < 0 ? 0 : kTwoOverPi[word], b = word + 1 < 0 ? 0 : kTwoOverPi[word + 1];
  return shift == 0 ? a : (a << shift) | (b >> (64 - shift));
}

/// x = quadrant * pi/2 + r, |r| <= pi/4, for a finite |x| >= 2^16, by exact integer arithmetic (Payne & Hanek 1983): of the product of
/// x's 53 bits with 2/pi, only the 192 bits that matter modulo 4 are formed.
[[gnu::noinline]] inline ScalarReduction reduce_large(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int64_t exponent = static_cast<int64_t>(bits >> 52 & 2047) - 1075;  // |x| = integer * 2^exponent
  const uint64_t integer = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  // Bit j of 2/pi (from 1) weighs 2^(exponent - j) * integer: those with j < exponent - 1 are multiples of 4.
  const int64_t first = exponent - 2;  // counted from 0
  unsigned __int128 low = static_cast<unsigned __int128>(integer) * two_over_pi_bits(first + 128);
  unsigned __int128 middle = static_cast<unsigned __int128>(integer) * two_over_pi_bits(first + 64) + (low >> 64);
  uint64_t top = integer * two_over_pi_bits(first) + static_cast<uint64_t>(middle >> 64);
  // top:middle:low is x * 2/pi modulo 4, with 190 bits after the point.
  int64_t quadrant = static_cast<int64_t>(top >> 62);
  uint64_t high = top << 2 | static_cast<uint64_t>(middle) >> 62;
  uint64_t next = static_cast<uint64_t>(middle) << 2 | static_cast<uint64_t>(low) >> 62;
  const bool up = high >> 63 != 0;
  if (up) {
    ++quadrant;
    high = ~high;
    next = ~next;  // off by 2^-128: nothing
  }
  // r = fraction * pi/2 with one rounding: 32 bits of the fraction times pi/2 without error, the rest added.
  const double head = static_cast<double>(high >> 32) * 0x1p-32;
  const double rest = static_cast<double>(high & 0xffffffffu) * 0x1p-64 + static_cast<double>(next) * 0x1p-128;
  const double product = head * 0x1.921fb54442d18p0;
  const double lost = __builtin_fma(head, 0x1.921fb54442d18p0, -product);
  const double r = product + (lost + (head * 0x1.1a62633145c07p-54 + rest * 0x1.921fb54442d18p0));
  const bool negative = bits >> 63 != 0;
  return {up != negative ? -r : r, negative ? -quadrant : quadrant};
}

/// x = quadrant * pi/2 + r.
template <class V>
struct TrigReduction {
  V r;
  IntVec<V> quadrant;
};

template <class V>
CR_INLINE TrigReduction<V> trig_reduce(V x) {
  using T = Scalar<V>;
  const V rounded = fma(x, num<V>(0x1.45f306dc9c883p-1), num<V>(kRounder<V>));
  const V n = rounded - num<V>(kRounder<V>);
  // pi/2 in three parts of the type's own length (Cody & Waite 1980); the first step is exact.
  TrigReduction<V> result;
  if constexpr (kIsF32<V>) {
    result.r = reduce(reduce(reduce(x, n, 0x1.921fb6p0), n, -0x1.777a5cp-25), n, -0x1.ee59dap-50);
  } else {
    result.r = reduce(reduce(reduce(x, n, 0x1.921fb54442d18p0), n, 0x1.1a62633145c07p-54), n, -0x1.f1976b7ed8fbcp-110);
  }
  result.quadrant = bitcast<IntVec<V>>(rounded);
  const V limit = num<V>(kIsF32<V> ? 0x1p16 : 0x1p27);
  const auto large = abs(x) > limit;
  if (any(large)) [[unlikely]] {
    for (int i = 0; i < kLanes<T>; ++i) {
      const double value = static_cast<double>(x[i]);
      if (large[i] == 0) continue;
      const auto [r, quadrant] = value - value == 0 ? reduce_large(value) : ScalarReduction{value - value, 0};  // inf gives NaN
      result.r[i] = static_cast<T>(r);
      result.quadrant[i] = static_cast<Scalar<IntVec<V>>>(quadrant);
    }
  }
  return result;
}

/// sin r for |r| <= pi/4; relative error of the polynomial 2^-37 (f32), 2^-68 (f64).
template <class V>
CR_INLINE V sin_reduced(V r) {
  const V z = r * r;
  V q;
  if constexpr (kIsF32<V>) {
    q = polynomial(z, -0.1666666664162647958, 0.008333329385887374521, -0.0001983933483786672226, 2.718311532036034652e-6);
  } else {
    q = polynomial(z, -0.1666666666666666664, 0.008333333333333322828, -0.000198412698412551365, 2.755731921422697203e-6,
                   -2.505210492130767352e-8, 1.605836789030463313e-10, -7.5787616367688024e-13);
  }
  return fma(r * z, q, r);
}
/// cos r for |r| <= pi/4; error of the polynomial 2^-33 (f32), 2^-64 (f64).
template <class V>
CR_INLINE V cos_reduced(V r) {
  const V z = r * r;
  V q;
  if constexpr (kIsF32<V>) {
    q = polynomial(z, 0.04166664686646337776, -0.001388736751692499214, 0.00002443845173784226429);
  } else {
    q = polynomial(z, 0.04166666666666659956, -0.001388888888887413872, 0.00002480158728949187441, -2.755731435525445182e-7,
                   2.087572368607135293e-9, -1.135966995023837477e-11);
  }
  const V half = num<V>(0.5) * z;
  const V head = num<V>(1) - half;
  return head + fma(z * z, q, (num<V>(1) - head) - half);
}

/// sin(r + quadrant * pi/2).
template <class V>
CR_INLINE V sin_quadrant(V r, IntVec<V> quadrant) {
  const auto one = int_num<V>(1), two = int_num<V>(2);
  const V y = select<V>((quadrant & one) == one, cos_reduced(r), sin_reduced(r));
  return select<V>((quadrant & two) == two, -y, y);
}

/// Sine. Max error 2 ULP for every finite x; NaN for infinite x; sin(-0) = -0. Above 2^16 (f32) or 2^27 (f64) a slower exact reduction.
template <class V>
CR_INLINE V sin(V x) {
  const auto [r, quadrant] = trig_reduce(x);
  return select<V>(abs(x) < num<V>(kIsF32<V> ? 0x1p-13 : 0x1p-27), x, sin_quadrant(r, quadrant));
}
/// Cosine, as sin.
template <class V>
CR_INLINE V cos(V x) {
  const auto [r, quadrant] = trig_reduce(x);
  return sin_quadrant(r, quadrant + int_num<V>(1));
}

}  // namespace chainrule::CR_ISA
