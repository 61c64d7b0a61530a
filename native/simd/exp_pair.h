#pragma once
// The exponential with about twice the precision, and quotients of such numbers: for activations, which are products of a factor that is
// small where they are. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// (high + low) 2^n, high in [0.7, 1.42].
template <class V>
struct ScaledPair {
  V high, low, n;
};

/// x within what products with e^x can tell from 0 and infinity: they reach further down than e^x alone.
template <class V>
CR_INLINE V exp_pair_limit(V x) {
  return limit(x, kIsF32<V> ? -120.0 : -760.0, kExpHighest<V>);
}
/// 2^n e^(r + low), low far below r.
template <class V>
CR_INLINE ScaledPair<V> exp_pair_assemble(V r, V low, V n) {
  const auto above_one = fast_two_sum(r, fma(r * r, exp_series(r), low));
  const auto sum = fast_two_sum(num<V>(1), above_one.high);
  return {sum.high, sum.low + above_one.low, n};
}
/// e^x for x within exp_pair_limit. Relative error about eps / 8, from the rounding of r^2 q(r).
template <class V>
CR_INLINE ScaledPair<V> exp_pair(V x) {
  const auto [rounded, n, r, low] = exp_reduce(x);
  return exp_pair_assemble(r, low, n);
}
/// e^(x + low) likewise.
template <class V>
CR_INLINE ScaledPair<V> exp_pair(V x, V low) {
  const auto [rounded, n, r, lost] = exp_reduce(x);
  const auto rest = two_sum(r, low);
  return exp_pair_assemble(rest.high, lost + rest.low, n);
}

template <class V>
CR_INLINE Pair<V> product(Pair<V> a, Pair<V> b) {
  const auto high = two_product(a.high, b.high);
  return {high.high, fma(a.high, b.low, fma(a.low, b.high, high.low))};
}
/// a / b with little more than one rounding.
template <class V>
CR_INLINE V quotient(Pair<V> a, Pair<V> b) {
  const V inverse = num<V>(1) / b.high, ratio = a.high * inverse;
  const auto back = two_product(ratio, b.high);
  return fma(fma(-ratio, b.low, ((a.high - back.high) - back.low) + a.low), inverse, ratio);
}

/// 2^n as a factor, for n that may be lower than a power of two of this type: then it is one below 1 / (eps x), as good as 0 next to 1.
template <class V>
CR_INLINE V power_beside_one(V n) {
  return power_of_two(at_least(n, num<V>(kIsF32<V> ? -100 : -1000)) + num<V>(kRounder<V>));
}

/// x / (1 + e^-a) from e = e^-|a|; x itself for large a. Max error 2 ULP.
template <class V>
CR_INLINE V times_sigmoid(V x, V a, ScaledPair<V> e) {
  const auto negative = a < V{};
  const V power = power_beside_one(e.n);
  auto divisor = fast_two_sum(num<V>(1), e.high * power);
  divisor.low = fma(e.low, power, divisor.low);
  // For negative a: x e^a / (1 + e^a), the power of two last, lest a factor be denormal.
  const auto small = two_product(x, e.high);
  const V small_low = fma(x, e.low, small.low);
  const V ratio = quotient(Pair<V>{select<V>(negative, small.high, x), select<V>(negative, small_low, V{})}, divisor);
  const V y = times_power_of_two(ratio, select<V>(negative, e.n, V{}));
  return select<V>(a > num<V>(40), x, copysign(y, x));
}
template <class V>
CR_INLINE V times_sigmoid(V x, V a) {
  return times_sigmoid(x, a, exp_pair(exp_pair_limit(-abs(a))));
}
/// The same with a = high + low, where low matters as little as in exp_pair.
template <class V>
CR_INLINE V times_sigmoid(V x, V a, V low) {
  const V sign = select<V>(a < V{}, num<V>(1), num<V>(-1));
  return times_sigmoid(x, a, exp_pair(exp_pair_limit(-abs(a)), sign * low));
}
/// x e (1 - share e), for e so small that what else belongs to it is lost.
template <class V>
CR_INLINE V times_low_exponential(V x, ScaledPair<V> e, double share) {
  const V low = fma(num<V>(-share) * e.high, e.high * power_beside_one(e.n), e.low);
  const auto y = product(Pair<V>{x, V{}}, Pair<V>{e.high, low});
  return times_power_of_two(y.high + y.low, e.n);
}
/// times_sigmoid from e = e^a where that is below eps.
template <class V>
CR_INLINE V times_low_sigmoid(V x, ScaledPair<V> e) {
  return times_low_exponential(x, e, 1);
}

}  // namespace chainrule::CR_ISA
