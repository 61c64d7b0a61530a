// Mean over windows. Sums go down the columns first, then along the row: a fixed order, the same for every instruction set.
#include "kernels/pool/average.h"
#include "kernels/pool/pairs.h"
#include "kernels/pool/stride_two.h"
#include "kernels/pool/triples.h"

namespace chainrule::CR_ISA {

/// Means along the row of column sums at stride 1 or 2, a vector of outputs at a time.
template <int Stride, class T>
CR_INLINE void mean_along_row(const PoolAxis& w, const T* row, const T* counts, T row_count, T* y) {
  constexpr int64_t lanes = kLanes<T>;
  const auto tap = [](const T* p) {
    if constexpr (Stride == 1) return load(p);
    if constexpr (Stride == 2) return evens(load(p), load(p + lanes));
  };
  for (int64_t o = 0; o < w.out; o += lanes) {
    Vec<T> sum = tap(row + o * Stride);
    for (int64_t k = 1; k < w.kernel; ++k) sum += tap(row + o * Stride + k);
    const Vec<T> mean = sum / (load(counts + o) * splat<Vec<T>>(row_count));
    if (w.out - o >= lanes) {
      store(y + o, mean);
    } else {
      store_partial(y + o, mean, w.out - o);
    }
  }
}

template <class T>
CR_INLINE void mean_along_row_any(const PoolAxis& w, const T* inside, const T* counts, T row_count, T* y) {
  for (int64_t o = 0; o < w.out; ++o) {
    const Window window = window_of(w, o);
    T sum = 0;
    for (int64_t i = window.begin; i < window.end; ++i) sum = i == window.begin ? inside[i] : sum + inside[i];
    y[o] = sum / (counts[o] * row_count);
  }
}

/// to[i] = the sum of the rows' elements i, from the first row to the last.
template <class T>
CR_INLINE void sum_rows(const T* x, int64_t row_stride, int64_t stride, int64_t rows, int64_t count, T* to) {
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t i = 0; i < count; i += lanes) {
    const int64_t left = count - i < lanes ? count - i : lanes;
    const T* from = x + i * stride;
    const auto row = [&](const T* p) {
      if (stride == 1) return left == lanes ? load(p) : load_partial(p, left);
      Vec<T> v = {};
      for (int64_t l = 0; l < left; ++l) v[l] = p[l * stride];
      return v;
    };
    Vec<T> sum = row(from);
    for (int64_t r = 1; r < rows; ++r) sum += row(from += row_stride);
    if (left == lanes) {
      store(to + i, sum);
    } else {
      store_partial(to + i, sum, left);
    }
  }
}

/// One row of windows K x K at stride 2. Dividing by a power of two is multiplying.
template <int K, class T>
CR_INLINE void mean_at_stride_two(const AvgPool& pool, int64_t o, const T* x, int64_t row_stride, const T* end, const T* counts, T* y,
                                  int64_t room) {
  using V = Vec<T>;
  const PoolAxis& w = pool.w;
  const Window rows = window_of(pool.h, o);
  const T row_count = static_cast<T>(window_count(pool.h, o, pool.include_pad));
  const bool quarters = K == 2 && 2 * w.out <= w.in && row_count == T{2};
  const auto add = [](V a, V b) CR_INLINE_LAMBDA { return a + b; };
  const auto run = [&](auto known) CR_INLINE_LAMBDA {
    pool_values<K, decltype(known)::value>(x + rows.begin * row_stride, row_stride, rows.end - rows.begin, w.in, w.out, end, T{0}, add,
                                           [&](int64_t i, V sum) CR_INLINE_LAMBDA {
                                             const V mean =
                                                 quarters ? sum * splat<V>(T{0.25}) : sum / (load(counts + i) * splat<V>(row_count));
                                             put(y + i, mean, w.out - i, room - i);
                                           });
  };
  if (rows.end - rows.begin == K) {
    run(std::integral_constant<int, K>{});
  } else if (rows.begin < rows.end) {
    run(std::integral_constant<int, 0>{});
  } else {
    std::memset(y, 0, static_cast<size_t>(w.out) * sizeof(T));
  }
}
template <int K, class T>
[[gnu::noinline]] void means_at_stride_two(AvgPool pool, const T* x, int64_t row_stride, const T* end, const T* counts, T* y, int64_t first,
                                           int64_t past, int64_t room) {
  for (int64_t o = first; o < past; ++o, y += pool.w.out, room -= pool.w.out) {
    mean_at_stride_two<K>(pool, o, x, row_stride, end, counts, y, room);
  }
}

/// The same for any windows: down the columns into a line, then along the line.
template <class T>
[[gnu::noinline]] void means_of_any(Context& ctx, int worker, AvgPool pool, const T* x, const Planes<const T>& from, const T* counts, T* y,
                                    int64_t first, int64_t past) {
  const PoolAxis &h = pool.h, &w = pool.w;
  const int64_t size = row_buffer_size<T>(w);
  T* row = worker_scratch<T>(ctx, worker, size);
  std::memset(row, 0, static_cast<size_t>(size) * sizeof(T));
  T* inside = row + w.pad;
  for (int64_t o = first; o < past; ++o, y += w.out) {
    const Window rows = window_of(h, o);
    if (rows.begin >= rows.end) {
      std::memset(inside, 0, static_cast<size_t>(w.in) * sizeof(T));
    } else {
      sum_rows(x + rows.begin * from.row_stride, from.row_stride, from.stride, rows.end - rows.begin, w.in, inside);
    }
    const T row_count = static_cast<T>(window_count(h, o, pool.include_pad));
    if (!w.adaptive && w.stride == 1) {
      mean_along_row<1>(w, row, counts, row_count, y);
    } else if (!w.adaptive && w.stride == 2) {
      mean_along_row<2>(w, row, counts, row_count, y);
    } else {
      mean_along_row_any(w, inside, counts, row_count, y);
    }
  }
}

