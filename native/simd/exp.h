#pragma once
// exp, expm1, sigmoid, tanh. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/poly.h"

namespace chainrule::CR_ISA {

/// x = n ln 2 + r + low, |r| <= ln 2 / 2; low is what rounding took from r.
template <class V>
struct ExpReduction {
  V rounded;  // n + kRounder
  V n, r, low;
};

template <class V>
CR_INLINE ExpReduction<V> exp_reduce(V x) {
  const V rounded = fma(x, num<V>(0x1.71547652b82fep0), num<V>(kRounder<V>));
  const V n = rounded - num<V>(kRounder<V>);
  // ln 2 in two parts, the first so short that n times it is exact even without fma.
  const V first = num<V>(kIsF32<V> ? 0x1.62e4p-1 : 0x1.62e42ffp-1), second = num<V>(kIsF32<V> ? 0x1.7f7d1cp-20 : -0x1.718432a1b0e26p-35);
  const V head = fma(-n, first, x);
  const V r = fma(-n, second, head);
  return {rounded, n, r, fma(-n, second, head - r)};
}

/// q(r) of exp(r) - 1 = r + r^2 q(r) for |r| <= ln 2 / 2; relative error 2^-32 (f32), 2^-61.7 (f64).
template <class V>
CR_INLINE V exp_series(V r) {
  if constexpr (kIsF32<V>) {
    return polynomial(r, 0.5000000046387095609, 0.1666666681693566633, 0.04166635477199198271, 0.008333273090446376389,
                      0.001394099926547043316, 0.000199141453911430947);
  } else {
    return polynomial(r, 0.5, 0.1666666666666667659, 0.04166666666666670139, 0.008333333333321625133, 0.001388888888886682776,
                      0.0001984126988613169518, 0.00002480158736057292651, 2.75572442118912082e-6, 2.755724274715852521e-7,
                      2.510903350298258234e-8, 2.092444672833501671e-9);
  }
}

/// Below the first, exp is 0; above the second it is infinite.
template <class V>
inline constexpr double kExpLowest = kIsF32<V> ? -104.0 : -746.0;
template <class V>
inline constexpr double kExpHighest = kIsF32<V> ? 89.0 : 710.0;

/// exp(x + low), |low| far below one unit in the last place of 1. The power of two is applied in two halves, so that results below the
/// normal range are rounded once and overflow gives infinity.
template <class V>
CR_INLINE V exp_sum(V x, V low) {
  const auto [rounded, n, reduced, unused] = exp_reduce(limit(x, kExpLowest<V>, kExpHighest<V>));
  const V r = reduced + low;
  const V half = fma(n, num<V>(0.5), num<V>(kRounder<V>));
  const V rest = (n - (half - num<V>(kRounder<V>))) + num<V>(kRounder<V>);
  return (num<V>(1) + fma(r * r, exp_series(r), r)) * power_of_two(half) * power_of_two(rest);
}

/// e^x. Max error 1 ULP. exp(-inf) = 0, exp(+inf) = inf, NaN stays NaN; results below the normal range are correctly denormal.
template <class V>
CR_INLINE V exp(V x) {
  return exp_sum(x, V{});
}

/// e^x for x <= 88, where results below the normal range are 0: the exponentials of a softmax, with half the work of exp(). Max error 1
/// ULP; exp_flushed(-inf) = 0, NaN stays NaN.
template <class V>
CR_INLINE V exp_flushed(V x) {
  const auto [rounded, n, r, unused] = exp_reduce(x);
  const V y = (num<V>(1) + fma(r * r, exp_series(r), r)) * power_of_two(rounded);
  return select<V>(x < num<V>(kIsF32<V> ? -87.0 : -708.0), V{}, y);
}

/// e^x - 1, accurate near 0. Max error 2 ULP. expm1(-inf) = -1, expm1(-0) = -0.
template <class V>
CR_INLINE V expm1(V x) {
  constexpr double kLowest = kIsF32<V> ? -18 : -40;  // the result is -1 from here down
  const auto [rounded, n, r, low] = exp_reduce(limit(x, kLowest, kExpHighest<V>));
  const V p = r + fma(r * r, exp_series(r), low);
  // 2^n (1 + p) - 1 with half the power of two: 2^n itself may be above the range.
  const V scale = power_of_two(rounded - num<V>(1));
  const V y = num<V>(2) * fma(scale, p, scale - num<V>(0.5));
  return select<V>(abs(x) < num<V>(kIsF32<V> ? 0x1p-25 : 0x1p-54), x, y);
}

/// 1 / (1 + e^-x), computed from e^-|x| so that neither end loses digits. Max error 2 ULP.
template <class V>
CR_INLINE V sigmoid(V x) {
  const V e = exp(-abs(x));
  const auto negative = x < V{};
  const auto divisor = fast_two_sum(num<V>(1), e);
  const V ratio = select<V>(negative, e, num<V>(1)) / divisor.high;
  // What the divisor lost in rounding, as a factor of the result; 1 / divisor is ratio or 1 - ratio.
  const V reciprocal = select<V>(negative, num<V>(1) - ratio, ratio);
  return fma(-ratio, reciprocal * divisor.low, ratio);
}

/// Hyperbolic tangent, from m = e^(2|x|) - 1: m / (m + 2) for small |x|, 1 - 2 / (m + 2) above. Max error 2 ULP. tanh(-0) = -0.
template <class V>
CR_INLINE V tanh(V x) {
  const V m = expm1(abs(x) + abs(x));
  const auto small = m < num<V>(2);  // |x| < 0.549
  const V divisor = m + num<V>(2);
  const V ratio = select<V>(small, m, num<V>(2)) / divisor;
  // For small |x|, what the divisor lost in rounding, as a factor of the result; 1 / divisor is (1 - ratio) / 2 there.
  const V lost = (m - (divisor - num<V>(2))) * fma(ratio, num<V>(-0.5), num<V>(0.5));
  return copysign(select<V>(small, fma(-ratio, lost, ratio), num<V>(1) - ratio), x);
}

}  // namespace chainrule::CR_ISA
