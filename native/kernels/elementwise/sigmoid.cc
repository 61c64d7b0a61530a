#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

struct Sigmoid {
  template <class V>
  CR_INLINE V f(V x) {
    return sigmoid(x);
  }
  template <class V>
  CR_INLINE V grad(V g, V y) {
    return g * (y * (num<V>(1) - y));
  }
};
CR_REGISTER(sigmoid, (unary_kernels<Sigmoid, float, double>("sigmoid")));
CR_REGISTER(sigmoid_grad, (grad_kernels<Sigmoid>("sigmoid_grad")));

}  // namespace chainrule::CR_ISA
