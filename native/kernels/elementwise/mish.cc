#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// x tanh(softplus(x)); Misra 2019, arXiv:1908.08681. With e = e^x and n = e (e + 2): tanh(log(1 + e)) = n / (n + 2), which needs no
/// logarithm. From x = 22 on that quotient is 1 and from -1000 down it is 0: x is limited there.
struct Mish {
  template <class V>
  CR_INLINE V f(V x) {
    const V e = exp(limit(x, -1000, 22)), n = e * (e + num<V>(2));
    return (x < num<V>(-1000) ? num<V>(-1000) : x) * (n / (n + num<V>(2)));
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
