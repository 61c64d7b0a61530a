#include "kernels/linalg/product.h"

namespace chainrule::CR_ISA {

/// y = x weight^T + bias: x [..., in], weight [out, in], bias [out] -> y [..., out]. The bias is added while the tile is in L1.
template <class T>
void linear(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &weight = args.in[1], &bias = args.in[2], &y = args.out[0];
  const int32_t rank = x.rank;
  CR_CHECK(rank >= 1 && y.rank == rank && weight.rank == 2 && bias.rank == 1);
  CR_CHECK(x.shape[rank - 1] == weight.shape[1] && y.shape[rank - 1] == weight.shape[0] && bias.shape[0] == weight.shape[0]);
  Product<T> p;
  p.a = static_cast<const T*>(x.data);
  p.b = static_cast<const T*>(weight.data);
  p.c = static_cast<T*>(y.data);
  p.bias = static_cast<const T*>(bias.data);
  p.bias_col = bias.strides[0];
  p.m = 1;
  p.n = weight.shape[0];
  p.k = weight.shape[1];
  p.a_row = p.c_row = 0;
  p.a_k = x.strides[rank - 1];
  p.b_k = weight.strides[1];
  p.b_col = weight.strides[0];
  p.c_col = y.strides[rank - 1];
  for (int32_t d = 0; d < rank - 1; ++d) {
    CR_CHECK(x.shape[d] == y.shape[d]);
    add_batch_axis(p, y.shape[d], x.strides[d], 0, y.strides[d]);
  }
  run_product(ctx, p);
}

CR_REGISTER(linear, (kernel_set(Registration{"linear", DType::f32, kIsa, "TTT>T", "", &linear<float>},
                                Registration{"linear", DType::f64, kIsa, "TTT>T", "", &linear<double>})));

}  // namespace chainrule::CR_ISA
