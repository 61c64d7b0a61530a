#pragma once
// log, log1p, log2, softplus. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/exp.h"

namespace chainrule::CR_ISA {

template <class V>
inline constexpr double kMinNormal = kIsF32<V> ? 0x1p-126 : 0x1p-1022;
template <class V>
inline constexpr double kInfinity = __builtin_inf();

/// x = 2^exponent * mantissa, mantissa in [sqrt(1/2), sqrt(2)); x positive and finite.
template <class V>
struct LogReduction {
  V exponent, mantissa;
};
template <class V>
CR_INLINE LogReduction<V> log_reduce(V x) {
  using I = IntVec<V>;
  const auto tiny = x < num<V>(kMinNormal<V>);
  const V normal = select<V>(tiny, x * num<V>(kIsF32<V> ? 0x1p24 : 0x1p54), x);
  const I root_half = int_num<V>(kIsF32<V> ? 0x3f3504f3LL : 0x3fe6a09e667f3bcdLL);
  const I offset = bitcast<I>(normal) - root_half;  // its exponent field is `exponent`, in two's complement
  // The field plus a bias is a small non-negative number; as the fraction of 2^fractionBits it becomes floating without a conversion.
  const I shifted = offset + (int_num<V>(kExponentBias<V>) << kFractionBits<V>);
  const auto field = bitcast<UnsignedVec<V>>(shifted) >> kFractionBits<V>;
  const V base = num<V>(kIsF32<V> ? 0x1p23 : 0x1p52);
  const V biased = bitcast<V>(bitcast<I>(field) | bitcast<I>(base)) - base;
  const V bias = select<V>(tiny, num<V>(kExponentBias<V> + (kIsF32<V> ? 24 : 54)), num<V>(kExponentBias<V>));
  const I fraction = offset & int_num<V>((int64_t{1} << kFractionBits<V>)-1);
  return {biased - bias, bitcast<V>(fraction + root_half)};
}

/// q(z) of log((1+s)/(1-s)) = 2 s (1 + z q(z)), z = s^2 <= 0.0295; relative error 2^-37 (f32), 2^-66 (f64).
template <class V>
CR_INLINE V log_series(V z) {
  if constexpr (kIsF32<V>) {
    return polynomial(z, 0.333333328227345179, 0.2000016759487123169, 0.1426865429002739362, 0.1179107543664775515);
  } else {
    return polynomial(z, 0.3333333333333333049, 0.2000000000000312113, 0.142857142845436943, 0.111111113232836346, 0.09090887842039285447,
                      0.07693544968666015457, 0.06625068400330027657, 0.06625578945811735356);
  }
}

/// s (f^2/2 + 2 z q(z)) with s = f / (2 + f): what log(1 + f) = f - f^2/2 + this lacks. (The arrangement of fdlibm's e_log.c, Sun 1993.)
template <class V>
CR_INLINE V log_tail(V f, V half_square) {
  const V s = f / (num<V>(2) + f);
  const V z = s * s;
  return s * (half_square + (z + z) * log_series(z));
}

/// exponent * ln 2 + log(1 + f).
template <class V>
CR_INLINE V log_assemble(V exponent, V f) {
  const V half_square = num<V>(0.5) * f * f;
  const V tail = log_tail(f, half_square);
  const V high = num<V>(kIsF32<V> ? 0x1.62e4p-1 : 0x1.62e42ffp-1), low = num<V>(kIsF32<V> ? 0x1.7f7d1cp-20 : -0x1.718432a1b0e26p-35);
  return fma(exponent, high, f - (half_square - fma(exponent, low, tail)));
}

/// y, but -inf at x = 0, NaN below, and inf at x = inf; NaN stays NaN.
template <class V>
CR_INLINE V log_special(V x, V y) {
  y = select<V>(x < V{}, num<V>(__builtin_nan("")), y);
  y = select<V>(x == V{}, num<V>(-kInfinity<V>), y);
  return select<V>((x == num<V>(kInfinity<V>)) | (x != x), x, y);
}

/// Natural logarithm. Max error 1 ULP.
template <class V>
CR_INLINE V log(V x) {
  const auto [exponent, mantissa] = log_reduce(x);
  return log_special(x, log_assemble(exponent, mantissa - num<V>(1)));
}

/// log(1 + x), accurate near 0. Max error 2 ULP. log1p(-1) = -inf, log1p(-0) = -0.
template <class V>
CR_INLINE V log1p(V x) {
  const V u = num<V>(1) + x;
  // What the sum lost, at the scale of the mantissa.
  const V lost = select<V>(abs(x) < num<V>(1), x - (u - num<V>(1)), num<V>(1) - (u - x));
  const auto [exponent, mantissa] = log_reduce(u);
  const V f = (mantissa - num<V>(1)) + lost * (mantissa / u);
  const V y = log_special(u, log_assemble(exponent, f));
  return select<V>(abs(x) < num<V>(kIsF32<V> ? 0x1p-25 : 0x1p-54), x, y);
}

/// Logarithm to base 2. Max error 1 ULP; exact at powers of two.
template <class V>
CR_INLINE V log2(V x) {
  const auto [exponent, mantissa] = log_reduce(x);
  const V f = mantissa - num<V>(1);
  const V half_square = num<V>(0.5) * f * f;
  const auto head = fast_two_sum(f, -half_square);
  const V tail = log_tail(f, half_square) + head.low;
  const V high = num<V>(kIsF32<V> ? 0x1.715476p0 : 0x1.71547652b82fep0);  // 1 / ln 2
  const V low = num<V>(kIsF32<V> ? 0x1.4ae0cp-26 : 0x1.777d0ffda0d24p-56);
  const auto product = two_product(head.high, high);
  const auto sum = two_sum(exponent, product.high);
  return log_special(x, sum.high + (sum.low + fma(tail, high, fma(head.high, low, product.low))));
}

/// log(1 + e) for e in [0, 1], without log1p's reduction: 1 + e itself or, above 1.5, 2 (1 + (e - 1) / 2), where e - 1 is exact.
template <class V>
CR_INLINE V log1p_unit(V e) {
  const auto upper = e > num<V>(0.5);
  return log_assemble(select<V>(upper, num<V>(1), V{}), select<V>(upper, num<V>(0.5) * (e - num<V>(1)), e));
}

/// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): no overflow, no cancellation. Max error 2 ULP. NaN stays NaN.
template <class V>
CR_INLINE V softplus(V x) {
  return select<V>(x < V{}, V{}, x) + log1p_unit(exp_not_positive(-abs(x)));
}

}  // namespace chainrule::CR_ISA
