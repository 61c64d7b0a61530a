// Every element the same value.
#include "kernels/elementwise/map.h"
#include "kernels/elementwise/tile_copy.h"
#include "simd/half.h"

namespace chainrule::CR_ISA {

/// y = value.
template <class T>
CR_INLINE void fill_view(Context& ctx, const TensorView& view, T value) {
  const auto loop = make_loop<1>({&view});
  T* y = static_cast<T*>(view.data);
  const int64_t n = element_count(loop), inner = loop.shape[loop.rank - 1], stride = loop.strides[0][loop.rank - 1];
  const bool stream = n * static_cast<int64_t>(sizeof(T)) >= kStreamBytes && inner >= kTile && stride == 1;
  parallel_even(ctx, n, kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      if (stream) return stream_fill(to, value, count);
      if (stride == 1) return fill_run(to, value, count);
      for (int64_t i = 0; i < count; ++i) to[i * stride] = value;
    });
    if (stream) stream_fence();
  });
}

template <class T>
void run_fill(Context& ctx, const Args& args) {
  fill_view(ctx, args.out[0], static_cast<Stored<T>>(static_cast<T>(args.params[0])));
}

template <DType kind>
void fill_halves(Context& ctx, const Args& args) {
  const float value = static_cast<float>(args.params[0]);
  uint16_t bits = 0;
  narrow_all<kind>(&value, &bits, 1);
  fill_view(ctx, args.out[0], bits);
}

template <class... T>
constexpr auto fill_kernels() {
  return kernel_set(Registration{"fill", kDTypeOf<T>, kIsa, ">T", "value", &run_fill<T>}...,
                    Registration{"fill", DType::bf16, kIsa, ">T", "value", &fill_halves<DType::bf16>},
                    Registration{"fill", DType::f16, kIsa, ">T", "value", &fill_halves<DType::f16>});
}
CR_REGISTER(fill, (fill_kernels<float, double, int32_t, int64_t, uint8_t, int8_t, bool>()));

}  // namespace chainrule::CR_ISA
