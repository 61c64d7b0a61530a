#include "kernels/elementwise/unary.h"
#include "simd/exp_pair.h"

namespace chainrule::CR_ISA {

/// x tanh(softplus(x)); Misra 2019, arXiv:1908.08681. With e = e^x and n = e (e + 2): tanh(log(1 + e)) = n / (n + 2), which needs no
/// logarithm. From x = 22 on that quotient is 1; far below it is e, and from -1000 down 0: x is limited there.
struct Mish {
  template <class V>
  CR_INLINE V f(V x) {
    constexpr double kFar = kIsF32<V> ? -80 : -600;
    const auto [rounded, exponent, r, unused] = exp_reduce(limit(x, kFar, 22));
    const V power = power_of_two(rounded), p = fma(r * r, exp_series(r), r);
    const V e = fma(power, p, power), e_low = fma(power, p, power - e);
    // n and n + 2 in pairs. Where e > 2 the sums are less exact, and matter less.
    const auto square = two_product(e, e);
    auto n = fast_two_sum(e + e, square.high);
    n.low += fma(e_low + e_low, e + num<V>(1), square.low);
    const V divisor = n.high + num<V>(2), divisor_low = (n.high - (divisor - num<V>(2))) + n.low;
    const V inverse = num<V>(1) / divisor, ratio = n.high * inverse;
    const auto back = two_product(ratio, divisor);
    const V lost = fma(-ratio, divisor_low, ((n.high - back.high) - back.low) + n.low) * inverse;
    const V near = select<V>(x > num<V>(22), x, copysign(fma(x, ratio, x * lost), x));
    if (__builtin_expect(any(x < num<V>(kFar)), 0)) {
      const V c = at_least(x, num<V>(-1000));
      return select<V>(x < num<V>(kFar), times_low_sigmoid(c, exp_pair(exp_pair_limit(c))), near);
    }
    return near;
  }
  /// n / (n + 2) + 4 x e (e + 1) / (n + 2)^2.
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -1000, 22), e = exp(b);
    const V n = e * (e + num<V>(2)), d = n + num<V>(2);
    return g * (n / d + num<V>(4) * b * e * (e + num<V>(1)) / (d * d));
  }
};
CR_REGISTER(mish, (unary_kernels<Mish, float, double>("mish")));
CR_REGISTER(mish_grad, (grad_kernels<Mish>("mish_grad")));

}  // namespace chainrule::CR_ISA
