#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

struct Tanh {
  template <class V>
  CR_INLINE V f(V x) {
    return tanh(x);
  }
  template <class V>
  CR_INLINE V grad(V g, V y) {
    return g * fma(-y, y, num<V>(1));
  }
};
CR_REGISTER(tanh, (unary_kernels<Tanh, float, double>("tanh")));
CR_REGISTER(tanh_grad, (grad_kernels<Tanh>("tanh_grad")));

}  // namespace chainrule::CR_ISA
