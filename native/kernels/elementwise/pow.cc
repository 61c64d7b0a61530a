#include "simd/pow.h"
#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

/// x^y. Integers: by squaring, wrapping as multiplication does; for a negative y the exact quotient rounded to 0: 1, -1 or 0.
struct Pow {
  template <class V>
  CR_INLINE V f(V x, V y) {
    return pow(x, y);
  }
};

struct IntegerPow {
  template <class T>
  CR_INLINE T f(T x, T y) {
    if (y < 0) return x == 1 ? T{1} : x != static_cast<T>(-1) ? T{0} : (y & 1) != 0 ? x : T{1};
    T result = 1;
    for (; y > 0; y = static_cast<T>(y >> 1)) {
      if ((y & 1) != 0) result = static_cast<T>(result * x);
      x = static_cast<T>(x * x);
    }
    return result;
  }
};

CR_REGISTER(pow, (binary_kernels<Pow, float, double>("pow")));
CR_REGISTER(pow_integer, (scalar_kernels<IntegerPow, int32_t, int64_t, uint8_t>("pow")));

}  // namespace chainrule::CR_ISA
