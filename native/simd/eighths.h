#pragma once
// e^x in f32 as 2^n e^r with n a multiple of 1/8: 2^n's fraction comes from a table, which leaves a short polynomial. Only with fma, for
// x log2 e - n would lose digits without.
#include "simd/poly.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// 2^(i / 8), twice.
alignas(64) inline constexpr float kEighths[16] = {0x1p0f,        0x1.172b84p0f, 0x1.306fep0f,  0x1.4bfdaep0f, 0x1.6a09e6p0f, 0x1.8ace54p0f,
                                                   0x1.ae89fap0f, 0x1.d5818ep0f, 0x1p0f,        0x1.172b84p0f, 0x1.306fep0f,  0x1.4bfdaep0f,
                                                   0x1.6a09e6p0f, 0x1.8ace54p0f, 0x1.ae89fap0f, 0x1.d5818ep0f};
inline constexpr double kEighthRounder = 0x1.8p20;

/// x log2 e = n + r, |r| <= 1/16; `rounded` is n + kEighthRounder.
struct EighthSplit {
  VF rounded, n, r;
};
CR_INLINE EighthSplit split_eighths(VF x) {
  const VF high = num<VF>(0x1.715476p0), low = num<VF>(0x1.4ae0cp-26), rounder = num<VF>(kEighthRounder);
  const VF rounded = fma(x, high, rounder), n = rounded - rounder;
  return {rounded, n, fma(x, low, fma(x, high, -n))};
}

/// power 2^r for |r| <= 1/16; the polynomial's relative error is 2^-25.2 of degree 3, 2^-33.5 of degree 4.
template <int Degree>
CR_INLINE VF times_exp2(VF power, VF r) {
  if constexpr (Degree == 3) {
    return fma(power * r, polynomial(r, 0.6931471721327710547, 0.2402576333027747871, 0.05551147467009733771), power);
  } else {
    return fma(power * r, polynomial(r, 0.6931471742170873973, 0.2402265054217801494, 0.05551061480565094152, 0.009619124381907518067),
               power);
  }
}

/// e^x of `limited`, which is x where the result is neither 0 nor infinite. Where no instruction scales by 2^n and x is `near` 0 in all
/// lanes, n's whole part is added to the exponent; the bits are the same as long as no product with r is denormal: so for |x| < 60.
template <int Degree>
CR_INLINE VF exp_by_eighths([[maybe_unused]] VF x, VF limited, [[maybe_unused]] bool near) {
#if defined(CR_HAS_SCALE)
  const auto [rounded, n, r] = split_eighths(limited);
  return scale_by_two_to(times_exp2<Degree>(lookup8(kEighths, bitcast<VI>(rounded)), r), n);
#else
  if (__builtin_expect(near, 1)) {
    const auto [rounded, n, r] = split_eighths(x);
    const VI fraction = bitcast<VI>(lookup8(kEighths, bitcast<VI>(rounded)));
    return times_exp2<Degree>(bitcast<VF>(fraction + ((bitcast<VI>(rounded) & ~7) << 20)), r);
  }
  const auto [rounded, n, r] = split_eighths(limited);
  const VF whole = bitcast<VF>(bitcast<VI>(rounded) & ~7) - num<VF>(kEighthRounder);
  return times_power_of_two(times_exp2<Degree>(lookup8(kEighths, bitcast<VI>(rounded)), r), whole);
#endif
}

}  // namespace chainrule::CR_ISA
