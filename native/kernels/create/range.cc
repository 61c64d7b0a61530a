// Evenly spaced numbers, computed in f64 from the element's position: no error adds up.
#include "core/error.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// y[i] = start + i step; in the second half end - (n - 1 - i) step when `end` is a number, so that both ends are exact.
template <class T>
void range(Context& ctx, const Args& args) {
  const TensorView& y = args.out[0];
  CR_CHECK(y.rank == 1);
  const double start = args.params[0], step = args.params[1], end = args.params[2];
  const int64_t n = y.shape[0];
  const bool from_both = end == end;
  parallel_range(ctx, n, 32768, [&](int64_t first, int64_t past) {
    T* to = static_cast<T*>(y.data);
    for (int64_t i = first; i < past; ++i) {
      const double value = from_both && 2 * i >= n ? end - static_cast<double>(n - 1 - i) * step : start + static_cast<double>(i) * step;
      to[i * y.strides[0]] = static_cast<T>(value);
    }
  });
}

template <class... T>
constexpr auto range_kernels() {
  return kernel_set(Registration{"range", kDTypeOf<T>, kIsa, ">T", "start,step,end", &range<T>}...);
}
CR_REGISTER(range, (range_kernels<float, double, int32_t, int64_t, uint8_t>()));

}  // namespace chainrule::CR_ISA
