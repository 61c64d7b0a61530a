// Position of the largest or smallest element along one axis: the first one of equals; NaN counts as largest and as smallest.
//
// A row is read once: the extreme of each block of 4096 elements says in which block to look for the position. Along an outer axis, strips
// of columns keep value and position of the best so far.
#include "core/error.h"
#include "core/view.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Columns that one unit searches.
inline constexpr int64_t kSearchColumns = 512;
inline constexpr int64_t kSearchGrain = 16384;

template <class T, bool Largest>
CR_INLINE bool precedes(T a, T b) {
  if (b != b) return false;  // an earlier NaN stays
  return a != a || (Largest ? a > b : a < b);
}

template <bool Largest>
struct JoinExtreme : JoinMax {};
template <>
struct JoinExtreme<false> : JoinMin {};

/// The extreme of n <= kBlockElements elements, and where it is first found.
template <class A, class T, bool Largest>
CR_INLINE A block_extreme(const T* x, int64_t n) {
  return fold_lanes<JoinExtreme<Largest>, A>(
      reduce_range<JoinExtreme<Largest>, A>(0, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some_as<A>(x + i, m); }));
}
template <class A, class T>
CR_INLINE int64_t first_equal(const T* x, int64_t n, A value) {
  const Vec<A> wanted = splat<Vec<A>>(value);
  int64_t i = 0;
  for (; i + kLanes<A> <= n; i += kLanes<A>) {
    const Vec<A> v = load_as<A>(x + i);
    if (any((v == wanted) | ((v != v) & (wanted != wanted)))) break;
  }
  for (; i < n; ++i) {
    const A v = static_cast<A>(x[i]);
    if (v == value || (v != v && value != value)) return i;
  }
  return 0;
}

/// A row of n elements, `stride` apart; with a buffer of kBlockElements where they do not lie side by side.
template <class A, class T, bool Largest>
CR_INLINE int64_t search_row(const T* x, int64_t n, int64_t stride, T* buffer) {
  const auto block_at = [=](int64_t start) {
    const int64_t m = n - start < kBlockElements ? n - start : kBlockElements;
    if (stride == 1) return x + start;
    for (int64_t i = 0; i < m; ++i) buffer[i] = x[(start + i) * stride];
    return const_cast<const T*>(buffer);
  };
  int64_t best = 0;
  A value = {};
  for (int64_t start = 0; start < n; start += kBlockElements) {
    const A own = block_extreme<A, T, Largest>(block_at(start), n - start < kBlockElements ? n - start : kBlockElements);
    if (start > 0 && !precedes<A, Largest>(own, value)) continue;
    value = own;
    best = start;
  }
  return best + first_equal<A, T>(block_at(best), n - best < kBlockElements ? n - best : kBlockElements, value);
}

/// Columns 0..width-1 side by side, n rows that are `stride` apart.
template <class A, class T, bool Largest>
CR_INLINE void search_columns(const T* x, int64_t width, int64_t n, int64_t stride, int64_t* y, int64_t y_stride) {
  using V = Vec<A>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<A>;
  A value[kSearchColumns];
  Scalar<I> position[kSearchColumns];
  const auto visit = [&](int64_t i, int64_t m, int64_t row, int64_t rows) CR_INLINE_LAMBDA {
    V best = load(value + i);
    I at = load(position + i);
    for (int64_t r = row; r < row + rows; ++r) {
      const V v = load_some_as<A>(x + r * stride + i, m);
      const I better = (Largest ? v > best : v < best) | ((v != v) & (best == best));
      best = select<V>(better, v, best);
      at = select<I>(better, splat<I>(static_cast<Scalar<I>>(r)), at);
    }
    store(value + i, best);
    store(position + i, at);
  };
  for (int64_t i = 0; i < width; i += lanes) {
    store(value + i, load_some_as<A>(x + i, width - i < lanes ? width - i : lanes));
    store(position + i, I{});
  }
  for (int64_t row = 1; row < n; row += 8) {
    const int64_t rows = n - row < 8 ? n - row : 8;
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) visit(i, lanes, row, rows);
    if (i < width) visit(i, width - i, row, rows);
  }
  for (int64_t i = 0; i < width; ++i) y[i * y_stride] = position[i];
}

