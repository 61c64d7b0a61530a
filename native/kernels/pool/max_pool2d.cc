// Maximum over windows, and where it was found. A window's maximum is taken down the columns first, which is contiguous work whatever the
// stride, and then along the row; positions decide between equal values, so that the first in row-major order wins, as if scanned that way.
#include "kernels/pool/window.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

template <class T>
struct MaxRow {
  T* value;          // pad, then one entry a column
  IntFor<T>* where;  // its position in the plane, row * width + column
};

template <class T>
inline constexpr IntFor<T> kNowhere = static_cast<IntFor<T>>(sizeof(T) == 4 ? 0x7fffffffLL : 0x7fffffffffffffffLL);

/// Takes b where it is larger, NaN, or equal and further to the front.
template <class V>
CR_INLINE void take_max(V& value, IntVec<V>& where, V b, IntVec<V> b_where) {
  const IntVec<V> take = (b > value) | (b != b) | ((b == value) & (b_where < where));
  value = select<V>(take, b, value);
  where = take ? b_where : where;
}
template <class T, class I>
CR_INLINE void take_max_scalar(T& value, I& where, T b, I b_where) {
  if (b > value || b != b || (b == value && b_where < where)) {
    value = b;
    where = b_where;
  }
}

template <class T>
CR_INLINE void set_row(MaxRow<T> row, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    row.value[i] = static_cast<T>(-__builtin_inf());
    row.where[i] = kNowhere<T>;
  }
}

/// Maxima of the window's rows, column by column: each vector of columns goes down the rows in registers.
template <class T>
CR_INLINE void columns(const PoolAxis& h, const PoolAxis& w, Window rows, const T* x, int64_t row_stride, int64_t stride, T* line,
                       MaxRow<T> to) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  I steps;
  for (int i = 0; i < lanes; ++i) steps[i] = static_cast<IntFor<T>>(i);
  const int64_t down = h.dilation * row_stride;
  for (int64_t i = 0; i < w.in; i += lanes) {
    const int64_t left = w.in - i;
    const auto row_of = [&](const T* from) {
      if (stride == 1) return left >= lanes ? load(from + i) : load_partial(from + i, left);
      for (int64_t l = 0; l < lanes && l < left; ++l) line[l] = from[(i + l) * stride];
      return load(line);
    };
    const T* from = x + rows.begin * row_stride;
    V best = row_of(from);
    I where = splat<I>(static_cast<IntFor<T>>(rows.begin * w.in));
    for (int64_t row = rows.begin + h.dilation; row < rows.end; row += h.dilation) {
      from += down;
      const V v = row_of(from);
      const I take = (v > best) | (v != v);
      best = select<V>(take, v, best);
      where = take ? splat<I>(static_cast<IntFor<T>>(row * w.in)) : where;
    }
    where += steps + splat<I>(static_cast<IntFor<T>>(i));
    if (left >= lanes) {
      store(to.value + i, best);
      store(to.where + i, where);
    } else {
      store_partial(to.value + i, best, left);
      store_partial(to.where + i, where, left);
    }
  }
}

/// Maxima along the row for windows at stride 1 or 2, a vector of outputs at a time.
template <int Stride, class T>
CR_INLINE void along_row(const PoolAxis& w, MaxRow<T> from, T* y, IntFor<T>* where) {
  constexpr int64_t lanes = kLanes<T>;
  const auto tap = [](const auto* p) {
    if constexpr (Stride == 1) return load(p);
    if constexpr (Stride == 2) return evens(load(p), load(p + lanes));
  };
  for (int64_t o = 0; o < w.out; o += lanes) {
    auto value = tap(from.value + o * Stride);
    auto at = tap(from.where + o * Stride);
    for (int64_t k = 1; k < w.kernel; ++k) {
      take_max(value, at, tap(from.value + o * Stride + k * w.dilation), tap(from.where + o * Stride + k * w.dilation));
    }
    if (w.out - o >= lanes) {
      store(y + o, value);
      store(where + o, at);
    } else {
      store_partial(y + o, value, w.out - o);
      store_partial(where + o, at, w.out - o);
    }
  }
}

template <class T>
CR_INLINE void along_row_any(const PoolAxis& w, MaxRow<T> inside, T* y, IntFor<T>* where) {
  for (int64_t o = 0; o < w.out; ++o) {
    const Window window = window_of(w, o);
    T value = static_cast<T>(-__builtin_inf());
    IntFor<T> at = kNowhere<T>;
    for (int64_t i = window.begin; i < window.end; i += w.dilation) take_max_scalar(value, at, inside.value[i], inside.where[i]);
    y[o] = value;
    where[o] = at;
  }
}

/// Windows of two at stride two without padding: the commonest pooling.
CR_INLINE bool is_pairs(const PoolAxis& a) {
  return !a.adaptive && a.kernel == 2 && a.stride == 2 && a.pad == 0 && a.dilation == 1 && 2 * a.out <= a.in;
}

