// Materializes a strided or broadcast view: y = x, any strides on either side.
#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

template <class T>
void run_copy(Context& ctx, const Args& args) {
  const auto loop = make_loop<2>({&args.out[0], &args.in[0]});
  T* y = static_cast<T*>(args.out[0].data);
  const T* x = static_cast<const T*>(args.in[0].data);
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
      } else {
        for (int64_t i = 0; i < count; ++i) to[i * sy] = from[i * sx];
      }
    });
  });
}

template <class... T>
constexpr auto copy_kernels() {
  return kernel_set(Registration{"copy", kDTypeOf<T>, kIsa, "T>T", "", &run_copy<T>}...);
}
CR_REGISTER(copy, (copy_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
