#pragma once
// The exponential that softmax and its kin take of each element: the argument is never positive, and many are summed.
#include "simd/exp.h"
#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// 2^(i / 8), twice.
alignas(64) inline constexpr float kEighths[16] = {0x1p0f,        0x1.172b84p0f, 0x1.306fep0f,  0x1.4bfdaep0f, 0x1.6a09e6p0f, 0x1.8ace54p0f,
                                                   0x1.ae89fap0f, 0x1.d5818ep0f, 0x1p0f,        0x1.172b84p0f, 0x1.306fep0f,  0x1.4bfdaep0f,
                                                   0x1.6a09e6p0f, 0x1.8ace54p0f, 0x1.ae89fap0f, 0x1.d5818ep0f};
inline constexpr double kEighthRounder = 0x1.8p20;

/// x log2 e = n + r, n a multiple of 1/8; `rounded` is n + kEighthRounder.
CR_INLINE VF split_eighths(VF x, VF& rounded, VF& n) {
  const VF high = num<VF>(0x1.715476p0), low = num<VF>(0x1.4ae0cp-26);
  rounded = fma(x, high, num<VF>(kEighthRounder));
  n = rounded - num<VF>(kEighthRounder);
  return fma(x, low, fma(x, high, -n));
}
/// power 2^r for |r| <= 1/16; the polynomial's relative error is 2^-25.2.
CR_INLINE VF times_exp2(VF power, VF r) {
  return fma(power * r, polynomial(r, 0.6931471721327710547, 0.2402576333027747871, 0.05551147467009733771), power);
}

/// e^x in f32: 2^n's fraction comes from a table, which leaves a short polynomial. Where no instruction scales by 2^n, its whole part is
/// added to the exponent, down to where the product with r could be denormal; the bits are the same.
CR_INLINE VF exp_weight_by_table(VF x) {
  VF rounded, n;
#if defined(CR_HAS_SCALE)
  const VF r = split_eighths(at_least(x, num<VF>(kExpLowest<VF>)), rounded, n);
  return scale_by_two_to(times_exp2(lookup8(kEighths, bitcast<VI>(rounded)), r), n);
#else
  if (__builtin_expect(!any_below(x, num<VF>(-40)), 1)) {
    const VF r = split_eighths(x, rounded, n);
    const VI fraction = bitcast<VI>(lookup8(kEighths, bitcast<VI>(rounded)));
    return times_exp2(bitcast<VF>(fraction + ((bitcast<VI>(rounded) & ~7) << 20)), r);
  }
  const VF r = split_eighths(at_least(x, num<VF>(kExpLowest<VF>)), rounded, n);
  const VF whole = bitcast<VF>(bitcast<VI>(rounded) & ~7) - num<VF>(kEighthRounder);
  return times_power_of_two(times_exp2(lookup8(kEighths, bitcast<VI>(rounded)), r), whole);
#endif
}

/// e^x for x <= 0 (or NaN), as 2^(x log2 e), where log2 e is carried in two parts. Max error 1.5 ULP, at half to three quarters of the
/// price of exp(). Without fma, x log2 e - n would lose digits: there it is exp().
template <class V>
CR_INLINE V exp_weight(V x) {
  if constexpr (!kHasFma) {
    return exp_not_positive(x);
  } else if constexpr (kIsF32<V>) {
    return exp_weight_by_table(x);
  } else {
    const V high = num<V>(0x1.71547652b82fep0), low = num<V>(0x1.777d0ffda0d24p-56);
    const V within = at_least(x, num<V>(kExpLowest<V>));
    const V n = fma(within, high, num<V>(kRounder<V>)) - num<V>(kRounder<V>);
    const V r = fma(within, low, fma(within, high, -n));
    return times_power_of_two(fma(r, exp2_series(r), num<V>(1)), n);
  }
}

}  // namespace chainrule::CR_ISA
