#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

/// The larger of two; NaN if either is NaN.
struct Maximum {
  template <class V>
  CR_INLINE V f(V a, V b) {
    return ((a > b) | (a != a)) ? a : b;
  }
};
/// The smaller of two; NaN if either is NaN.
struct Minimum {
  template <class V>
  CR_INLINE V f(V a, V b) {
    return ((a < b) | (a != a)) ? a : b;
  }
};
CR_REGISTER(maximum, (binary_kernels<Maximum, float, double, int32_t, int64_t, uint8_t>("maximum")));
CR_REGISTER(minimum, (binary_kernels<Minimum, float, double, int32_t, int64_t, uint8_t>("minimum")));

}  // namespace chainrule::CR_ISA
