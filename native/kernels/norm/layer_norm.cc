// Layer normalisation of rows [rows, n], and its gradient; without centring it is root mean square normalisation.
#include "kernels/norm/softmax_rows.h"
#include "simd/stream.h"
#include "simd/views.h"

namespace chainrule::CR_ISA {

CR_INLINE bool is_matrix(const TensorView& view, int64_t rows, int64_t n) {
  return view.rank == 2 && view.shape[0] == rows && view.shape[1] == n && (rows <= 1 || view.strides[0] == n) &&
         (n <= 1 || view.strides[1] == 1);
}
CR_INLINE bool is_vector(const TensorView& view, int64_t n) {
  return view.rank == 1 && view.shape[0] == n && (n <= 1 || view.strides[0] == 1);
}

/// Whether rows of n elements begin and end where lines of the cache do.
template <class T>
CR_INLINE bool is_whole_lines(const T* rows, int64_t n) {
  constexpr int64_t line = 64;
  return n * static_cast<int64_t>(sizeof(T)) % line == 0 && reinterpret_cast<uintptr_t>(rows) % line == 0;
}

/// Bytes of x and y from which on y goes past the caches.
inline constexpr int64_t kStreamedMatrices = 3 * kStreamBytes / 2;
/// Rows up to here are normalised four at a time. Longer ones would be four streams to write, which memory takes more slowly than one.
inline constexpr int64_t kShortLayer = 256;
/// Elements per unit of work.
inline constexpr int64_t kLayerGrain = 16384;

template <class T>
struct LayerNorm {
  const T *x, *weight, *bias;
  T *y, *mean, *rstd;
  int64_t n;
  T eps;
  bool centred, streamed;  // streamed: y goes past the caches; its rows are whole lines
};

/// `Rows` rows from `row` on: they share the loads of weight and bias, and the sums of one are folded while another's are added.
template <int Rows, class T>
CR_INLINE void layer_norm_rows(const LayerNorm<T>& k, int64_t row) {
  using V = Vec<T>;
  const int64_t n = k.n;
  const T* x = k.x + row * n;
  T *y = k.y + row * n, *mean = k.mean + row, *rstd = k.rstd + row;
  const T count = static_cast<T>(n);
  for (int r = 0; r < Rows; ++r) {
    const T* own = x + r * n;
    mean[r] = 0;
    if (k.centred)
      mean[r] = reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(own + i, m); }) / count;
  }
  for (int r = 0; r < Rows; ++r) {
    const T* own = x + r * n;
    const V centre = splat<V>(mean[r]);
    const T squares = reduce_each<JoinSquares, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(own + i, m) - centre; });
    rstd[r] = (splat<V>(1) / sqrt(splat<V>(squares / count + k.eps)))[0];
  }
  V centres[Rows], slopes[Rows];
  for (int r = 0; r < Rows; ++r) {
    centres[r] = splat<V>(mean[r]);
    slopes[r] = splat<V>(rstd[r]);
  }
  const auto visit = [&](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V weight = load_some(k.weight + i, m), bias = load_some(k.bias + i, m);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const V value = fma((load_some(x + r * n + i, m) - centres[r]) * slopes[r], weight, bias);
      if (k.streamed) {
        stream_store(y + r * n + i, value);
      } else {
        store_some(y + r * n + i, value, m);
      }
    }
  };
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) visit(i, kLanes<T>);
  if (i < n) visit(i, n - i);
}

