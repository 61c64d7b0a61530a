// Every element the same value.
#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

template <class T>
void run_fill(Context& ctx, const Args& args) {
  const auto loop = make_loop<1>({&args.out[0]});
  T* y = static_cast<T*>(args.out[0].data);
  const T value = static_cast<T>(args.params[0]);
  const int64_t stride = loop.strides[0][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t i = 0; i < count; ++i) y[offsets[0] + i * stride] = value;
    });
  });
}

template <class... T>
constexpr auto fill_kernels() {
  return kernel_set(Registration{"fill", kDTypeOf<T>, kIsa, ">T", "value", &run_fill<T>}...);
}
CR_REGISTER(fill, (fill_kernels<float, double, int32_t, int64_t, uint8_t, int8_t, bool>()));

}  // namespace chainrule::CR_ISA
