// Position of the largest or smallest element along one axis: the first one of equals; NaN counts as largest and as smallest.
#include "core/error.h"
#include "core/view.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

template <class T>
CR_INLINE bool precedes(T a, T b, bool largest) {
  if (b != b) return false;  // an earlier NaN stays
  return a != a || (largest ? a > b : a < b);
}

/// x reduced along `axis`, where y has size 1.
template <class T, bool Largest>
void run_argmax(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0];
  const auto axis = static_cast<int32_t>(args.params[0]);
  CR_CHECK(axis >= 0 && axis < x.rank && y.rank == x.rank && y.shape[axis] == 1 && x.shape[axis] > 0);
  int64_t outputs = 1;
  for (int32_t d = 0; d < x.rank; ++d) {
    CR_CHECK(d == axis || y.shape[d] == x.shape[d]);
    outputs *= y.shape[d];
  }
  const int64_t n = x.shape[axis], stride = x.strides[axis];
  parallel_range(ctx, outputs, 16384 / (n + 8) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t from = 0, to = 0, rest = i;
      for (int32_t d = x.rank - 1; d >= 0; --d) {
        const int64_t index = rest % y.shape[d];
        rest /= y.shape[d];
        from += index * x.strides[d];
        to += index * y.strides[d];
      }
      const T* row = static_cast<const T*>(x.data) + from;
      int64_t best = 0;
      T value = row[0];
      for (int64_t k = 1; k < n; ++k) {
        if (!precedes(row[k * stride], value, Largest)) continue;
        value = row[k * stride];
        best = k;
      }
      static_cast<int64_t*>(y.data)[to] = best;
    }
  });
}

template <bool Largest, class... T>
constexpr auto argmax_kernels(const char* name) {
  return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "T>l", "axis", &run_argmax<T, Largest>}...);
}
CR_REGISTER(argmax, (argmax_kernels<true, float, double, int32_t, int64_t, uint8_t, bool>("argmax")));
CR_REGISTER(argmin, (argmax_kernels<false, float, double, int32_t, int64_t, uint8_t, bool>("argmin")));

}  // namespace chainrule::CR_ISA
