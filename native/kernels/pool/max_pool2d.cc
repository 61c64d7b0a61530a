// Maximum over windows, and where it was found. A window's maximum is taken down the columns first, which is contiguous work whatever the
// stride, and then along the row; positions decide between equal values, so that the first in row-major order wins, as if scanned that way.
#include "kernels/pool/pairs.h"
#include "kernels/pool/stride_two.h"
#include "kernels/pool/triples.h"

namespace chainrule::CR_ISA {

template <class T>
struct MaxRow {
  T* value;          // pad, then one entry a column
  IntFor<T>* where;  // its position in the plane, row * width + column; nullptr: not wanted
};

/// A vector of maxima and their positions.
template <class T>
struct Best {
  Vec<T> value;
  IntVec<Vec<T>> where;
};
template <class T>
CR_INLINE Best<T> evens(Best<T> a, Best<T> b) {
  return {evens(a.value, b.value), evens(a.where, b.where)};
}
template <class T>
CR_INLINE Best<T> odds(Best<T> a, Best<T> b) {
  return {odds(a.value, b.value), odds(a.where, b.where)};
}
template <class T>
CR_INLINE Best<T> shift_in(Best<T> a, Best<T> b) {
  return {shift_in(a.value, b.value), shift_in(a.where, b.where)};
}

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
    if (row.where != nullptr) row.where[i] = kNowhere<T>;
  }
}

/// Maxima of the window's rows, column by column: each vector of columns goes down the rows in registers.
template <class T>
CR_INLINE void columns(const PoolAxis& h, const PoolAxis& w, Window rows, const T* x, int64_t row_stride, int64_t stride, T* line,
                       MaxRow<T> to) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  const I steps = lane_numbers<T>();
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
CR_INLINE void along_row(const PoolAxis& w, MaxRow<T> from, MaxRow<T> y, int64_t room) {
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
    put(y.value + o, value, w.out - o, room - o);
    if (y.where != nullptr) put(y.where + o, at, w.out - o, room - o);
  }
}

template <class T>
CR_INLINE void along_row_any(const PoolAxis& w, MaxRow<T> inside, MaxRow<T> y) {
  for (int64_t o = 0; o < w.out; ++o) {
    const Window window = window_of(w, o);
    T value = static_cast<T>(-__builtin_inf());
    IntFor<T> at = kNowhere<T>;
    for (int64_t i = window.begin; i < window.end; i += w.dilation) take_max_scalar(value, at, inside.value[i], inside.where[i]);
    y.value[o] = value;
    if (y.where != nullptr) y.where[o] = at;
  }
}

/// One row of windows at stride 2 with positions; `rows` are those of the plane x, as many as Rows says when that is not 0.
template <int K, int Rows, class T>
CR_INLINE void best_row(int64_t width, int64_t out, Window rows, const T* x, int64_t row_stride, const T* end, T* y, IntFor<T>* y_where,
                        int64_t room) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  constexpr T edge = static_cast<T>(-__builtin_inf());
  const int64_t count = Rows == 0 ? rows.end - rows.begin : Rows;
  const T* top = x + rows.begin * row_stride;
  const I first = splat<I>(static_cast<IntFor<T>>(rows.begin * width)), down = splat<I>(static_cast<IntFor<T>>(width));
  const auto column = [&](int64_t i) CR_INLINE_LAMBDA {
    const int64_t n = width - i;
    if (n <= 0) return Best<T>{splat<V>(edge), splat<I>(kNowhere<T>)};
    const bool whole = n >= lanes || may_read_on(top + (count - 1) * row_stride + i, end, width, out);
    const auto read = [&](int64_t row) CR_INLINE_LAMBDA {
      const T* p = top + row * row_stride + i;
      return whole ? load(p) : load_partial(p, n);
    };
    V best = read(0);
    I where = first, here = first;
    for (int64_t row = 1; row < count; ++row) {
      const V v = read(row);
      const I take = (v > best) | (v != v);
      here += down;
      best = select<V>(take, v, best);
      where = take ? here : where;
    }
    where += lane_numbers<T>() + splat<I>(static_cast<IntFor<T>>(i));
    if (whole) return Best<T>{best, where};
    return Best<T>{cut_at(best, n, edge), cut_at(where, n, kNowhere<T>)};
  };
  const auto merge = [](Best<T> a, Best<T> b) CR_INLINE_LAMBDA {
    take_max(a.value, a.where, b.value, b.where);
    return a;
  };
  pool_row<K, T>(out, Best<T>{splat<V>(edge), splat<I>(kNowhere<T>)}, column, merge, [&](int64_t o, Best<T> best) CR_INLINE_LAMBDA {
    put(y + o, best.value, out - o, room - o);
    put(y_where + o, best.where, out - o, room - o);
  });
}

