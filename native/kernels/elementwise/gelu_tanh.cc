#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// 0.5 x (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3); Hendrycks & Gimpel 2016, arXiv:1606.08415. Computed as x sigmoid(2 u): the same
/// number, without the cancellation of 1 + tanh u for negative x. Beyond |x| = 50 the sigmoid is 0 or 1: x is limited there, so that
/// infinities give the limit and not inf * 0.
struct GeluTanh {
  static constexpr double kScale = 1.59576912160573071176, kCubic = 0.044715;  // 2 sqrt(2 / pi)
  template <class V>
  CR_INLINE V gate(V x) {
    return sigmoid(x * fma(x * x, num<V>(kScale * kCubic), num<V>(kScale)));
  }
  template <class V>
  CR_INLINE V f(V x) {
    const V b = at_least(x, num<V>(-50));
    return b * gate(b);
  }
  /// s + x s (1 - s) d(2u)/dx, s = sigmoid(2u).
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -50, 50), s = gate(b);
    const V slope = num<V>(kScale) * fma(num<V>(3 * kCubic) * b, b, num<V>(1));
    return g * fma(b * slope, s * (num<V>(1) - s), s);
  }
};
CR_REGISTER(gelu_tanh, (unary_kernels<GeluTanh, float, double>("gelu_tanh")));
CR_REGISTER(gelu_tanh_grad, (grad_kernels<GeluTanh>("gelu_tanh_grad")));

}  // namespace chainrule::CR_ISA
