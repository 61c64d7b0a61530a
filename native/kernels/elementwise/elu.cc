#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// x above 0, alpha (e^x - 1) below; Clevert et al. 2015, arXiv:1511.07289.
struct Elu {
  static constexpr int kParams = 1;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    return x > V{} ? x : num<V>(params[0]) * expm1(x);
  }
  template <class V>
  CR_INLINE V grad(V g, V x, const double* params) {
    return x > V{} ? g : g * (num<V>(params[0]) * exp(x));
  }
};
CR_REGISTER(elu, (unary_kernels<Elu, float, double>("elu", "alpha")));
CR_REGISTER(elu_grad, (grad_kernels<Elu>("elu_grad", "alpha")));

}  // namespace chainrule::CR_ISA
