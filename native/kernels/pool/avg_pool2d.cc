// Mean over windows, and its gradient (which is its own transpose, so that the gradient's gradient is the mean again). Sums go down the
// columns first, then along the row: a fixed order, the same for every instruction set.
#include "kernels/pool/window.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

struct AvgPool {
  PoolAxis h, w;
  bool include_pad;
};

/// `large` is the side with the windows' inputs, `small` has one element a window.
template <class A, class B>
CR_INLINE AvgPool avg_geometry(const Planes<A>& large, const Planes<B>& small, const double* p) {
  const bool adaptive = p[7] != 0;
  const AvgPool pool{{large.height, small.height, int64_t(p[0]), int64_t(p[2]), int64_t(p[4]), 1, adaptive},
                     {large.width, small.width, int64_t(p[1]), int64_t(p[3]), int64_t(p[5]), 1, adaptive},
                     p[6] != 0};
  CR_CHECK(pool.h.kernel >= 1 && pool.w.kernel >= 1 && pool.h.stride >= 1 && pool.w.stride >= 1 && pool.h.pad >= 0 && pool.w.pad >= 0);
  return pool;
}

/// Number of elements along the axis that output o is divided by.
CR_INLINE int64_t window_count(const PoolAxis& a, int64_t o, bool include_pad) {
  const Window inside = window_of(a, o);
  if (!include_pad || a.adaptive) return inside.end > inside.begin ? inside.end - inside.begin : 1;
  const int64_t start = window_start(a, o), end = start + a.kernel;
  return (end < a.in + a.pad ? end : a.in + a.pad) - start;
}

template <class T>
CR_INLINE const T* column_counts(Context& ctx, const AvgPool& pool) {
  T* counts = scratch<T>(ctx, pool.w.out + kLanes<T>);
  for (int64_t o = 0; o < pool.w.out; ++o) counts[o] = static_cast<T>(window_count(pool.w, o, pool.include_pad));
  for (int64_t o = pool.w.out; o < pool.w.out + kLanes<T>; ++o) counts[o] = T{1};
  return counts;
}

