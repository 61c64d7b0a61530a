#include "kernels/elementwise/unary.h"
#include "simd/poly.h"

namespace chainrule::CR_ISA {

struct Neg {
  template <class V>
  CR_INLINE V f(V x) {
    return -x;
  }
};
/// Magnitude. The smallest integer stays itself, as its negation wraps.
struct Abs {
  template <class V>
  CR_INLINE V f(V x) {
    if constexpr (kIsFloat<V>) return abs(x);  // clears the sign bit, of -0 and NaN too
    return x < V{} ? -x : x;
  }
};
/// -1, 0 or 1; 0 for NaN, as in PyTorch.
struct Sign {
  template <class V>
  CR_INLINE V f(V x) {
    const V one = num<V>(1);
    return x > V{} ? one : x < V{} ? -one : V{};
  }
};
CR_REGISTER(neg, (unary_kernels<Neg, float, double, int32_t, int64_t, uint8_t>("neg")));
CR_REGISTER(abs, (unary_kernels<Abs, float, double, int32_t, int64_t, uint8_t>("abs")));
CR_REGISTER(sign, (unary_kernels<Sign, float, double, int32_t, int64_t, uint8_t>("sign")));

}  // namespace chainrule::CR_ISA
