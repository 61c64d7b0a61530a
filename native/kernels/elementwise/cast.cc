// Conversion between element types, C++ rules made total: a float that does not fit an integer saturates, NaN becomes 0; to bool is x != 0.
#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

template <class To, class From>
CR_INLINE To convert(From x) {
  if constexpr (kDTypeOf<To> == DType::boolean) {
    return x != From{0};
  } else if constexpr ((kDTypeOf<From> == DType::f32 || kDTypeOf<From> == DType::f64) && kDTypeOf<To> != DType::f32 &&
                       kDTypeOf<To> != DType::f64) {
    constexpr int64_t bits = 8 * static_cast<int64_t>(sizeof(To));
    constexpr bool is_signed = To(-1) < To(0);
    constexpr double high = is_signed ? static_cast<double>(1ull << (bits - 1)) : static_cast<double>(1ull << (bits % 64));
    constexpr double low = is_signed ? -high : 0.0;
    const auto value = static_cast<double>(x);
    if (value != value) return To{0};
    if (value >= high) return static_cast<To>(is_signed ? static_cast<To>((1ull << (bits - 1)) - 1) : static_cast<To>(~To{0}));
    return value <= low ? static_cast<To>(low) : static_cast<To>(value);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void run_cast(Context& ctx, const Args& args) {
  const auto loop = make_loop<2>({&args.out[0], &args.in[0]});
  To* y = static_cast<To*>(args.out[0].data);
  const From* x = static_cast<const From*>(args.in[0].data);
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      To* to = y + offsets[0];
      const From* from = x + offsets[1];
      if (sy == 1 && sx == 1) {
        for (int64_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
      } else {
        for (int64_t i = 0; i < count; ++i) to[i * sy] = convert<To>(from[i * sx]);
      }
    });
  });
}

template <class To, class... From>
constexpr auto casts(const char* name, const char* signature) {
  return kernel_set(Registration{name, kDTypeOf<From>, kIsa, signature, "", &run_cast<To, From>}...);
}
CR_REGISTER(to_f32, (casts<float, double, int32_t, int64_t, uint8_t, bool>("cast_f32", "T>f")));
CR_REGISTER(to_f64, (casts<double, float, int32_t, int64_t, uint8_t, bool>("cast_f64", "T>d")));
CR_REGISTER(to_i32, (casts<int32_t, float, double, int64_t, uint8_t, bool>("cast_i32", "T>i")));
CR_REGISTER(to_i64, (casts<int64_t, float, double, int32_t, uint8_t, bool>("cast_i64", "T>l")));
CR_REGISTER(to_u8, (casts<uint8_t, float, double, int32_t, int64_t, bool>("cast_u8", "T>u")));
CR_REGISTER(to_bool, (casts<bool, float, double, int32_t, int64_t, uint8_t>("cast_bool", "T>b")));

}  // namespace chainrule::CR_ISA
