#include "core/error.h"
#include "kernels/linalg/gemm/micro.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int kChains = 12;

/// Nothing but fma in registers, for `rounds` x 12 vectors in each element of y: what the machine could do at best, the measure of every
/// GEMM benchmark. Twelve independent chains cover the latency of the fma units. flops [1]: floating-point operations of one element.
template <class T>
void fma_peak(Context& ctx, const Args& args) {
  const TensorView& y = args.out[0];
  CR_CHECK(y.rank == 1 && args.out[1].rank == 1 && args.out[1].shape[0] == 1);
  T* to = static_cast<T*>(y.data);
  const auto rounds = static_cast<int64_t>(args.params[0]);
  *static_cast<T*>(args.out[1].data) = T(2 * kChains * kLanes<T> * rounds);
  parallel_units(ctx, y.shape[0], [&](int64_t unit, int) {
    using V = Vec<T>;
    const V scale = splat<V>(T(0.5)), step = splat<V>(T(1) + T(unit));
    V sum[kChains];
    CR_UNROLL for (int i = 0; i < kChains; ++i) sum[i] = splat<V>(T(i));
    for (int64_t r = 0; r < rounds; ++r) {
      CR_UNROLL for (int i = 0; i < kChains; ++i) sum[i] = fma(sum[i], scale, step);
    }
    V total = {};
    CR_UNROLL for (int i = 0; i < kChains; ++i) total += sum[i];
    to[unit * y.strides[0]] = total[0];
  });
}

CR_REGISTER(peak, (kernel_set(Registration{"fma_peak", DType::f32, kIsa, ">TT", "rounds", &fma_peak<float>},
                              Registration{"fma_peak", DType::f64, kIsa, ">TT", "rounds", &fma_peak<double>})));

}  // namespace chainrule::CR_ISA
