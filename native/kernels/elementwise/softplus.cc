#include "kernels/elementwise/unary.h"
#include "simd/log.h"

namespace chainrule::CR_ISA {

/// log(1 + e^(beta x)) / beta, and x itself where beta x > threshold.
struct Softplus {
  static constexpr int kParams = 2;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    const V beta = num<V>(params[0]), scaled = x * beta;
    return scaled > num<V>(params[1]) ? x : softplus(scaled) / beta;
  }
  template <class V>
  CR_INLINE V grad(V g, V x, const double* params) {
    const V scaled = x * num<V>(params[0]);
    return scaled > num<V>(params[1]) ? g : g * sigmoid(scaled);
  }
};
CR_REGISTER(softplus, (unary_kernels<Softplus, float, double>("softplus", "beta,threshold")));
CR_REGISTER(softplus_grad, (grad_kernels<Softplus>("softplus_grad", "beta,threshold")));

}  // namespace chainrule::CR_ISA