/// Rows first..past-1 of a plane, windows K x K at stride 2. `room` elements from row `first` on belong to this unit of work.
template <int K, bool Where, class T>
[[gnu::noinline]] void max_at_stride_two(PoolAxis h, PoolAxis w, const T* x, int64_t row_stride, const T* end, MaxRow<T> y, int64_t first,
                                         int64_t past, int64_t room) {
  const auto row = [&](auto rows_known, Window rows, T* value, [[maybe_unused]] IntFor<T>* where) CR_INLINE_LAMBDA {
    constexpr int known = decltype(rows_known)::value;
    if constexpr (Where) {
      best_row<K, known>(w.in, w.out, rows, x, row_stride, end, value, where, room);
    } else {
      pool_values<K, known>(
          x + rows.begin * row_stride, row_stride, rows.end - rows.begin, w.in, w.out, end, static_cast<T>(-__builtin_inf()),
          [](Vec<T> a, Vec<T> b) CR_INLINE_LAMBDA { return max(b, a); },
          [&](int64_t o, Vec<T> v) CR_INLINE_LAMBDA { put(value + o, v, w.out - o, room - o); });
    }
  };
  for (int64_t o = first; o < past; ++o, y.value += w.out, room -= w.out) {
    const Window rows = window_of(h, o);
    if (rows.end - rows.begin == K) {
      row(std::integral_constant<int, K>{}, rows, y.value, y.where);
    } else if (rows.begin < rows.end) {
      row(std::integral_constant<int, 0>{}, rows, y.value, y.where);
    } else {
      set_row(y, 0, w.out);
    }
    if (Where) y.where += w.out;
  }
}

/// The same for any windows: down the columns into a line, then along the line.
template <class T>
[[gnu::noinline]] void max_of_any(Context& ctx, int worker, PoolAxis h, PoolAxis w, const T* x, const Planes<const T>& from, MaxRow<T> y,
                                  int64_t first, int64_t past, int64_t room) {
  const int64_t size = row_buffer_size<T>(w);
  T* buffer = worker_scratch<T>(ctx, worker, 3 * size);
  const MaxRow<T> row{buffer, reinterpret_cast<IntFor<T>*>(buffer + size)}, inside{row.value + w.pad, row.where + w.pad};
  set_row(row, 0, w.pad);
  set_row(row, w.pad + w.in, size);
  for (int64_t o = first; o < past; ++o, room -= w.out, y.value += w.out) {
    const Window rows = window_of(h, o);
    if (rows.begin >= rows.end) {
      set_row(y, 0, w.out);
    } else {
      columns(h, w, rows, x, from.row_stride, from.stride, buffer + 2 * size, inside);
      if (!w.adaptive && w.stride == 1) {
        along_row<1>(w, row, y, room);
      } else if (!w.adaptive && w.stride == 2) {
        along_row<2>(w, row, y, room);
      } else {
        along_row_any(w, inside, y);
      }
    }
    if (y.where != nullptr) y.where += w.out;
  }
}

