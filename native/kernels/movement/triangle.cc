// The lower (column <= row + k) or upper (column >= row + k) triangle of each matrix; zeros elsewhere.
#include "kernels/elementwise/map.h"
#include "kernels/elementwise/tile_copy.h"

namespace chainrule::CR_ISA {

template <class T>
void triangle(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0];
  const int32_t rank = x.rank;
  CR_CHECK(rank >= 2 && y.rank == rank && (y.strides[rank - 1] == 1 || y.shape[rank - 1] == 1));
  for (int32_t d = 0; d < rank; ++d) CR_CHECK(x.shape[d] == y.shape[d]);
  const auto k = static_cast<int64_t>(args.params[0]);
  const bool upper = args.params[1] != 0;
  const int64_t columns = x.shape[rank - 1], sx = x.strides[rank - 1];
  int64_t rows = 1;
  for (int32_t d = 0; d < rank - 1; ++d) rows *= x.shape[d];
  parallel_range(ctx, rows, kGrainElements / (columns + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = static_cast<const T*>(x.data);
      T* to = static_cast<T*>(y.data);
      int64_t rest = row;
      for (int32_t d = rank - 2; d >= 0; --d) {
        from += rest % x.shape[d] * x.strides[d];
        to += rest % x.shape[d] * y.strides[d];
        rest /= x.shape[d];
      }
      // Where what is kept of the row begins and ends.
      const int64_t edge = row % x.shape[rank - 2] + k;
      int64_t first = upper ? edge : 0, past = upper ? columns : edge + 1;
      first = first < 0 ? 0 : first > columns ? columns : first;
      past = past < first ? first : past > columns ? columns : past;
      fill_run(to, T{0}, first);
      pack_run(to + first, from + first * sx, sx, past - first);
      fill_run(to + past, T{0}, columns - past);
    }
  });
}

template <class... T>
constexpr auto triangle_kernels() {
  return kernel_set(Registration{"triangle", kDTypeOf<T>, kIsa, "T>T", "k,upper", &triangle<Stored<T>>}...);
}
CR_REGISTER(triangle, (triangle_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
