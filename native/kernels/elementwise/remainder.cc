#include "core/error.h"
#include "kernels/elementwise/binary.h"
#include "simd/log.h"

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

/// The quotient rounded towards 0, and C's remainder.
template <class V>
struct Quotient {
  V whole, rest;
};
/// Of finite numbers whose quotient is below kPlainQuotient, exactly. The division may round up to a whole number; the remainder, which
/// the fma does not round, then has the wrong sign and says so.
template <class V>
CR_INLINE Quotient<V> divide(V x, V y, V quotient) {
  V whole = trunc(quotient), rest = fma(-whole, y, x);
  const auto too_many = ((rest > V{}) & (x < V{})) | ((rest < V{}) & (x > V{}));
  whole = select<V>(too_many, whole - copysign(num<V>(1), quotient), whole);
  rest = select<V>(too_many, rest + copysign(y, x), rest);
  return {whole, copysign(rest, x)};
}
/// Far below the numbers that the type cannot count any more.
inline constexpr int32_t kPlainQuotient = 1 << 20;

/// Op::plain(y, divide(x, y)) where that is exact in all lanes; else, and without fma, Op::one for each: the same numbers.
template <class Op, class V>
CR_INLINE V by_quotient(V x, V y) {
  if constexpr (kIsa != Isa::baseline) {
    const V quotient = x / y;
    if (!any(~((abs(quotient) < num<V>(kPlainQuotient)) & (abs(y) < num<V>(kInfinity<V>))))) return Op::plain(y, divide(x, y, quotient));
  }
  for (int i = 0; i < kLanes<Scalar<V>>; ++i) x[i] = Op::one(x[i], y[i]);
  return x;
}
template <class V>
CR_INLINE IntVec<V> wrong_signs(V r, V y) {
  return (r != V{}) & ((r < V{}) ^ (y < V{}));
}

struct Remainder {
  template <class T>
  static T one(T x, T y) {
    const T r = c_fmod(x, y);
    return wrong_sign(r, y) ? r + y : r;
  }
  template <class V>
  CR_INLINE V plain(V y, Quotient<V> q) {
    return select<V>(wrong_signs(q.rest, y), q.rest + y, q.rest);
  }
  template <class V>
  CR_INLINE V f(V x, V y) {
    return by_quotient<Remainder>(x, y);
  }
};
struct IntegerRemainder {
  template <class T>
  CR_INLINE T f(T x, T y) {
    return integer_remainder(x, y);
  }
};

struct FloorDivide {
  template <class T>
  static T one(T x, T y) {
    if (y == 0) return x / y;
    // x less fmod's remainder is a multiple of y; the division may round it, by far less than a half.
    const T rest = c_fmod(x, y);
    const T quotient = (x - rest) / y - (wrong_sign(rest, y) ? T{1} : T{0});
    if (quotient == 0) return static_cast<T>(__builtin_copysign(0.0, static_cast<double>(x) / static_cast<double>(y)));
    return static_cast<T>(__builtin_round(static_cast<double>(quotient)));
  }
  template <class V>
  CR_INLINE V plain(V y, Quotient<V> q) {
    return select<V>(wrong_signs(q.rest, y), q.whole - num<V>(1), q.whole);
  }
  template <class V>
  CR_INLINE V f(V x, V y) {
    return by_quotient<FloorDivide>(x, y);
  }
};
struct IntegerFloorDivide {
  template <class T>
  CR_INLINE T f(T x, T y) {
    const T r = integer_remainder(x, y);
    if (y == static_cast<T>(-1) && static_cast<T>(-1) < 0) return static_cast<T>(-x);
    return static_cast<T>((x - r) / y);
  }
};

CR_REGISTER(remainder, (binary_kernels<Remainder, float, double>("remainder")));
CR_REGISTER(remainder_integer, (scalar_kernels<IntegerRemainder, int32_t, int64_t, uint8_t>("remainder")));
CR_REGISTER(floor_divide, (binary_kernels<FloorDivide, float, double>("floor_divide")));
CR_REGISTER(floor_divide_integer, (scalar_kernels<IntegerFloorDivide, int32_t, int64_t, uint8_t>("floor_divide")));

}  // namespace chainrule::CR_ISA
