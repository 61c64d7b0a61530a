#include "kernels/elementwise/unary.h"
#include "simd/exp_pair.h"

namespace chainrule::CR_ISA {

/// x tanh(softplus(x)); Misra 2019, arXiv:1908.08681. With e = e^x and n = e (e + 2): tanh(log(1 + e)) = n / (n + 2), which needs no
/// logarithm. In f32 by a table of both signs: above, the result is x; below, x is rare. Far below, the quotient is e (1 - e / 2), and from
/// -1000 down 0: x is limited there.
struct Mish {
  static constexpr double kWidth = 1.1, kLowest = -8.2, kHighest = 9.3;  // within the intervals from -7 to 8
  CR_INLINE VF f(VF x) {
    const VF z = limit(x, kLowest, kHighest);
    const VI interval = nearest_interval(z, kWidth);
    const Piece p = piece_of(kMishTable, interval, z);
    // Around 0, where the value is 0, half of the slope is not in the table: it is exact in this sum.
    const VF base = select<VF>(interval == bitcast<VI>(num<VF>(kRounder<VF>)), num<VF>(0.5) * p.offset, p.value);
    const VF y = select<VF>(x > num<VF>(kHighest), x, fma(p.offset, p.slope, base));
    if (__builtin_expect(any_below(x, num<VF>(kLowest)), 0)) return select<VF>(x < num<VF>(kLowest), far_below(x), y);
    return y;
  }
  CR_INLINE VD f(VD x) {
    constexpr double kFar = -600;
    const auto [rounded, exponent, r, unused] = exp_reduce(limit(x, kFar, 22));
    const VD power = power_of_two(rounded), p = fma(r * r, exp_series(r), r);
    const VD e = fma(power, p, power), e_low = fma(power, p, power - e);
    // n and n + 2 in pairs. Where e > 2 the sums are less exact, and matter less.
    const auto square = two_product(e, e);
    auto n = fast_two_sum(e + e, square.high);
    n.low += fma(e_low + e_low, e + num<VD>(1), square.low);
    const VD divisor = n.high + num<VD>(2), divisor_low = (n.high - (divisor - num<VD>(2))) + n.low;
    const VD inverse = num<VD>(1) / divisor, ratio = n.high * inverse;
    const auto back = two_product(ratio, divisor);
    const VD lost = fma(-ratio, divisor_low, ((n.high - back.high) - back.low) + n.low) * inverse;
    const VD near = select<VD>(x > num<VD>(22), x, copysign(fma(x, ratio, x * lost), x));
    if (__builtin_expect(any(x < num<VD>(kFar)), 0)) return select<VD>(x < num<VD>(kFar), far_below(x), near);
    return near;
  }
  /// n / (n + 2) + 4 x e (e + 1) / (n + 2)^2.
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -1000, 22), e = exp(b);
    const V n = e * (e + num<V>(2)), d = n + num<V>(2);
    return g * (n / d + num<V>(4) * b * e * (e + num<V>(1)) / (d * d));
  }

 private:
  template <class V>
  CR_INLINE V far_below(V x) {
    const V b = at_least(x, num<V>(-1000));
    return times_low_exponential(b, exp_pair(exp_pair_limit(b)), 0.5);
  }
};
CR_REGISTER(mish, (unary_kernels<Mish, float, double>("mish")));
CR_REGISTER(mish_grad, (grad_kernels<Mish>("mish_grad")));

}  // namespace chainrule::CR_ISA
