#include "simd/exp.h"
#include "kernels/elementwise/unary.h"

namespace chainrule::CR_ISA {

struct Exp {
  template <class V>
  CR_INLINE V f(V x) {
    return exp(x);
  }
};
struct Expm1 {
  template <class V>
  CR_INLINE V f(V x) {
    return expm1(x);
  }
};
CR_REGISTER(exp, (unary_kernels<Exp, float, double>("exp")));
CR_REGISTER(expm1, (unary_kernels<Expm1, float, double>("expm1")));

}  // namespace chainrule::CR_ISA
