#pragma once
// erf and the normal distribution's tail, which GELU needs, and GELU with its slope. Accuracy is measured by test/long/math-accuracy.ts.
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// Beyond this, the tail is 0 in V's type.
template <class V>
inline constexpr double kTailReach = kIsF32<V> ? 15.0 : 39.0;

/// The upper tail 1 - Phi(z) = erfc(z / sqrt 2) / 2 and the Gaussian exp(-z^2 / 2).
template <class V>
struct NormalTail {
  V tail, gaussian;
};

/// h(t) of normal_tail is kTailFirst + t tail_rest(t).
template <class V>
inline constexpr double kTailFirst = kIsF32<V> ? 0.7444160739798395798 : 0.7632305289702031285;
/// k of normal_tail.
template <class V>
inline constexpr double kTailCentre = kIsF32<V> ? 3.5 : 4.5;

template <class V>
CR_INLINE V tail_rest(V t) {
  if constexpr (kIsF32<V>) {
    return polynomial(t, -0.5655618042170434527, 0.315425113369418319, -0.1160513520140127659, 0.01740544516429418571,
                      0.006479788069715933733, -0.003174065224067568373, -0.0004541485929302598542, 0.0004344028394748507439,
                      0.0000670740729864471166, -0.00002741665715948839879);
  } else {
    return polynomial(t, -0.6402577602526170943, 0.4464525170556798384, -0.2531417999509681688, 0.1113825965701186845,
                      -0.03387132617713676397, 0.004223613382651637967, 0.0017488305671816988, -0.000917746533629600408,
                      6.381159823012492555e-6, 0.0001120429252932116811, -0.00001593313505998682101, -0.00001423684369979573462,
                      3.190362294229747262e-6, 2.145292038410388958e-6, -5.004810464547900504e-7, -3.832100259987676312e-7,
                      6.18571779958463524e-8, 7.438884225162663439e-8, -2.679251997670570822e-9, -1.33824714543934037e-8,
                      -1.447213387495668913e-9, 1.617416646309753739e-9, 3.78555675774025118e-10, -3.067820210142440682e-11);
  }
}
/// For z in [0, kTailReach], with full relative accuracy: tail = gaussian * h(t) / (z + k), t = (z - k) / (z + k), h a polynomial (the
/// change of variable of Shepherd & Laframboise 1981, Math. Comp. 36). z^2 is carried in two parts. Relative error of h 2^-28.8 (f32),
/// 2^-61 (f64); of the tail a few ULP.
template <class V>
CR_INLINE NormalTail<V> normal_tail(V z) {
  const V k = num<V>(kTailCentre<V>);
  const V w = num<V>(1) / (z + k);
  const V near = (z - k) * w;
  const V t = fma(w, fma(-near, z, fma(near + num<V>(1), -k, z)), near);  // one step that removes the roundings of `near`
  const V h = fma(t, tail_rest(t), num<V>(kTailFirst<V>));
  const V minus_half = num<V>(-0.5);
  const auto square = two_product(z, z);
  const V gaussian = exp_within(minus_half * square.high, minus_half * square.low);
  return {gaussian * (h * w), gaussian};
}

/// min(|x|, kTailReach); NaN stays NaN.
template <class V>
CR_INLINE V tail_argument(V x) {
  return at_most(abs(x), num<V>(kTailReach<V>));
}

/// Error function: x + x q(x^2) for |x| <= 1 (relative error 2^-62.8), 1 - 2 tail(sqrt(2) |x|) above.
CR_INLINE VD erf_by_tail(VD x) {
  const VD q = polynomial(x * x, 0.1283791670955125738, -0.3761263890318374818, 0.1128379167095488445, -0.02686617064507787076,
                          0.005223977624828393107, -0.0008548326981423619806, 0.0001205533113289360222, -0.0000149255957708669382,
                          1.646100845951317805e-6, -1.635039605711804868e-7, 1.466032778627040193e-8, -1.137495275921951767e-9,
                          5.960681308437833068e-11);
  const VD tail = normal_tail(tail_argument(x * num<VD>(1.41421356237309504880))).tail;
  const VD outer = copysign(fma(num<VD>(-2), tail, num<VD>(1)), x);
  const VD inner = select<VD>(x == VD{}, x, fma(x, q, x));
  return select<VD>(abs(x) > num<VD>(1), outer, inner);
}
/// Error function. Max error 2 ULP. erf(-0) = -0.
template <class V>
CR_INLINE V erf(V x) {
  if constexpr (kIsF32<V>) {
    const V z = at_most(abs(x), num<V>(4));  // 1 from here on
    const Piece p = piece_of(kErfTable, nearest_interval(z, 0.265625), z);
    return copysign(fma(p.offset, p.slope, p.value + p.offset), x);  // for small x, x + x q(x): closer than x (1 + q(x))
  } else {
    return erf_by_tail(x);
  }
}

}  // namespace chainrule::CR_ISA
