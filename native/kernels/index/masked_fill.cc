// y = mask ? value : x, the mask broadcast to x.
#include "kernels/elementwise/loops.h"
#include "kernels/elementwise/map.h"

namespace chainrule::CR_ISA {

template <class T>
void masked_fill(Context& ctx, const Args& args) {
  const auto loop = make_loop<3>({&args.out[0], &args.in[0], &args.in[1]});
  T* y = static_cast<T*>(args.out[0].data);
  const T* x = static_cast<const T*>(args.in[0].data);
  const uint8_t* mask = static_cast<const uint8_t*>(args.in[1].data);
  const T value = static_cast<T>(args.params[0]);
  const int32_t last = loop.rank - 1;
  const int64_t sy = loop.strides[0][last], sx = loop.strides[1][last], sm = loop.strides[2][last];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      const uint8_t* hide = mask + offsets[2];
      if (sy == 1 && sx == 1 && sm == 1) {
        for (int64_t i = 0; i < n; ++i) to[i] = hide[i] != 0 ? value : from[i];
      } else {
        for (int64_t i = 0; i < n; ++i) to[i * sy] = hide[i * sm] != 0 ? value : from[i * sx];
      }
    });
  });
}

template <class... T>
constexpr auto masked_fill_kernels() {
  return kernel_set(Registration{"masked_fill", kDTypeOf<T>, kIsa, "Tb>T", "value", &masked_fill<Stored<T>>}...);
}
CR_REGISTER(masked_fill, (masked_fill_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
