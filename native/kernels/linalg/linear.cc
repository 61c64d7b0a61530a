#include "kernels/linalg/product.h"

namespace chainrule::CR_ISA {

/// y = x weight^T + bias: x [..., in], weight [out, in], bias [out] -> y [..., out]. The bias is added while the tile is in L1.
template <class T>
void linear(Context& ctx, const Args& args) {
  run_product(ctx, linear_product<T>(args.in[0], args.in[1], args.in[2], args.out[0]), 1);
}

CR_REGISTER(linear, (kernel_set(Registration{"linear", DType::f32, kIsa, "TTT>T", "", &linear<float>},
                                Registration{"linear", DType::f64, kIsa, "TTT>T", "", &linear<double>})));

}  // namespace chainrule::CR_ISA
