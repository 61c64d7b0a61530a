#pragma once
// The exponential that softmax and its kin take of each element: the argument is never positive, and many are summed.
#include "simd/exp.h"
#include "simd/lanes.h"

namespace chainrule::CR_ISA {

/// e^x for x <= 0 (or NaN), as 2^(x log2 e), where log2 e is carried in two parts. Max error 1.5 ULP, at half to three quarters of the
/// price of exp(). Without fma, x log2 e - n would lose digits: there it is exp().
template <class V>
CR_INLINE V exp_weight(V x) {
  if constexpr (!kHasFma) {
    return exp_not_positive(x);
  } else if constexpr (kIsF32<V>) {
    return exp_by_eighths<3>(x, at_least(x, num<VF>(kExpLowest<VF>)), !any_below(x, num<VF>(-40)));
  } else {
    const V high = num<V>(0x1.71547652b82fep0), low = num<V>(0x1.777d0ffda0d24p-56);
    const V within = at_least(x, num<V>(kExpLowest<V>));
    const V n = fma(within, high, num<V>(kRounder<V>)) - num<V>(kRounder<V>);
    const V r = fma(within, low, fma(within, high, -n));
    return times_power_of_two(fma(r, exp2_series(r), num<V>(1)), n);
  }
}

}  // namespace chainrule::CR_ISA
