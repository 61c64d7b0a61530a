#include "kernels/elementwise/unary.h"
#include "simd/exp_pair.h"

namespace chainrule::CR_ISA {

/// 0.5 x (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3); Hendrycks & Gimpel 2016, arXiv:1606.08415. That is x sigmoid(2 u), without the
/// cancellation of 1 + tanh u for negative x. In f32 max(x, 0) - |x| / (1 + e^|2u|), the latter by table up to kReach: above, it is too
/// small to matter; below, x is rare. Beyond |x| = 50 the sigmoid is 0 or 1: x is limited there, so that infinities give the limit and not
/// inf * 0.
struct GeluTanh {
  static constexpr double kScale = 1.59576912160573071176, kCubic = 0.044715;  // 2 sqrt(2 / pi)
  static constexpr double kWidth = 0.3203125, kReach = 4.96;
  CR_INLINE VF f(VF x) {
    return positive_part_less<false>(kGeluTanhTable, kWidth, kReach, x, [](VF v) { return far_below(v); });
  }
  CR_INLINE VD f(VD x) {
    const VD b = limit(x, -50, 50);
    const auto a = exponent(b);
    return times_sigmoid(select<VD>(x > num<VD>(50), x, b), a.high, a.low);
  }
  /// s + x s (1 - s) d(2u)/dx, s = sigmoid(2u).
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -50, 50), s = sigmoid(b * fma(b * b, num<V>(kScale * kCubic), num<V>(kScale)));
    const V slope = num<V>(kScale) * fma(num<V>(3 * kCubic) * b, b, num<V>(1));
    return g * fma(b * slope, s * (num<V>(1) - s), s);
  }

 private:
  CR_INLINE VF far_below(VF x) {
    const VF b = at_least(x, num<VF>(-50));
    const auto a = exponent(b);
    return times_low_sigmoid(b, exp_pair(exp_pair_limit(a.high), a.low));
  }
  /// 2u in two parts, for the exponential makes of its absolute error a relative one.
  template <class V>
  CR_INLINE Pair<V> exponent(V x) {
    const Pair<V> scale{num<V>(0x1.9884533d43651p+0), num<V>(kIsF32<V> ? -0x1.857936p-25 : -0x1.cbc0d30ebfd15p-54)};
    const Pair<V> cubic{num<V>(0x1.2444f2a4d8b4bp-4), num<V>(kIsF32<V> ? 0x1.49b16ap-29 : -0x1.6c843a29d1c70p-61)};
    const auto scaled = product(two_product(x, x), cubic);
    auto factor = two_sum(scaled.high, scale.high);
    factor.low += scaled.low + scale.low;
    return product(Pair<V>{x, V{}}, factor);
  }
};
CR_REGISTER(gelu_tanh, (unary_kernels<GeluTanh, float, double>("gelu_tanh")));
CR_REGISTER(gelu_tanh_grad, (grad_kernels<GeluTanh>("gelu_tanh_grad")));

}  // namespace chainrule::CR_ISA