/// x [rows, n], weight [n], bias [n] -> y = (x - mean) rstd weight + bias, mean [rows], rstd [rows], rstd = 1 / sqrt(variance + eps).
template <class T>
void layer_norm(Context& ctx, const Args& args) {
  const int64_t rows = args.in[0].shape[0], n = args.in[0].shape[1];
  CR_CHECK(is_matrix(args.in[0], rows, n) && is_matrix(args.out[0], rows, n) && is_vector(args.out[1], rows) &&
           is_vector(args.out[2], rows));
  const LayerNorm<T> k = {
      static_cast<const T*>(args.in[0].data),
      contiguous_vector<T>(ctx, args.in[1], n),
      contiguous_vector<T>(ctx, args.in[2], n),
      static_cast<T*>(args.out[0].data),
      static_cast<T*>(args.out[1].data),
      static_cast<T*>(args.out[2].data),
      n,
      static_cast<T>(args.params[0]),
      args.params[1] != 0,
      2 * rows * n * static_cast<int64_t>(sizeof(T)) >= kStreamedMatrices && is_whole_lines(static_cast<T*>(args.out[0].data), n)};
  parallel_range(ctx, rows, kLayerGrain / (n + 16) + 1, [&](int64_t begin, int64_t end) {
    int64_t row = begin;
    if (n <= kShortLayer) {
      for (; row + 4 <= end; row += 4) layer_norm_rows<4>(k, row);
    }
    for (; row < end; ++row) layer_norm_rows<1>(k, row);
    if (k.streamed) stream_fence();
  });
}

template <class T>
struct LayerNormGrad {
  const T *g, *x, *weight, *mean, *rstd;
  T* dx;
  int64_t rows, n;
  bool centred, streamed;  // streamed: dx goes past the caches; its rows are whole lines
};

/// What a row's dx needs: dx = rstd (g w - level - xhat slope) with xhat = (x - centre) rstd.
template <class T>
struct GradLine {
  T centre, rstd, level, slope;
};
/// level = mean of g w (0 when not centred) and slope = mean of g w xhat. `ahead` elements further on are asked for meanwhile, the pass
/// that follows having its hands full with storing. Into L2: asked for into L1 it all takes 1.3 to 1.4 times as long.
template <class T>
CR_INLINE GradLine<T> layer_norm_grad_line(const LayerNormGrad<T>& k, int64_t row, int64_t ahead) {
  using V = Vec<T>;
  const T *g = k.g + row * k.n, *x = k.x + row * k.n, *weight = k.weight;
  const V centre = splat<V>(k.mean[row]), rstd = splat<V>(k.rstd[row]);
  const Two<T> sums = sum_two<T>(k.n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    __builtin_prefetch(g + ahead + i, 0, 2);
    __builtin_prefetch(x + ahead + i, 0, 2);
    const V scaled = load_some(g + i, m) * load_some(weight + i, m);
    return Two<V>{scaled, scaled * ((load_some(x + i, m) - centre) * rstd)};
  });
  const T count = static_cast<T>(k.n);
  return {k.mean[row], k.rstd[row], k.centred ? sums.first / count : T{0}, sums.second / count};
}

/// `Rows` rows from `row` on: dx as above; dweight += g xhat, dbias += g. Rows share the loads and stores of the sums.
template <int Rows, class T>
CR_INLINE void layer_norm_grad_rows(const LayerNormGrad<T>& k, int64_t row, T* dweight, T* dbias) {
  using V = Vec<T>;
  GradLine<T> line[Rows];
  for (int r = 0; r < Rows; ++r) line[r] = layer_norm_grad_line(k, row + r, Rows * k.n);
  const T *g = k.g + row * k.n, *x = k.x + row * k.n;
  T* dx = k.dx + row * k.n;
  const auto visit = [&](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V weight = load_some(k.weight + i, m);
    V slopes = load_some(dweight + i, m), levels = load_some(dbias + i, m);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const V rstd = splat<V>(line[r].rstd), cotangent = load_some(g + r * k.n + i, m);
      const V normal = (load_some(x + r * k.n + i, m) - splat<V>(line[r].centre)) * rstd;
      slopes = fma(cotangent, normal, slopes);
      levels += cotangent;
      const V value = rstd * (fma(cotangent, weight, -splat<V>(line[r].level)) - normal * splat<V>(line[r].slope));
      if (k.streamed) {
        stream_store(dx + r * k.n + i, value);
      } else {
        store_some(dx + r * k.n + i, value, m);
      }
    }
    store_some(dweight + i, slopes, m);
    store_some(dbias + i, levels, m);
  };
  int64_t i = 0;
  for (; i + kLanes<T> <= k.n; i += kLanes<T>) visit(i, kLanes<T>);
  if (i < k.n) visit(i, k.n - i);
}

