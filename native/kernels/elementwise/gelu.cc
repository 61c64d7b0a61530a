#include "kernels/elementwise/unary.h"
#include "simd/normal.h"

namespace chainrule::CR_ISA {

/// x Phi(x), Phi the normal distribution function; Hendrycks & Gimpel 2016, arXiv:1606.08415. For negative x, Phi is the tail itself, so
/// nothing cancels. Beyond the tail's reach x no longer grows, which makes gelu(-inf) = -0.
struct Gelu {
  template <class V>
  CR_INLINE V f(V x) {
    const V z = tail_argument(x);
    const V tail = normal_tail(z).tail;
    return x < V{} ? -z * tail : x * (num<V>(1) - tail);
  }
  /// Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi).
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V z = tail_argument(x);
    const auto [tail, gaussian] = normal_tail(z);
    const V density = z * (gaussian * num<V>(0.39894228040143267794));
    return g * (x < V{} ? tail - density : (num<V>(1) - tail) + density);
  }
};
CR_REGISTER(gelu, (unary_kernels<Gelu, float, double>("gelu")));
CR_REGISTER(gelu_grad, (grad_kernels<Gelu>("gelu_grad")));

}  // namespace chainrule::CR_ISA
