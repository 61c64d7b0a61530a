#include "kernels/elementwise/unary.h"
#include "simd/poly.h"

namespace chainrule::CR_ISA {

/// max(x, 0), NaN stays NaN; the slope at 0 is 0. The gradient reads the output.
struct Relu {
  static constexpr bool kFewSteps = true;
  template <class V>
  CR_INLINE V f(V x) {
    return x < V{} ? V{} : x;
  }
  template <class V>
  CR_INLINE V grad(V g, V y) {
    return y <= V{} ? V{} : g;
  }
};
/// x above 0, slope * x below.
struct LeakyRelu {
  static constexpr int kParams = 1;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    return x > V{} ? x : x * num<V>(params[0]);
  }
  template <class V>
  CR_INLINE V grad(V g, V x, const double* params) {
    return x > V{} ? g : g * num<V>(params[0]);
  }
};
CR_REGISTER(relu, (unary_kernels<Relu, float, double, int32_t, int64_t>("relu")));
CR_REGISTER(relu_grad, (grad_kernels<Relu>("relu_grad")));
CR_REGISTER(leaky_relu, (unary_kernels<LeakyRelu, float, double>("leaky_relu", "slope")));
CR_REGISTER(leaky_relu_grad, (grad_kernels<LeakyRelu>("leaky_relu_grad", "slope")));

}  // namespace chainrule::CR_ISA
