#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

// Integers wrap, as in two's complement.
struct Mul {
  static constexpr bool kFewSteps = true;
  template <class V>
  CR_INLINE V f(V a, V b) {
    return a * b;
  }
};
CR_REGISTER(mul, (binary_kernels<Mul, float, double, int32_t, int64_t, uint8_t>("mul")));

}  // namespace chainrule::CR_ISA
