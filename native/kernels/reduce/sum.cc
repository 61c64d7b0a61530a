// Sum over the axes where the output has size 1 and the input has not.
#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

template <class T>
void run_sum(Context&, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0];
  CR_CHECK(x.rank == y.rank);
  TensorView spread = y;  // the output, with stride 0 along the summed axes
  for (int32_t d = 0; d < x.rank; ++d) {
    CR_CHECK(y.shape[d] == x.shape[d] || y.shape[d] == 1);
    if (y.shape[d] != x.shape[d]) spread.strides[d] = 0;
    spread.shape[d] = x.shape[d];
  }
  T* to = static_cast<T*>(y.data);
  const auto zero = make_loop<1>({&y});
  walk(zero, 0, element_count(zero), [&](const int64_t* offsets, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[offsets[0] + i * zero.strides[0][zero.rank - 1]] = T{0};
  });
  const T* from = static_cast<const T*>(x.data);
  const auto loop = make_loop<2>({&spread, &x});
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  walk(loop, 0, element_count(loop), [&](const int64_t* offsets, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[offsets[0] + i * sy] = static_cast<T>(to[offsets[0] + i * sy] + from[offsets[1] + i * sx]);
  });
}

template <class... T>
constexpr auto sum_kernels() {
  return kernel_set(Registration{"sum", kDTypeOf<T>, kIsa, "T>T", "", &run_sum<T>}...);
}
CR_REGISTER(sum, (sum_kernels<float, double, int32_t, int64_t>()));

}  // namespace chainrule::CR_ISA
