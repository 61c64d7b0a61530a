#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

struct Add {
  template <class V>
  static V f(V a, V b) {
    return a + b;
  }
};
CR_REGISTER(add, (binary_kernels<Add, float, double, int32_t, int64_t, uint8_t>("add")));

}  // namespace chainrule::CR_ISA
