#include "simd/trig.h"
#include "kernels/elementwise/unary.h"

namespace chainrule::CR_ISA {

struct Sin {
  template <class V>
  CR_INLINE V f(V x) {
    return sin(x);
  }
};
struct Cos {
  template <class V>
  CR_INLINE V f(V x) {
    return cos(x);
  }
};
CR_REGISTER(sin, (unary_kernels<Sin, float, double>("sin")));
CR_REGISTER(cos, (unary_kernels<Cos, float, double>("cos")));

}  // namespace chainrule::CR_ISA
