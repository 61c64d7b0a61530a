// copy and fill for elements of two bytes.
#include "kernels/elementwise/loops.h"
#include "simd/half.h"

namespace chainrule::CR_ISA {

namespace {

void copy_halves(Context& ctx, const Args& args) {
  const auto loop = make_loop<2>({&args.out[0], &args.in[0]});
  uint16_t* y = static_cast<uint16_t*>(args.out[0].data);
  const uint16_t* x = static_cast<const uint16_t*>(args.in[0].data);
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      uint16_t* to = y + offsets[0];
      const uint16_t* from = x + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(to, from, static_cast<size_t>(count) * sizeof(uint16_t));
      } else {
        for (int64_t i = 0; i < count; ++i) to[i * sy] = from[i * sx];
      }
    });
  });
}

template <DType kind>
void fill_halves(Context& ctx, const Args& args) {
  const auto loop = make_loop<1>({&args.out[0]});
  uint16_t* y = static_cast<uint16_t*>(args.out[0].data);
  const float value = static_cast<float>(args.params[0]);
  uint16_t bits = 0;
  narrow_all<kind>(&value, &bits, 1);
  const int64_t stride = loop.strides[0][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t i = 0; i < count; ++i) y[offsets[0] + i * stride] = bits;
    });
  });
}

}  // namespace

CR_REGISTER(copy_half, (kernel_set(Registration{"copy", DType::bf16, kIsa, "T>T", "", &copy_halves},
                                   Registration{"copy", DType::f16, kIsa, "T>T", "", &copy_halves})));
CR_REGISTER(fill_half, (kernel_set(Registration{"fill", DType::bf16, kIsa, ">T", "value", &fill_halves<DType::bf16>},
                                   Registration{"fill", DType::f16, kIsa, ">T", "value", &fill_halves<DType::f16>})));

}  // namespace chainrule::CR_ISA
