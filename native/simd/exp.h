#pragma once
// exp, expm1, sigmoid, tanh. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/eighths.h"
#include "simd/piecewise.h"

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

/// 2^n e^r.
template <class V>
CR_INLINE V exp_assemble(V r, V n) {
  return times_power_of_two(num<V>(1) + fma(r * r, exp_series(r), r), n);
}
/// exp(x + low) for x within [kExpLowest, kExpHighest], |low| far below one unit in the last place of 1.
template <class V>
CR_INLINE V exp_within(V x, V low) {
  const auto [rounded, n, r, unused] = exp_reduce(x);
  return exp_assemble(r + low, n);
}
template <class V>
CR_INLINE V exp_within(V x) {
  const auto [rounded, n, r, unused] = exp_reduce(x);
  return exp_assemble(r, n);
}
/// e^x for x <= 0 (or NaN).
template <class V>
CR_INLINE V exp_not_positive(V x) {
  return exp_within(at_least(x, num<V>(kExpLowest<V>)));
}

/// e^x. Max error 1 ULP. exp(-inf) = 0, exp(+inf) = inf, NaN stays NaN; results below the normal range are correctly denormal.
template <class V>
CR_INLINE V exp(V x) {
  const V limited = limit(x, kExpLowest<V>, kExpHighest<V>);
  if constexpr (kIsF32<V> && kHasFma) return exp_by_eighths<4>(x, limited, !any(abs(x) > num<VF>(60)));
  if constexpr (!kIsF32<V> || !kHasFma) return exp_within(limited);
}

/// q(r) of 2^r = 1 + r q(r) for |r| <= 1/2; relative error 2^-29 (f32), 2^-58 (f64).
template <class V>
CR_INLINE V exp2_series(V r) {
  if constexpr (kIsF32<V>) {
    return polynomial(r, 0.6931472062484805989, 0.2402265134598073358, 0.05550327786335083867, 0.009618003898878966136,
                      0.001340027173737731855, 0.0001547629560632094695);
  } else {
    return polynomial(r, 0.693147180559945308, 0.2402265069591013323, 0.05550410866482174182, 0.009618129107593333235,
                      0.001333355814637902763, 0.00015403530458078126, 0.00001525273386754570221, 1.321543481761912928e-6,
                      1.017804646042735285e-7, 7.073860061355778571e-9, 4.457387260422008565e-10);
  }
}

/// 2^x for x <= 127, where results below the normal range are 0: the exponentials of a softmax over scores times log2(e), at half the price
/// of exp(). Max error 1 ULP; exp2_flushed(-inf) = 0, NaN stays NaN.
template <class V>
CR_INLINE V exp2_flushed(V x) {
  const V rounded = x + num<V>(kRounder<V>);
  const V r = x - (rounded - num<V>(kRounder<V>));  // exact
  const V y = fma(r, exp2_series(r), num<V>(1)) * power_of_two(rounded);
  return select<V>(x < num<V>(kIsF32<V> ? -126.0 : -1022.0), V{}, y);
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

/// 1 / (1 + e^-x) from e^-|x|, so that neither end loses digits.
template <class V>
CR_INLINE V sigmoid_by_division(V x) {
  const V e = exp_not_positive(-abs(x));
  const auto negative = x < V{};
  const auto divisor = fast_two_sum(num<V>(1), e);
  const V ratio = select<V>(negative, e, num<V>(1)) / divisor.high;
  // What the divisor lost in rounding, as a factor of the result; 1 / divisor is ratio or 1 - ratio.
  const V reciprocal = select<V>(negative, num<V>(1) - ratio, ratio);
  return fma(-ratio, reciprocal * divisor.low, ratio);
}
/// The same from 1 / (1 + e^|x|).
CR_INLINE VF sigmoid_from_low(VF low, VF x) { return select<VF>(x < VF{}, low, num<VF>(1) - low); }
/// The same by a table up to |x| = 17.4. Above, 1 is exact; below, e^x (1 - e^x) is, and such x are rare.
CR_INLINE VF sigmoid_by_table(VF x) {
  constexpr double kWidth = 1.125, kReach = 17.4;
  const VF z = at_most(abs(x), num<VF>(kReach));
  const VI interval = nearest_interval(z, kWidth);
  if (in_first_half(interval)) return sigmoid_from_low(piecewise<true>(kSigmoidTable, interval, z), x);
  VF y = sigmoid_from_low(piecewise(kSigmoidTable, interval, z), x);
  if (__builtin_expect(any_below(x, num<VF>(-kReach)), 0)) {
    const VF e = exp_not_positive(at_most(x, VF{}));
    y = select<VF>(x < num<VF>(-kReach), fma(-e, e, e), y);
  }
  return y;
}
/// 1 / (1 + e^-x). Max error 2 ULP.
template <class V>
CR_INLINE V sigmoid(V x) {
  if constexpr (kIsF32<V>) return sigmoid_by_table(x);
  if constexpr (!kIsF32<V>) return sigmoid_by_division(x);
}

/// Hyperbolic tangent from m = e^(2|x|) - 1: m / (m + 2) for small |x|, 1 - 2 / (m + 2) above.
template <class V>
CR_INLINE V tanh_by_division(V x) {
  const V m = expm1(abs(x) + abs(x));
  const auto small = m < num<V>(2);  // |x| < 0.549
  const V divisor = m + num<V>(2);
  const V ratio = select<V>(small, m, num<V>(2)) / divisor;
  // For small |x|, what the divisor lost in rounding, as a factor of the result; 1 / divisor is (1 - ratio) / 2 there.
  const V lost = (m - (divisor - num<V>(2))) * fma(ratio, num<V>(-0.5), num<V>(0.5));
  return copysign(select<V>(small, fma(-ratio, lost, ratio), num<V>(1) - ratio), x);
}
inline constexpr auto kTanhTurned = turned(kTanhTable);
/// Hyperbolic tangent. Max error 2 ULP. tanh(-0) = -0.
template <class V>
CR_INLINE V tanh(V x) {
  if constexpr (kIsF32<V>) {
    const V z = at_most(abs(x), num<V>(9.1));  // 1 from here on
    const VI interval = shifted_interval(z);
    if (in_first_half(interval + 4)) return copysign(piecewise<true>(kTanhTurned.row, interval + 4, z), x);
    return copysign(piecewise(kTanhTable, interval, z), x);
  } else {
    return tanh_by_division(x);
  }
}

}  // namespace chainrule::CR_ISA
