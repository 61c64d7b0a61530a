#include "core/error.h"
#include "kernels/elementwise/binary.h"

namespace chainrule::CR_ISA {

/// Quotient rounded to -inf and the remainder with the divisor's sign, as in Python.
///
/// Floats: from C's fmod, which is exact; a zero divisor gives x / 0 and NaN, as in IEEE. Integers: a zero divisor is an error; the
/// smallest integer divided by -1 wraps to itself.
template <class T>
CR_INLINE T c_fmod(T x, T y) {
  if constexpr (sizeof(T) == 4) return __builtin_fmodf(x, y);
  if constexpr (sizeof(T) == 8) return __builtin_fmod(x, y);
}
/// Whether C's remainder has the sign that Python's has not.
template <class T>
CR_INLINE bool wrong_sign(T r, T y) {
  return r != 0 && (r < 0) != (y < 0);
}
template <class T>
CR_INLINE T integer_remainder(T x, T y) {
  if (y == 0) fail("integer division by zero; floating types give inf or NaN instead");
  if (y == static_cast<T>(-1) && static_cast<T>(-1) < 0) return 0;  // the smallest integer would trap
  const T r = static_cast<T>(x % y);
  return wrong_sign(r, y) ? static_cast<T>(r + y) : r;
}

struct Remainder {
  template <class T>
  CR_INLINE T f(T x, T y) {
    if constexpr (static_cast<T>(0.5) != 0) {
      const T r = c_fmod(x, y);
      return wrong_sign(r, y) ? r + y : r;
    } else {
      return integer_remainder(x, y);
    }
  }
};

struct FloorDivide {
  template <class T>
  CR_INLINE T f(T x, T y) {
    if constexpr (static_cast<T>(0.5) != 0) {
      if (y == 0) return x / y;
      // x less fmod's remainder is a multiple of y; the division may round it, by far less than a half.
      const T rest = c_fmod(x, y);
      const T quotient = (x - rest) / y - (wrong_sign(rest, y) ? T{1} : T{0});
      if (quotient == 0) return static_cast<T>(__builtin_copysign(0.0, static_cast<double>(x) / static_cast<double>(y)));
      return static_cast<T>(__builtin_round(static_cast<double>(quotient)));
    } else {
      const T r = integer_remainder(x, y);
      if (y == static_cast<T>(-1) && static_cast<T>(-1) < 0) return static_cast<T>(-x);
      return static_cast<T>((x - r) / y);
    }
  }
};

CR_REGISTER(remainder, (scalar_kernels<Remainder, float, double, int32_t, int64_t, uint8_t>("remainder")));
CR_REGISTER(floor_divide, (scalar_kernels<FloorDivide, float, double, int32_t, int64_t, uint8_t>("floor_divide")));

}  // namespace chainrule::CR_ISA
