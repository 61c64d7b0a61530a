// fill for elements of two bytes.
#include "kernels/elementwise/loops.h"
#include "simd/half.h"

namespace chainrule::CR_ISA {

namespace {

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

CR_REGISTER(fill_half, (kernel_set(Registration{"fill", DType::bf16, kIsa, ">T", "value", &fill_halves<DType::bf16>},
                                   Registration{"fill", DType::f16, kIsa, ">T", "value", &fill_halves<DType::f16>})));

}  // namespace chainrule::CR_ISA
