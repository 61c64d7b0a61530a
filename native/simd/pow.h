#pragma once
// x^y = exp(y log x), with log x and the product carried in two parts. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/log.h"

namespace chainrule::CR_ISA {

/// log x with about twice the precision; x positive and finite. 2 s (1 + z (1/3 + z q(z))) in pairs, s = f / (2 + f), z = s^2; relative
/// error of q 2^-30 (f32), 2^-66 (f64), which counts 2^-13 of it.
template <class V>
CR_INLINE Pair<V> log_pair(V x) {
  const auto [exponent, mantissa] = log_reduce(x);
  const V f = mantissa - num<V>(1);
  const auto divisor = fast_two_sum(num<V>(2), f);
  const V sh = f / divisor.high;
  const auto back = two_product(sh, divisor.high);
  const V sl = (((f - back.high) - back.low) - sh * divisor.low) / divisor.high;
  const auto zz = two_product(sh, sh);
  const V zh = zz.high, zl = zz.low + num<V>(2) * sh * sl;
  V q;
  if constexpr (kIsF32<V>) {
    q = polynomial(zh, 0.2000004496543530861, 0.1427651216278797133, 0.1164367744725308779);
  } else {
    q = polynomial(zh, 0.1999999999999999742, 0.142857142857171129, 0.111111111100507984, 0.09090909283086214346, 0.07692288446879526824,
                   0.06667787210804876426, 0.05844683414364472251, 0.0593604607659791563);
  }
  auto third = fast_two_sum(num<V>(1.0 / 3), zh * q);
  third.low += num<V>(kIsF32<V> ? 1.0 / 3 - static_cast<float>(1.0 / 3) : 0x1.5555555555555p-56);
  const auto product = two_product(zh, third.high);
  auto factor = fast_two_sum(num<V>(1), product.high);
  factor.low += product.low + zh * third.low + zl * third.high;
  const auto half = two_product(sh, factor.high);
  const V low = half.low + sh * factor.low + sl * factor.high;
  const auto sum = two_sum(exponent * num<V>(kIsF32<V> ? 0x1.62e4p-1 : 0x1.62e42ffp-1), half.high + half.high);
  return fast_two_sum(sum.high, sum.low + fma(exponent, num<V>(kIsF32<V> ? 0x1.7f7d1cp-20 : -0x1.718432a1b0e26p-35), low + low));
}

/// |x|^y for any y.
template <class V>
CR_INLINE V pow_magnitude(V magnitude, V y) {
  auto log = log_pair(magnitude);
  const auto edge = (magnitude == V{}) | (magnitude == num<V>(kInfinity<V>));
  log.high = select<V>(edge, select<V>(magnitude == V{}, num<V>(-kInfinity<V>), num<V>(kInfinity<V>)), log.high);
  const auto one = magnitude == num<V>(1);
  const V high = select<V>(one, V{}, y * log.high);
  const V low = two_product(y, log.high).low + y * log.low;
  // Out of exp's range (or infinite) the low part means nothing; 1^inf is 1.
  return exp_within(limit(high, kExpLowest<V>, kExpHighest<V>), select<V>((abs(high) < num<V>(1024)) & ~one, low, V{}));
}

/// x^y with the special values of IEEE 754-2019, 9.2.1 (pow). Max error 2 ULP (without fma, a few ULP more).
template <class V>
CR_INLINE V pow(V x, V y) {
  const V magnitude = pow_magnitude(abs(x), y);
  const auto integer = trunc(y) == y;
  const V half = y * num<V>(0.5);
  const auto odd = integer & (trunc(half) != half) & (abs(y) < num<V>(kIsF32<V> ? 0x1p24 : 0x1p53));
  V result = select<V>(odd, copysign(magnitude, x), magnitude);
  const auto negative = (x < V{}) & (x != num<V>(-kInfinity<V>));
  result = select<V>(negative & ~integer, num<V>(__builtin_nan("")), result);
  result = select<V>((x != x) | (y != y), x + y, result);
  return select<V>((x == num<V>(1)) | (y == V{}), num<V>(1), result);
}

}  // namespace chainrule::CR_ISA