/// Sum of n contiguous elements: element i goes to virtual lane i % 16, the lanes are added as a tree.
template <class T>
CR_INLINE T sum_contiguous(const T* x, int64_t n) {
  T lane[16];
  Vec<T> sums[16 / kLanes<T>] = {};
  for (int64_t i = 0; i < n; i += 16) {
    for (int part = 0; part < 16 / kLanes<T>; ++part) {
      const int64_t at = i + part * kLanes<T>;
      if (at + kLanes<T> <= n) {
        sums[part] += load(x + at);
      } else if (at < n) {
        sums[part] += load_partial(x + at, n - at);
      }
    }
  }
  std::memcpy(lane, sums, sizeof lane);
  for (int width = 8; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}

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

/// x [..., H, W] -> y [..., OH, OW].
template <class T>
void avg_pool2d(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  const auto from = planes_of<const T>(args.in[0]);
  const auto to = output_planes<T>(args.out[0]);
  const AvgPool pool = avg_geometry(from, to, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  const T* counts = column_counts<T>(ctx, pool);
  const bool global = h.adaptive && to.height == 1 && to.width == 1;
  const bool packed = from.stride == 1 && from.row_stride == from.width;
  const int64_t area = from.height * from.width;
  const int64_t size = global ? area : row_buffer_size<T>(w);
  const int64_t reads = from.width * (h.adaptive ? from.height / to.height + 1 : h.kernel) + to.width * w.kernel;
  for_each_row(ctx, from.count, to.height, reads, [&](int64_t index, int64_t first, int64_t past, int worker) {
    T* row = worker_scratch<T>(ctx, worker, size);
    const T* x = plane(from, index);
    T* y = plane(to, index);
    if (global) {
      for (int64_t i = 0; i < area && !packed; ++i) row[i] = x[i / w.in * from.row_stride + i % w.in * from.stride];
      y[0] = sum_contiguous(packed ? x : row, area) / static_cast<T>(area);
      return;
    }
    std::memset(row, 0, static_cast<size_t>(size) * sizeof(T));
    T* inside = row + w.pad;
    for (int64_t o = first; o < past; ++o) {
      const Window rows = window_of(h, o);
      if (rows.begin >= rows.end) {
        std::memset(inside, 0, static_cast<size_t>(w.in) * sizeof(T));
      } else {
        sum_rows(x + rows.begin * from.row_stride, from.row_stride, from.stride, rows.end - rows.begin, w.in, inside);
      }
      const T row_count = static_cast<T>(window_count(h, o, pool.include_pad));
      if (!w.adaptive && w.stride == 1) {
        mean_along_row<1>(w, row, counts, row_count, y + o * to.width);
      } else if (!w.adaptive && w.stride == 2) {
        mean_along_row<2>(w, row, counts, row_count, y + o * to.width);
      } else {
        mean_along_row_any(w, inside, counts, row_count, y + o * to.width);
      }
    }
  });
}

/// The outputs whose windows hold input i.
CR_INLINE Window windows_over(const PoolAxis& a, int64_t i) {
  if (a.adaptive) return {i * a.out / a.in, ((i + 1) * a.out + a.in - 1) / a.in};
  const int64_t past = i + a.pad - a.kernel;  // the last window start that is too early
  const int64_t begin = past < 0 ? 0 : past / a.stride + 1, end = (i + a.pad) / a.stride + 1;
  return {begin, end < a.out ? end : a.out};
}

/// Zeros that spread_vectors wants on both sides of a row, and the room that its line takes.
CR_INLINE int64_t spread_margin(const PoolAxis& w) { return (w.kernel - 1) / w.stride; }
template <class T>
CR_INLINE int64_t line_size(const PoolAxis& w) {
  return w.in + w.pad + 2 * w.stride * kLanes<T>;
}

/// gx[i] = the sum of row[o] over the windows o that hold i, in order, at stride 1 or 2. Write i + pad = q stride + a: they are
/// q - (kernel - 1 - a) / stride .. q, so that neighbouring q read neighbouring o.
template <int Stride, class T>
CR_INLINE void spread_vectors(const PoolAxis& w, const T* row, T* line, T* gx) {
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t q = 0; q * Stride < w.in + w.pad; q += lanes) {
    Vec<T> sum[Stride] = {};
    for (int64_t a = 0; a < Stride; ++a) {
      for (int64_t back = (w.kernel - 1 - a + Stride) / Stride - 1; back >= 0; --back) sum[a] += load(row + q - back);
    }
    if constexpr (Stride == 1) {
      store(line + q, sum[0]);
    } else {
      store(line + 2 * q, zip_low(sum[0], sum[1]));
      store(line + 2 * q + lanes, zip_high(sum[0], sum[1]));
    }
  }
  std::memcpy(gx, line + w.pad, static_cast<size_t>(w.in) * sizeof(T));
}

/// The same for any windows.
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

/// g [..., OH, OW] -> gx [..., H, W].
template <class T>
void avg_pool2d_grad(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  const auto from = planes_of<const T>(args.in[0]);
  const auto to = output_planes<T>(args.out[0]);
  const AvgPool pool = avg_geometry(to, from, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  const T* counts = column_counts<T>(ctx, pool);
  Window* windows = scratch<Window>(ctx, w.out);
  for (int64_t o = 0; o < w.out; ++o) windows[o] = window_of(w, o);
  const bool global = h.adaptive && h.out == 1 && w.out == 1;
  const int64_t margin = w.adaptive ? 0 : spread_margin(w);
  const int64_t size = w.out + (w.in + w.pad) / w.stride + 2 * kLanes<T>;
  for_each_row(ctx, to.count, to.height, to.width + 2 * w.out, [&](int64_t index, int64_t first, int64_t past, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, margin + size + line_size<T>(w));
    T *row = buffer + margin, *line = row + size;
    if (margin + size > 0) std::memset(buffer, 0, static_cast<size_t>(margin + size) * sizeof(T));
    const T* g = plane(from, index);
    T* gx = plane(to, index);
    if (global) {
      const T value = g[0] / static_cast<T>(to.height * to.width);
      fill(gx + first * to.width, value, (past - first) * to.width);
      return;
    }
    Window done{-1, -1};
    for (int64_t i = first; i < past; ++i) {
      const Window over = windows_over(h, i);
      if (over.begin != done.begin || over.end != done.end) sum_of_shares(pool, over, from, g, counts, row);
      done = over;
      if (!w.adaptive && w.stride == 1) {
        spread_vectors<1>(w, row, line, gx + i * to.width);
      } else if (!w.adaptive && w.stride == 2) {
        spread_vectors<2>(w, row, line, gx + i * to.width);
      } else {
        spread_row(w, windows, row, gx + i * to.width);
      }
    }
  });
}

#define CR_AVG_PARAMS "kernelH,kernelW,strideH,strideW,padH,padW,includePad,adaptive"
CR_REGISTER(avg_pool2d, (kernel_set(Registration{"avg_pool2d", DType::f32, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d<float>},
                                    Registration{"avg_pool2d", DType::f64, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d<double>},
                                    Registration{"avg_pool2d_grad", DType::f32, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d_grad<float>},
                                    Registration{"avg_pool2d_grad", DType::f64, kIsa, "T>T", CR_AVG_PARAMS, &avg_pool2d_grad<double>})));

}  // namespace chainrule::CR_ISA
