#include "kernels/elementwise/unary.h"
#include "simd/poly.h"

namespace chainrule::CR_ISA {

struct Sqrt {
  template <class V>
  CR_INLINE V f(V x) {
    return sqrt(x);
  }
};
/// 1 / sqrt(x), two correctly rounded steps.
struct Rsqrt {
  template <class V>
  CR_INLINE V f(V x) {
    return num<V>(1) / sqrt(x);
  }
};
struct Reciprocal {
  template <class V>
  CR_INLINE V f(V x) {
    return num<V>(1) / x;
  }
};
struct Square {
  template <class V>
  CR_INLINE V f(V x) {
    return x * x;
  }
};
struct Cube {
  template <class V>
  CR_INLINE V f(V x) {
    return x * x * x;
  }
};
CR_REGISTER(sqrt, (unary_kernels<Sqrt, float, double>("sqrt")));
CR_REGISTER(rsqrt, (unary_kernels<Rsqrt, float, double>("rsqrt")));
CR_REGISTER(reciprocal, (unary_kernels<Reciprocal, float, double>("reciprocal")));
CR_REGISTER(square, (unary_kernels<Square, float, double, int32_t, int64_t, uint8_t>("square")));
CR_REGISTER(cube, (unary_kernels<Cube, float, double>("cube")));

}  // namespace chainrule::CR_ISA