/// The best of windows 2 x 2 from their inputs te to / be bo, `here` being te's position: down the columns, then along the row.
template <class T>
CR_INLINE Best<T> best_of_four(Vec<T> te, Vec<T> to, Vec<T> be, Vec<T> bo, IntVec<Vec<T>> here, IntFor<T> width) {
  using V = Vec<T>;
  using I = IntVec<V>;
  const I even_below = (be > te) | (be != be), odd_below = (bo > to) | (bo != bo);
  const V even = select<V>(even_below, be, te), odd = select<V>(odd_below, bo, to);
  const I take = (odd > even) | (odd != odd) | ((odd == even) & even_below & ~odd_below);
  const I row = take ? odd_below : even_below;
  return {select<V>(take, odd, even), here - take + (row & splat<I>(width))};
}

/// Rows of windows begin..past-1 of windows that are pairs, with positions.
template <class T>
CR_INLINE void best_of_pairs(const PairRows& run, const T* x, MaxRow<T> y, int64_t begin, int64_t past) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = run.width, in = 2 * n;
  const PairLanes<T> at = pair_lanes<T>(n);
  const I steps = lane_numbers<T>() * splat<I>(2);
  const auto width = static_cast<IntFor<T>>(in);
  int64_t line = begin % run.per_plane;  // of the plane
  const auto next = [&]() CR_INLINE_LAMBDA {
    const auto first = static_cast<IntFor<T>>(2 * line * in);
    line = line + 1 == run.per_plane ? 0 : line + 1;
    return splat<I>(first);
  };
  const auto write = [&](Best<T> best, int64_t i, int64_t count) CR_INLINE_LAMBDA {
    put(y.value + i, best.value, count, past * n - i);
    put(y.where + i, best.where, count, past * n - i);
  };
  walk_pair_rows<T>(
      run, begin, past,
      [&](int64_t row) CR_INLINE_LAMBDA {
        const T* p = x + 2 * row * in;
        const V ta = load(p), ba = load(p + in), tb = load(p + 2 * in), bb = load(p + 3 * in);
        const I first = next(), here = at.column + (at.second ? next() : first);
        write(best_of_four<T>(pick(ta, tb, at.even), pick(ta, tb, at.odd), pick(ba, bb, at.even), pick(ba, bb, at.odd), here, width),
              row * n, 2 * n);
      },
      [&](int64_t row) CR_INLINE_LAMBDA {
        const I first = next() + steps;
        for (int64_t o = 0; o < n; o += lanes) {
          const T *p = x + 2 * row * in + 2 * o, *q = p + in;
          const V t0 = load(p), t1 = load(p + lanes), b0 = load(q), b1 = load(q + lanes);
          const I here = first + splat<I>(static_cast<IntFor<T>>(2 * o));
          write(best_of_four<T>(evens(t0, t1), odds(t0, t1), evens(b0, b1), odds(b0, b1), here, width), row * n + o, n - o);
        }
      },
      [&](int64_t row) CR_INLINE_LAMBDA {
        const int64_t top = 2 * line;
        next();
        best_row<2, 2>(in, n, {top, top + 2}, x + (2 * row - top) * in, in, static_cast<const T*>(nullptr), y.value + row * n,
                       y.where + row * n, (past - row) * n);
      });
}

/// The same without positions, which nobody will ask for.
template <class T>
CR_INLINE void max_of_pairs(const PairRows& run, const T* x, T* y, int64_t begin, int64_t past) {
  using V = Vec<T>;
  const auto larger = [](V a, V b) CR_INLINE_LAMBDA { return max(b, a); };
  pair_values(
      run, x, y, begin, past, larger, [](V v) CR_INLINE_LAMBDA { return v; },
      [&](int64_t row) CR_INLINE_LAMBDA {
        const int64_t n = run.width;
        pool_values<2, 2>(x + 4 * row * n, 2 * n, 2, 2 * n, n, static_cast<const T*>(nullptr), T{0}, larger,
                          [&](int64_t o, V v) CR_INLINE_LAMBDA { put(y + row * n + o, v, n - o, (past - row) * n - o); });
      });
}

