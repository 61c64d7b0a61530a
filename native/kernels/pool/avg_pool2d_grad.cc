// Gradient of the mean over windows (which is its own transpose, so that the gradient's gradient is the mean again).
#include "kernels/pool/average.h"
#include "kernels/pool/pairs.h"
#include "kernels/pool/spread.h"

namespace chainrule::CR_ISA {

/// gx[i] = the sum of row[o] over the windows o that hold i, in order.
template <class T>
CR_INLINE void spread_row(const PoolAxis& w, const Window* windows, const T* row, T* gx) {
  for (int64_t i = 0; i < w.in; ++i) gx[i] = T{0};
  for (int64_t o = 0; o < w.out; ++o) {
    for (int64_t i = windows[o].begin; i < windows[o].end; ++i) gx[i] += row[o];
  }
}

template <class T>
CR_INLINE void fill(T* to, T value, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, splat<Vec<T>>(value));
  for (; i < count; ++i) to[i] = value;
}

/// row[o] = the sum over the windows' rows of g / count: what each column of a window of this input row gets.
template <class T>
CR_INLINE void sum_of_shares(const AvgPool& pool, Window over, const Planes<const T>& from, const T* g, const T* counts, T* row) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = pool.w.out;
  if (over.begin >= over.end) std::memset(row, 0, static_cast<size_t>(n) * sizeof(T));
  for (int64_t o = over.begin; o < over.end; ++o) {
    const T row_count = static_cast<T>(window_count(pool.h, o, pool.include_pad));
    const T* line = g + o * from.row_stride;
    const bool first = o == over.begin;
    if (from.stride == 1) {
      for (int64_t i = 0; i < n; i += lanes) {
        const V share = (n - i >= lanes ? load(line + i) : load_partial(line + i, n - i)) / (load(counts + i) * splat<V>(row_count));
        store(row + i, first ? share : load(row + i) + share);  // zeros past the end
      }
    } else {
      for (int64_t i = 0; i < n; ++i) {
        const T share = line[i * from.stride] / (counts[i] * row_count);
        row[i] = first ? share : row[i] + share;
      }
    }
  }
}

/// Rows first..past-1 of gx, windows K x K at stride 2: inputs 2 q and 2 q + 1 are held by window q; the second one, when K is 3, by window
/// q + 1 too. `lines` has room for two rows of shares, each a whole number of vectors and one of zeros, row o at slot o % 2.
template <int K, class T>
[[gnu::noinline]] void gather_at_stride_two(AvgPool any, const Planes<const T>& from, const T* g, const T* counts, T* lines, int64_t size,
                                            T* gx, int64_t first, int64_t past, int64_t room) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const AvgPool pool{at_stride_two<K>(any.h), at_stride_two<K>(any.w), any.include_pad};
  const PoolAxis& w = pool.w;
  int64_t ready = 0;  // rows of windows in front of this one have their line
  for (int64_t i = first; i < past; ++i, gx += w.in, room -= w.in) {
    const Window over = windows_over(pool.h, i);
    for (int64_t o = ready > over.begin ? ready : over.begin; o < over.end; ++o) {
      const V row_count = splat<V>(static_cast<T>(window_count(pool.h, o, pool.include_pad)));
      const T* line = g + o * from.row_stride;
      for (int64_t q = 0; q < w.out; q += lanes) {
        const int64_t n = w.out - q;
        store(lines + o % 2 * size + q, (n >= lanes ? load(line + q) : load_partial(line + q, n)) / (load(counts + q) * row_count));
      }
    }
    ready = over.end;
    if (over.begin >= over.end) {
      fill(gx, T{0}, w.in);
      continue;
    }
    const T *top = lines + over.begin % 2 * size, *next = over.end - over.begin == 2 ? lines + (over.end - 1) % 2 * size : nullptr;
    const auto shares = [&](int64_t q) CR_INLINE_LAMBDA { return next == nullptr ? load(top + q) : load(top + q) + load(next + q); };
    gather_row<2>(w.in, gx, room, [&](int b, int64_t q) CR_INLINE_LAMBDA {
      if (q >= w.out) return V{};
      return K == 2 || b == 0 ? shares(q) : shares(q) + shift_out(shares(q), shares(q + lanes));
    });
  }
}

/// Rows first..past-1 of gx: shares of the windows' rows are added up, then spread along the row.
template <int Stride, class T>
[[gnu::noinline]] void gather_shares(AvgPool pool, const Planes<const T>& from, const T* g, const T* counts, T* row, T* gx, int64_t first,
                                     int64_t past, int64_t room) {
  const PoolAxis& w = pool.w;
  const Holders holders[2] = {holders_of(w, 0), holders_of(w, Stride - 1)};
  Window done{-1, -1};
  for (int64_t i = first; i < past; ++i, gx += w.in, room -= w.in) {
    const Window over = windows_over(pool.h, i);
    if (over.begin != done.begin || over.end != done.end) sum_of_shares(pool, over, from, g, counts, row);
    done = over;
    gather_row<Stride>(w.in, gx, room, [&](int b, int64_t q) CR_INLINE_LAMBDA {
      Vec<T> sum = load(row + q + holders[b].first);
      for (int64_t k = holders[b].first + 1; k <= holders[b].last; ++k) sum += load(row + q + k);
      return sum;
    });
  }
}