/// a += b
template <class T>
CR_INLINE void add_vector(T* a, const T* b, int64_t n) {
  map_row(a, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(a + i, m) + load_some(b + i, m); });
}
template <class T>
CR_INLINE void clear_vector(T* a, int64_t n) {
  std::memset(a, 0, static_cast<size_t>(n) * sizeof(T));
}

/// g and x [rows, n], weight [n], mean and rstd [rows] -> dx [rows, n], dweight [n], dbias [n]. Rows are cut into at most 64 units, each
/// with sums of its own; those of 128 rows are summed first, and units in a tree.
template <class T>
void layer_norm_grad(Context& ctx, const Args& args) {
  const int64_t rows = args.in[1].shape[0], n = args.in[1].shape[1];
  CR_CHECK(is_matrix(args.in[0], rows, n) && is_matrix(args.in[1], rows, n) && is_vector(args.in[3], rows) && is_vector(args.in[4], rows));
  CR_CHECK(is_matrix(args.out[0], rows, n) && is_vector(args.out[1], n) && is_vector(args.out[2], n));
  LayerNormGrad<T> k;
  k.g = static_cast<const T*>(args.in[0].data);
  k.x = static_cast<const T*>(args.in[1].data);
  k.weight = contiguous_vector<T>(ctx, args.in[2], n);
  k.mean = static_cast<const T*>(args.in[3].data);
  k.rstd = static_cast<const T*>(args.in[4].data);
  k.dx = static_cast<T*>(args.out[0].data);
  k.rows = rows;
  k.n = n;
  k.centred = args.params[0] != 0;
  // All three matrices do not fit the caches.
  k.streamed = 3 * rows * n * static_cast<int64_t>(sizeof(T)) >= 2 * kStreamBytes && is_whole_lines(k.dx, n);
  T *dweight = static_cast<T*>(args.out[1].data), *dbias = static_cast<T*>(args.out[2].data);
  const int64_t small = kLayerGrain / (n + 16) + 1, share = (rows + 63) / 64;
  const int64_t per_unit = small > share ? small : share;
  const int64_t units = (rows + per_unit - 1) / per_unit;
  T* parts = scratch<T>(ctx, (units > 0 ? units : 1) * 2 * n);
  clear_vector(parts, 2 * n);
  parallel_units(ctx, units, [&](int64_t unit, int worker) {
    T* total = parts + unit * 2 * n;
    T* block = worker_scratch<T>(ctx, worker, 2 * n);
    clear_vector(total, 2 * n);
    const int64_t end = (unit + 1) * per_unit < rows ? (unit + 1) * per_unit : rows;
    for (int64_t first = unit * per_unit; first < end; first += 128) {
      clear_vector(block, 2 * n);
      const int64_t last = first + 128 < end ? first + 128 : end;
      int64_t row = first;
      for (; row + 4 <= last; row += 4) layer_norm_grad_rows<4>(k, row, block, block + n);
      for (; row < last; ++row) layer_norm_grad_rows<1>(k, row, block, block + n);
      add_vector(total, block, 2 * n);
    }
    if (k.streamed) stream_fence();
  });
  for (int64_t step = 1; step < units; step *= 2) {
    for (int64_t unit = 0; unit + step < units; unit += 2 * step) add_vector(parts + unit * 2 * n, parts + (unit + step) * 2 * n, 2 * n);
  }
  std::memcpy(dweight, parts, static_cast<size_t>(n) * sizeof(T));
  std::memcpy(dbias, parts + n, static_cast<size_t>(n) * sizeof(T));
}

CR_REGISTER(layer_norm, (kernel_set(Registration{"layer_norm", DType::f32, kIsa, "TTT>TTT", "eps,centred", &layer_norm<float>},
                                    Registration{"layer_norm", DType::f64, kIsa, "TTT>TTT", "eps,centred", &layer_norm<double>})));
CR_REGISTER(layer_norm_grad,
            (kernel_set(Registration{"layer_norm_grad", DType::f32, kIsa, "TTTTT>TTT", "centred", &layer_norm_grad<float>},
                        Registration{"layer_norm_grad", DType::f64, kIsa, "TTTTT>TTT", "centred", &layer_norm_grad<double>})));

}  // namespace chainrule::CR_ISA