/// And of triples. One instruction takes the larger of two numbers, if none is a NaN.
template <class T>
CR_INLINE void max_of_triples(const PairRows& run, const T* x, T* y, int64_t begin, int64_t past) {
  using V = Vec<T>;
  const int64_t n = run.width;
  constexpr T edge = static_cast<T>(-__builtin_inf());
  triple_values<true>(
      run, x, y, begin, past, edge, [](V a, V b) CR_INLINE_LAMBDA { return at_least(a, b); },
      [](V v, int64_t, int) CR_INLINE_LAMBDA { return v; },
      [&](int64_t row, int64_t line) CR_INLINE_LAMBDA {
        const T* first = x + (line == 0 ? 4 * row : 4 * row - 2) * n;
        pool_values<3, 0>(
            first, 2 * n, line == 0 ? 2 : 3, 2 * n, n, static_cast<const T*>(nullptr), edge,
            [](V a, V b) CR_INLINE_LAMBDA { return max(b, a); },
            [&](int64_t o, V v) CR_INLINE_LAMBDA { put(y + row * n + o, v, n - o, (past - row) * n - o); });
      });
}

/// x [..., H, W] -> y (, where) [..., OH, OW]. A window of nothing but padding gives -inf at no position.
template <class T>
void max_pool2d(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0];
  const bool positions = args.outs == 2;
  const TensorView& where = args.out[positions ? 1 : 0];
  check_same_planes(x, y);
  check_same_planes(x, where);
  const auto from = planes_of<const T>(x);
  const auto to = output_planes<T>(y);
  const auto to_where = output_planes<IntFor<T>>(where);
  CR_CHECK(to.height == to_where.height && to.width == to_where.width);
  CR_CHECK(from.height * from.width < kNowhere<T>);
  const MaxGeometry pool = max_geometry(from.height, from.width, to.height, to.width, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  if (is_pair_run(h, w, from, to) && is_pair_run(h, w, from, to_where)) {
    const PairRows run{from.count * h.out, h.out, w.out};
    return for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) {
      if (!positions) return max_of_pairs(run, from.data, to.data, begin, past);
      best_of_pairs(run, from.data, {to.data, to_where.data}, begin, past);
    });
  }
  // Longer rows of images beyond the caches are slower that way: [8, 64, 112, 112] by 1.14.
  if (!positions && w.out <= kLanes<T> && is_triple_run(h, w, from, to)) {
    const PairRows run{from.count * h.out, h.out, w.out};
    return for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) { max_of_triples(run, from.data, to.data, begin, past); });
  }
  const int64_t reads = from.width * (h.adaptive ? from.height / to.height + 1 : h.kernel) + to.width * w.kernel;
  const bool plain = from.stride == 1 && h.dilation == 1, pairs = plain && is_pairs(w), triples = plain && is_triples(w);
  const auto rows = pairs ? (positions ? &max_at_stride_two<2, true, T> : &max_at_stride_two<2, false, T>)
                          : (positions ? &max_at_stride_two<3, true, T> : &max_at_stride_two<3, false, T>);
  for_each_row(ctx, from.count, to.height, reads, [&](const RowRun& run) {
    const T* source = plane(from, run.plane);
    const int64_t at = run.first * w.out, room = room_of(to, run);
    const MaxRow<T> result{plane(to, run.plane) + at, positions ? plane(to_where, run.plane) + at : nullptr};
    if (pairs || triples) {
      rows(h, w, source, from.row_stride, end_of(from, run.plane), result, run.first, run.past, room);
    } else {
      max_of_any(ctx, run.worker, h, w, source, from, result, run.first, run.past, room);
    }
  });
}

CR_REGISTER(max_pool2d, (kernel_set(Registration{"max_pool2d", DType::f32, kIsa, "T>Ti", CR_MAX_PARAMS, &max_pool2d<float>},
                                    Registration{"max_pool2d", DType::f64, kIsa, "T>Tl", CR_MAX_PARAMS, &max_pool2d<double>},
                                    Registration{"max_pool2d_values", DType::f32, kIsa, "T>T", CR_MAX_PARAMS, &max_pool2d<float>},
                                    Registration{"max_pool2d_values", DType::f64, kIsa, "T>T", CR_MAX_PARAMS, &max_pool2d<double>})));

}  // namespace chainrule::CR_ISA
