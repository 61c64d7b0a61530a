#include "kernels/elementwise/map.h"

namespace chainrule::CR_ISA {

// From every element type to every other. Float to integer truncates; NaN becomes 0 and what is out of range the nearest bound, on every
// processor. Integers wrap. Anything but 0 is true.

/// The integer nearest to 0 of x's neighbours, within To's range.
template <class To, class From>
CR_INLINE To truncate(From x) {
  constexpr bool kSigned = static_cast<To>(-1) < 0;
  constexpr int kBits = 8 * sizeof(To) - (kSigned ? 1 : 0);
  constexpr To kHighest = static_cast<To>(sizeof(To) == 8 ? INT64_MAX : (int64_t{1} << (kBits & 63)) - 1);
  constexpr To kLowest = kSigned ? static_cast<To>(-kHighest - 1) : To{0};
  constexpr From kAbove = static_cast<From>(kBits == 63 ? 0x1p63 : kBits == 31 ? 0x1p31 : kBits == 8 ? 256.0 : 128.0);  // kHighest + 1
  if (!(x == x)) return To{0};
  return x >= kAbove ? kHighest : x <= static_cast<From>(kLowest) ? kLowest : static_cast<To>(x);
}

template <class To, class From>
void cast_row(void* y, const void* const* x, int64_t n, const double*) {
  Stored<To>* out = static_cast<Stored<To>*>(y);
  const Stored<From>* in = static_cast<const Stored<From>*>(x[0]);
  constexpr bool kFromFloat = static_cast<Stored<From>>(0.5) != 0, kToFloat = static_cast<Stored<To>>(0.5) != 0;
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (kDTypeOf<To> == DType::boolean) {
      out[i] = in[i] != 0 ? 1 : 0;
    } else if constexpr (kFromFloat && !kToFloat) {
      out[i] = truncate<To>(in[i]);
    } else {
      out[i] = static_cast<To>(in[i]);
    }
  }
}

template <class To, class From>
void run_cast(Context& ctx, const Args& args) {
  map_rows(ctx, args, &cast_row<To, From>);
}

template <class To, class... From>
constexpr auto cast_kernels(const char* name, const char* signature) {
  return kernel_set(Registration{name, kDTypeOf<From>, kIsa, signature, "", &run_cast<To, From>}...);
}
CR_REGISTER(cast_f32, (cast_kernels<float, double, int32_t, int64_t, uint8_t, int8_t, bool>("cast_f32", "T>f")));
CR_REGISTER(cast_f64, (cast_kernels<double, float, int32_t, int64_t, uint8_t, int8_t, bool>("cast_f64", "T>d")));
CR_REGISTER(cast_i32, (cast_kernels<int32_t, float, double, int64_t, uint8_t, int8_t, bool>("cast_i32", "T>i")));
CR_REGISTER(cast_i64, (cast_kernels<int64_t, float, double, int32_t, uint8_t, int8_t, bool>("cast_i64", "T>l")));
CR_REGISTER(cast_u8, (cast_kernels<uint8_t, float, double, int32_t, int64_t, int8_t, bool>("cast_u8", "T>u")));
CR_REGISTER(cast_i8, (cast_kernels<int8_t, float, double, int32_t, int64_t, uint8_t, bool>("cast_i8", "T>s")));
CR_REGISTER(cast_bool, (cast_kernels<bool, float, double, int32_t, int64_t, uint8_t, int8_t>("cast_bool", "T>b")));

}  // namespace chainrule::CR_ISA
