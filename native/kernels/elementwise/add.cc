#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

// Integers wrap, as in two's complement.
struct Add {
  static constexpr bool kFewSteps = true;
  template <class V>
  CR_INLINE V f(V a, V b) {
    return a + b;
  }
};
CR_REGISTER(add, (binary_kernels<Add, float, double, int32_t, int64_t, uint8_t>("add")));

}  // namespace chainrule::CR_ISA
