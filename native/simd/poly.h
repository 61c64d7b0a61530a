#pragma once
// Building blocks of the vector functions: constants, polynomials, error-free sums and products.
//
// Coefficients in simd/{exp,log,pow,trig,normal}.h are minimax polynomials derived by scripts/minimax.py (Remez, 60 digits).
#include "simd/vec.h"

namespace chainrule::CR_ISA {

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

template <class V>
inline constexpr bool kIsF32 = sizeof(Scalar<V>) == 4;

template <class V>
inline constexpr bool kIsFloat = static_cast<Scalar<V>>(1) / 2 != 0;

/// The constant x in every lane, rounded to V's type.
template <class V>
CR_INLINE V num(double x) {
  return splat<V>(static_cast<Scalar<V>>(x));
}

/// x within [low, high]; NaN stays NaN.
template <class V>
CR_INLINE V limit(V x, double low, double high) {
  return at_most(at_least(x, num<V>(low)), num<V>(high));
}

/// c0 + c1 x + c2 x^2 + ..., by Horner's rule.
template <class V>
CR_INLINE V polynomial(V, double c) {
  return num<V>(c);
}
template <class V, class... More>
CR_INLINE V polynomial(V x, double c0, More... more) {
  return fma(x, polynomial(x, more...), num<V>(c0));
}

/// high + low, an unevaluated sum that carries twice the precision.
template <class V>
struct Pair {
  V high, low;
};

/// a + b without error, for |a| >= |b| (Dekker 1971).
template <class V>
CR_INLINE Pair<V> fast_two_sum(V a, V b) {
  const V sum = a + b;
  return {sum, b - (sum - a)};
}
/// a + b without error (Knuth, TAOCP volume 2, 4.2.2).
template <class V>
CR_INLINE Pair<V> two_sum(V a, V b) {
  const V sum = a + b;
  const V part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}
/// The upper half of x's bits (Veltkamp's split); what remains is exact.
template <class V>
CR_INLINE V upper_half(V x) {
  const V scaled = x * num<V>(kIsF32<V> ? 4097.0 : 134217729.0);
  return scaled - (scaled - x);
}
/// a * b without error.
template <class V>
CR_INLINE Pair<V> two_product(V a, V b) {
  const V product = a * b;
  if constexpr (kHasFma) return {product, fma(a, b, -product)};
  const V ah = upper_half(a), bh = upper_half(b);
  const V al = a - ah, bl = b - bh;
  return {product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
}
/// x - n c with one rounding where x is close to n c.
template <class V>
CR_INLINE V reduce(V x, V n, double c) {
  if constexpr (kHasFma) return fma(-n, num<V>(c), x);
  const auto product = two_product(n, num<V>(c));
  return (x - product.high) - product.low;
}

/// Adding this number rounds |x| < 2^21 (f32) or 2^50 (f64) to an integer, which then stands in the low bits of the sum.
template <class V>
inline constexpr double kRounder = kIsF32<V> ? 12582912.0 : 6755399441055744.0;  // 1.5 * 2^23, 1.5 * 2^52

template <int Bytes>
struct UnsignedOf;
template <>
struct UnsignedOf<4> {
  using type = uint32_t;
};
template <>
struct UnsignedOf<8> {
  using type = uint64_t;
};

template <class V>
inline constexpr int kFractionBits = kIsF32<V> ? 23 : 52;
template <class V>
inline constexpr int64_t kExponentBias = kIsF32<V> ? 127 : 1023;

template <class V>
using UnsignedVec = Vec<typename UnsignedOf<sizeof(Scalar<V>)>::type>;

template <class V>
CR_INLINE IntVec<V> int_num(int64_t x) {
  return splat<IntVec<V>>(static_cast<Scalar<IntVec<V>>>(x));
}

/// 2^n for `rounded` = n + kRounder; n within the normal exponents.
template <class V>
CR_INLINE V power_of_two(V rounded) {
  return bitcast<V>((bitcast<IntVec<V>>(rounded) + int_num<V>(kExponentBias<V>)) << kFractionBits<V>);
}

/// x 2^n for whole n and x near 1, rounded once: by an instruction or in two halves, so that results below the normal range are denormal
/// and overflow gives infinity.
template <class V>
CR_INLINE V times_power_of_two(V x, V n) {
#if defined(CR_HAS_SCALE)
  return scale_by_two_to(x, n);
#else
  const V half = fma(n, num<V>(0.5), num<V>(kRounder<V>));
  const V rest = (n - (half - num<V>(kRounder<V>))) + num<V>(kRounder<V>);
  return x * power_of_two(half) * power_of_two(rest);
#endif
}

}  // namespace chainrule::CR_ISA