/// The same for any windows.
template <class T>
[[gnu::noinline]] void spread_shares(AvgPool pool, const Planes<const T>& from, const T* g, const T* counts, const Window* windows, T* row,
                                     T* gx, int64_t first, int64_t past) {
  const int64_t width = pool.w.in;
  Window done{-1, -1};
  for (int64_t i = first; i < past; ++i, gx += width) {
    const Window over = windows_over(pool.h, i);
    if (i > first && over.begin == done.begin && over.end == done.end) {
      std::memcpy(gx, gx - width, static_cast<size_t>(width) * sizeof(T));
      continue;
    }
    done = over;
    sum_of_shares(pool, over, from, g, counts, row);
    spread_row(pool.w, windows, row, gx);
  }
}

template <int K, class T>
CR_INLINE void gather_all(Context& ctx, const AvgPool& pool, const Planes<const T>& from, const Planes<T>& to, const T* counts) {
  const int64_t size = (pool.w.out + 2 * kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  for_each_row(ctx, to.count, to.height, to.width + 2 * pool.w.out, [&](const RowRun& run) {
    T* lines = worker_scratch<T>(ctx, run.worker, 2 * size);
    for (int slot = 1; slot <= 2; ++slot) store(lines + slot * size - kLanes<T>, Vec<T>{});
    gather_at_stride_two<K>(pool, from, plane(from, run.plane), counts, lines, size, plane(to, run.plane) + run.first * to.width, run.first,
                            run.past, room_of(to, run));
  });
}

/// Windows that are pairs: each of the four inputs gets a quarter.
template <class T>
CR_INLINE void spread_quarters(Context& ctx, const PairRows& run, const T* g, T* gx) {
  using V = Vec<T>;
  const int64_t n = run.width;
  for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) {
    pair_gradients(
        run, gx, begin, past,
        [&](int64_t row, int64_t o, int) CR_INLINE_LAMBDA {
          const V share = load(g + row * n + o) * splat<V>(T{0.25});
          return Columns<V>{share, share};
        },
        [&](int64_t row) CR_INLINE_LAMBDA {
          for (int64_t i = 0; i < 4 * n; ++i) gx[4 * row * n + i] = g[row * n + i % (2 * n) / 2] * T{0.25};
        });
  });
}

template <class T>
CR_INLINE void spread_globally(Context& ctx, const Planes<const T>& from, const Planes<T>& to) {
  const T area = static_cast<T>(to.height * to.width);
  for_each_row(ctx, to.count, to.height, to.width, [&](const RowRun& run) {
    fill(plane(to, run.plane) + run.first * to.width, *plane(from, run.plane) / area, (run.past - run.first) * to.width);
  });
}

/// g [..., OH, OW] -> gx [..., H, W].
template <class T>
void avg_pool2d_grad(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  const auto from = planes_of<const T>(args.in[0]);
  const auto to = output_planes<T>(args.out[0]);
  const AvgPool pool = avg_geometry(to, from, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  if (is_global(pool)) return spread_globally(ctx, from, to);
  if (is_pair_run(h, w, to, from)) return spread_quarters(ctx, {from.count * h.out, h.out, w.out}, from.data, to.data);
  const T* counts = column_counts<T>(ctx, pool);
  Window* windows = scratch<Window>(ctx, w.out);
  for (int64_t o = 0; o < w.out; ++o) windows[o] = window_of(w, o);
  if (from.stride == 1 && is_pairs(h) && is_pairs(w)) return gather_all<2>(ctx, pool, from, to, counts);
  if (from.stride == 1 && is_triples(h) && is_triples(w)) return gather_all<3>(ctx, pool, from, to, counts);
  const bool gather = !h.adaptive && can_gather(w);
  const auto rows = w.stride == 1 ? &gather_shares<1, T> : &gather_shares<2, T>;
  const int64_t size = w.adaptive ? w.out + kLanes<T> : margin_size<T>(w), front = w.adaptive ? 0 : front_margin(w);
  for_each_row(ctx, to.count, to.height, to.width + 2 * w.out, [&](const RowRun& run) {
    T* row = worker_scratch<T>(ctx, run.worker, size);
    std::memset(row, 0, static_cast<size_t>(size) * sizeof(T));
    const T* g = plane(from, run.plane);
    T* gx = plane(to, run.plane) + run.first * w.in;
    if (gather) {
      rows(pool, from, g, counts, row + front, gx, run.first, run.past, room_of(to, run));
    } else {
      spread_shares(pool, from, g, counts, windows, row + front, gx, run.first, run.past);
    }
  });
}

CR_REGISTER(avg_pool2d_grad,
            (kernel_set(Registration{"avg_pool2d_grad", DType::f32, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d_grad<float>},
                        Registration{"avg_pool2d_grad", DType::f64, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d_grad<double>})));

}  // namespace chainrule::CR_ISA
