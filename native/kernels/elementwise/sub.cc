#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

// Integers wrap, as in two's complement.
struct Sub {
  static constexpr bool kFewSteps = true;
  template <class V>
  CR_INLINE V f(V a, V b) {
    return a - b;
  }
};
CR_REGISTER(sub, (binary_kernels<Sub, float, double, int32_t, int64_t, uint8_t>("sub")));

}  // namespace chainrule::CR_ISA
