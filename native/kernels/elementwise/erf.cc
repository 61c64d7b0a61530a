#include "kernels/elementwise/unary.h"
#include "simd/normal.h"

namespace chainrule::CR_ISA {

struct Erf {
  template <class V>
  CR_INLINE V f(V x) {
    return erf(x);
  }
};
CR_REGISTER(erf, (unary_kernels<Erf, float, double>("erf")));

}  // namespace chainrule::CR_ISA
