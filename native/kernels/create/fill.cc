// Every element the same value.
#include "kernels/elementwise/loops.h"
#include "kernels/elementwise/map.h"

namespace chainrule::CR_ISA {

template <class T>
void run_fill(Context& ctx, const Args& args) {
  const auto loop = make_loop<1>({&args.out[0]});
  auto* y = static_cast<Stored<T>*>(args.out[0].data);
  const auto value = static_cast<Stored<T>>(static_cast<T>(args.params[0]));
  const int64_t stride = loop.strides[0][loop.rank - 1], n = element_count(loop);
  const bool streamed = n * static_cast<int64_t>(sizeof value) >= kStreamBytes;
  const Vec<Stored<T>> values = splat_any<Stored<T>>(value);
  parallel_range(ctx, n, kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      Stored<T>* to = y + offsets[0];
      if (stride == 1 && streamed) return stream_fill(to, value, count);
      int64_t i = 0;
      if (stride == 1) {
        for (; i + kLanes<Stored<T>> <= count; i += kLanes<Stored<T>>) store(to + i, values);
      }
      for (; i < count; ++i) to[i * stride] = value;
    });
    if (streamed) stream_fence();
  });
}

template <class... T>
constexpr auto fill_kernels() {
  return kernel_set(Registration{"fill", kDTypeOf<T>, kIsa, ">T", "value", &run_fill<T>}...);
}
CR_REGISTER(fill, (fill_kernels<float, double, int32_t, int64_t, uint8_t, int8_t, bool>()));

}  // namespace chainrule::CR_ISA