/// Means of pairs: what mean_at_stride_two computes, where all counts are 4.
template <class T>
CR_INLINE void means_of_pairs(Context& ctx, const PairRows& run, const T* x, T* y) {
  using V = Vec<T>;
  const auto add = [](V a, V b) CR_INLINE_LAMBDA { return a + b; };
  for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) {
    pair_values(
        run, x, y, begin, past, add, [](V sum) CR_INLINE_LAMBDA { return sum * splat<V>(T{0.25}); },
        [&](int64_t row) CR_INLINE_LAMBDA {
          const int64_t n = run.width;
          pool_values<2, 2>(x + 4 * row * n, 2 * n, 2, 2 * n, n, static_cast<const T*>(nullptr), T{0}, add,
                            [&](int64_t o, V sum)
                                CR_INLINE_LAMBDA { put(y + row * n + o, sum * splat<V>(T{0.25}), n - o, (past - row) * n - o); });
        });
  });
}

/// What windows of triples are divided by: a line for each of no, only the second, only the first and both rows of windows in a vector
/// being the first of their plane.
template <class T>
CR_INLINE const T* triple_divisors(Context& ctx, const AvgPool& pool, int64_t size) {
  T* to = scratch<T>(ctx, 4 * size);
  const int64_t n = pool.w.out;
  for (int64_t i = 0; i < 4 * size; ++i) {
    const int64_t line = i / size, column = i % size, second = column / n % 2;
    const int64_t rows = window_count(pool.h, (line >> (1 - second) & 1) != 0 ? 0 : 1, pool.include_pad);
    to[i] = static_cast<T>(rows * window_count(pool.w, column % n, pool.include_pad));
  }
  return to;
}

/// Means of triples: what mean_at_stride_two computes.
template <class T>
CR_INLINE void means_of_triples(Context& ctx, const AvgPool& pool, const PairRows& run, const T* x, T* y) {
  using V = Vec<T>;
  const int64_t n = run.width, size = n + kLanes<T>;
  const T *counts = column_counts<T>(ctx, pool), *divisors = triple_divisors<T>(ctx, pool, size);
  const auto add = [](V a, V b) CR_INLINE_LAMBDA { return a + b; };
  for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) {
    triple_values<false>(
        run, x, y, begin, past, T{0}, add,
        [&](V sum, int64_t o, int tops) CR_INLINE_LAMBDA { return sum / load(divisors + tops * size + o); },
        [&](int64_t row, int64_t line) CR_INLINE_LAMBDA {
          mean_at_stride_two<3>(pool, line, x + 4 * (row - line) * n, 2 * n, static_cast<const T*>(nullptr), counts, y + row * n,
                                (past - row) * n);
        });
  });
}

/// The mean of each image.
template <class T>
CR_INLINE void global_means(Context& ctx, const Planes<const T>& from, const Planes<T>& to) {
  const bool packed = from.stride == 1 && from.row_stride == from.width;
  const int64_t area = from.height * from.width;
  for_each_row(ctx, from.count, 1, area, [&](const RowRun& run) {
    const T* x = plane(from, run.plane);
    T* copy = packed ? nullptr : worker_scratch<T>(ctx, run.worker, area);
    for (int64_t i = 0; i < area && !packed; ++i) copy[i] = x[i / from.width * from.row_stride + i % from.width * from.stride];
    const auto sum_of = [&](const T* p) CR_INLINE_LAMBDA {
      return reduce_each<JoinSum, T>(area, [&](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(p + i, m); });
    };
    *plane(to, run.plane) = sum_of(packed ? x : copy) / static_cast<T>(area);
  });
}

/// x [..., H, W] -> y [..., OH, OW].
template <class T>
void avg_pool2d(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  const auto from = planes_of<const T>(args.in[0]);
  const auto to = output_planes<T>(args.out[0]);
  const AvgPool pool = avg_geometry(from, to, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  if (is_global(pool)) return global_means(ctx, from, to);
  if (is_pair_run(h, w, from, to)) return means_of_pairs(ctx, {from.count * h.out, h.out, w.out}, from.data, to.data);
  if (is_triple_run(h, w, from, to)) return means_of_triples(ctx, pool, {from.count * h.out, h.out, w.out}, from.data, to.data);
  const T* counts = column_counts<T>(ctx, pool);
  const int64_t reads = from.width * (h.adaptive ? from.height / to.height + 1 : h.kernel) + to.width * w.kernel;
  const bool plain = from.stride == 1 && !h.adaptive, pairs = plain && is_pairs(w), triples = plain && is_triples(w);
  const auto rows = pairs ? &means_at_stride_two<2, T> : &means_at_stride_two<3, T>;
  for_each_row(ctx, from.count, to.height, reads, [&](const RowRun& run) {
    const T* x = plane(from, run.plane);
    T* y = plane(to, run.plane) + run.first * w.out;
    if (pairs || triples) {
      rows(pool, x, from.row_stride, end_of(from, run.plane), counts, y, run.first, run.past, room_of(to, run));
    } else {
      means_of_any(ctx, run.worker, pool, x, from, counts, y, run.first, run.past);
    }
  });
}

CR_REGISTER(avg_pool2d, (kernel_set(Registration{"avg_pool2d", DType::f32, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d<float>},
                                    Registration{"avg_pool2d", DType::f64, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d<double>})));

}  // namespace chainrule::CR_ISA
