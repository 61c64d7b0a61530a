#include "kernels/elementwise/unary.h"
#include "simd/poly.h"

namespace chainrule::CR_ISA {

/// x times a number.
struct MulScalar {
  static constexpr int kParams = 1;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    return x * num<V>(params[0]);
  }
};
/// x divided by a number: truly divided, not multiplied by a rounded reciprocal.
struct DivScalar {
  static constexpr int kParams = 1;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    return x / num<V>(params[0]);
  }
};
CR_REGISTER(mul_scalar, (unary_kernels<MulScalar, float, double>("mul_scalar", "value")));
CR_REGISTER(div_scalar, (unary_kernels<DivScalar, float, double>("div_scalar", "value")));

}  // namespace chainrule::CR_ISA