/// One row of 2 x 2 windows, from two rows of x; `position` is that of the first element in its plane.
template <class T>
CR_INLINE void max_of_pairs(const T* x, int64_t row_stride, int64_t position, int64_t width, int64_t out, T* y, IntFor<T>* where) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  I steps;
  for (IntFor<T> i = 0; i < lanes; ++i) steps[i] = 2 * i;
  for (int64_t o = 0; o < out; o += lanes) {
    const int64_t left = out - o < lanes ? out - o : lanes;
    V corner[4];
    for (int row = 0; row < 2; ++row) {
      const T* p = x + row * row_stride + 2 * o;
      const V a = 2 * left >= lanes ? load(p) : load_partial(p, 2 * left);
      const V b = left == lanes ? load(p + lanes) : 2 * left > lanes ? load_partial(p + lanes, 2 * left - lanes) : V{};
      corner[2 * row] = evens(a, b);
      corner[2 * row + 1] = odds(a, b);
    }
    const IntFor<T> base = static_cast<IntFor<T>>(position + 2 * o);
    const I start = steps + splat<I>(base);
    const I offsets[4] = {I{}, splat<I>(1), splat<I>(static_cast<IntFor<T>>(width)), splat<I>(static_cast<IntFor<T>>(width + 1))};
    V best = corner[0];
    I at = start;
    for (int k = 1; k < 4; ++k) {
      const I take = (corner[k] > best) | (corner[k] != corner[k]);
      best = select<V>(take, corner[k], best);
      at = take ? start + offsets[k] : at;
    }
    if (left == lanes) {
      store(y + o, best);
      store(where + o, at);
    } else {
      store_partial(y + o, best, left);
      store_partial(where + o, at, left);
    }
  }
}

/// x [..., H, W] -> y, where [..., OH, OW]. A window of nothing but padding gives -inf at no position.
template <class T>
void max_pool2d(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0], &where = args.out[1];
  check_same_planes(x, y);
  check_same_planes(x, where);
  const auto from = planes_of<T>(x);
  const auto to = output_planes<T>(y);
  const auto to_where = output_planes<IntFor<T>>(where);
  CR_CHECK(to.height == to_where.height && to.width == to_where.width);
  CR_CHECK(from.height * from.width < kNowhere<T>);
  const double* p = args.params;
  const bool adaptive = p[8] != 0;
  const PoolAxis h{from.height, to.height, int64_t(p[0]), int64_t(p[2]), int64_t(p[4]), int64_t(p[6]), adaptive};
  const PoolAxis w{from.width, to.width, int64_t(p[1]), int64_t(p[3]), int64_t(p[5]), int64_t(p[7]), adaptive};
  CR_CHECK(h.kernel >= 1 && w.kernel >= 1 && h.stride >= 1 && w.stride >= 1 && h.dilation >= 1 && w.dilation >= 1 && h.pad >= 0 &&
           w.pad >= 0);
  const int64_t size = row_buffer_size<T>(w);
  const int64_t reads = from.width * (adaptive ? from.height / to.height + 1 : h.kernel) + to.width * w.kernel;
  const bool pairs = is_pairs(h) && is_pairs(w) && from.stride == 1;
  for_each_row(ctx, from.count, to.height, reads, [&](int64_t index, int64_t first, int64_t past, int worker) {
    const T* source = plane(from, index);
    T* values = plane(to, index);
    IntFor<T>* positions = plane(to_where, index);
    if (pairs) {
      for (int64_t o = first; o < past; ++o) {
        max_of_pairs(source + 2 * o * from.row_stride, from.row_stride, 2 * o * from.width, from.width, to.width, values + o * to.width,
                     positions + o * to.width);
      }
      return;
    }
    T* buffer = worker_scratch<T>(ctx, worker, 3 * size);
    const MaxRow<T> row{buffer, reinterpret_cast<IntFor<T>*>(buffer + size)};
    const MaxRow<T> inside{row.value + w.pad, row.where + w.pad};
    set_row(row, 0, size);
    for (int64_t o = first; o < past; ++o) {
      const Window rows = window_of(h, o);
      if (rows.begin >= rows.end) {
        set_row(inside, 0, w.in);
      } else {
        columns(h, w, rows, source, from.row_stride, from.stride, buffer + 2 * size, inside);
      }
      T* y_row = values + o * to.width;
      IntFor<T>* where_row = positions + o * to.width;
      if (!adaptive && w.stride == 1) {
        along_row<1>(w, row, y_row, where_row);
      } else if (!adaptive && w.stride == 2) {
        along_row<2>(w, row, y_row, where_row);
      } else {
        along_row_any(w, inside, y_row, where_row);
      }
    }
  });
}

#define CR_MAX_PARAMS "kernelH,kernelW,strideH,strideW,padH,padW,dilationH,dilationW,adaptive"
CR_REGISTER(max_pool2d, (kernel_set(Registration{"max_pool2d", DType::f32, kIsa, "T>Ti", CR_MAX_PARAMS, &max_pool2d<float>},
                                    Registration{"max_pool2d", DType::f64, kIsa, "T>Tl", CR_MAX_PARAMS, &max_pool2d<double>})));

}  // namespace chainrule::CR_ISA
