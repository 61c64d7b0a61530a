#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

/// True division: floating types only.
struct Div {
  static constexpr bool kFewSteps = true;
  template <class V>
  CR_INLINE V f(V a, V b) {
    return a / b;
  }
};
CR_REGISTER(div, (binary_kernels<Div, float, double>("div")));

}  // namespace chainrule::CR_ISA