/// Where results stand: all axes but the searched one, and, apart, the one along which columns lie side by side (or -1).
struct Search {
  int32_t rank, columns;
  int64_t shape[kMaxRank], x[kMaxRank], y[kMaxRank];
  int64_t outputs, width, y_stride;
};
CR_INLINE Search make_search(const TensorView& x, const TensorView& y, int32_t axis) {
  CR_CHECK(axis >= 0 && axis < x.rank && y.rank == x.rank && y.shape[axis] == 1 && x.shape[axis] > 0);
  Search s;
  s.rank = 0;
  s.columns = -1;
  s.outputs = s.width = 1;
  s.y_stride = 0;
  const bool wide = x.strides[axis] != 1 && x.shape[axis] < (int64_t{1} << 31);
  for (int32_t d = x.rank - 1; d >= 0 && wide && s.columns < 0; --d) {
    if (d != axis && x.shape[d] > 1 && x.strides[d] == 1) s.columns = d;
  }
  for (int32_t d = 0; d < x.rank; ++d) {
    CR_CHECK(d == axis || y.shape[d] == x.shape[d]);
    if (d == axis) continue;
    if (d == s.columns) {
      s.width = y.shape[d];
      s.y_stride = y.strides[d];
      continue;
    }
    s.shape[s.rank] = y.shape[d];
    s.x[s.rank] = x.strides[d];
    s.y[s.rank++] = y.strides[d];
    s.outputs *= y.shape[d];
  }
  return s;
}

/// x searched along `axis`, where y has size 1.
template <class A, class T, bool Largest>
void run_argmax(Context& ctx, const Args& args) {
  const auto axis = static_cast<int32_t>(args.params[0]);
  const Search s = make_search(args.in[0], args.out[0], axis);
  const T* x = static_cast<const T*>(args.in[0].data);
  auto* y = static_cast<int64_t*>(args.out[0].data);
  const int64_t n = args.in[0].shape[axis], stride = args.in[0].strides[axis];
  const int64_t strips = (s.width + kSearchColumns - 1) / kSearchColumns, share = s.width / (strips + (strips == 0)) + 1;
  parallel_range(ctx, s.outputs * strips, kSearchGrain / (n * share + 8) + 1, [&](int64_t begin, int64_t end) {
    T buffer[kBlockElements];
    for (int64_t i = begin; i < end; ++i) {
      int64_t from = 0, to = 0, rest = i / strips;
      for (int32_t d = s.rank - 1; d >= 0; --d) {
        from += rest % s.shape[d] * s.x[d];
        to += rest % s.shape[d] * s.y[d];
        rest /= s.shape[d];
      }
      if (s.columns < 0) {
        y[to] = search_row<A, T, Largest>(x + from, n, stride, buffer);
        continue;
      }
      const int64_t column = i % strips * kSearchColumns;
      const int64_t width = s.width - column < kSearchColumns ? s.width - column : kSearchColumns;
      search_columns<A, T, Largest>(x + from + column, width, n, stride, y + to + column * s.y_stride, s.y_stride);
    }
  });
}

template <bool Largest>
constexpr auto argmax_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "T>l", "axis", &run_argmax<float, float, Largest>},
                    Registration{name, DType::f64, kIsa, "T>l", "axis", &run_argmax<double, double, Largest>},
                    Registration{name, DType::i32, kIsa, "T>l", "axis", &run_argmax<int32_t, int32_t, Largest>},
                    Registration{name, DType::i64, kIsa, "T>l", "axis", &run_argmax<int64_t, int64_t, Largest>},
                    Registration{name, DType::u8, kIsa, "T>l", "axis", &run_argmax<int32_t, uint8_t, Largest>},
                    Registration{name, DType::boolean, kIsa, "T>l", "axis", &run_argmax<int32_t, uint8_t, Largest>});
}
CR_REGISTER(argmax, (argmax_kernels<true>("argmax")));
CR_REGISTER(argmin, (argmax_kernels<false>("argmin")));

}  // namespace chainrule::CR_ISA
