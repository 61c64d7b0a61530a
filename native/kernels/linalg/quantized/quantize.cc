#include "core/error.h"
#include "core/view.h"
#include "kernels/linalg/quantized/rows.h"

namespace chainrule::CR_ISA {

/// x [rows, k] -> q [rows, k] int8, scale [rows]: x ~ scale q. All contiguous.
void quantize(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &q = args.out[0], &scale = args.out[1];
  CR_CHECK(x.rank == 2 && q.rank == 2 && scale.rank == 1 && q.shape[0] == x.shape[0] && q.shape[1] == x.shape[1]);
  CR_CHECK(scale.shape[0] == x.shape[0]);
  const int64_t k = x.shape[1];
  CR_CHECK(k <= 1 || (x.strides[1] == 1 && q.strides[1] == 1));
  parallel_range(ctx, x.shape[0], quantize_grain(k), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      static_cast<float*>(scale.data)[i * scale.strides[0]] =
          quantize_row(static_cast<const float*>(x.data) + i * x.strides[0], k, static_cast<int8_t*>(q.data) + i * q.strides[0]).scale;
    }
  });
}

CR_REGISTER(quantize, (kernel_set(Registration{"quantize", DType::f32, kIsa, "T>sT", "", &quantize})));

}  // namespace chainrule::CR_ISA
