// Batch normalisation of x [N, C, S] over N and S. Planes are visited in the order of memory, statistics first; the smallest channel by
// channel, while one is in cache. Of x [N, C], where a channel's elements lie apart: all channels together, row by row.
#include "kernels/norm/batch_norm_planes.h"

namespace chainrule::CR_ISA {

struct Moments {
  double count, mean, squares;  // sum of squared deviations from the mean
};

/// Elements whose mean is taken for a first guess of the channel's.
inline constexpr int64_t kPivotElements = 1024;

/// The pivot p of a channel whose first run are n elements from x.
template <class T>
CR_INLINE T pivot_of(const T* x, int64_t n) {
  const int64_t some = n < kPivotElements ? n : kPivotElements;
  return reduce_each<JoinSum, T>(some, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(x + i, m); }) / static_cast<T>(some);
}
/// From the sum s of x - p and that of its square, q, over n elements: the mean is p + s / n and the squared deviations from it are
/// q - s^2 / n. Where that takes more than half of q away, p was a bad guess, and `good` becomes false.
template <class T>
CR_INLINE Moments moments_about(T pivot, const Two<T>& sums, double count, bool& good) {
  const double sum = static_cast<double>(sums.first), squares = static_cast<double>(sums.second), shift = sum / count;
  const double taken = sum * shift;
  good = !(taken > squares / 2);
  return {count, static_cast<double>(pivot) + shift, taken > squares ? 0 : squares - taken};
}

/// In one pass over memory, with the mean of the first elements as p; where that is a bad guess the pass is repeated with the mean as p. So
/// the difference loses one binary place at most.
template <class T>
CR_INLINE Moments channel_moments(const Channel<T>& x) {
  using V = Vec<T>;
  const double count = static_cast<double>(x.runs * x.length);
  if (count == 0) return {0, 0, 0};
  T pivot = pivot_of(x.data, x.length);
  for (int round = 0;; ++round) {
    const V centre = splat<V>(pivot);
    const Two<T> sums = sum_channel<T>(x.runs, x.length, [=, &x](int64_t r) CR_INLINE_LAMBDA {
      const T* from = x.data + r * x.stride;
      const int64_t next = x.stride;
      return [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
        __builtin_prefetch(from + next + i);  // hardware foresees nothing beyond a page
        const V d = load_some(from + i, m) - centre;
        return Two<V>{d, d};
      };
    });
    bool good;
    const Moments moments = moments_about(pivot, sums, count, good);
    if (round > 0 || good) return moments;
    pivot = static_cast<T>(moments.mean);
  }
}

/// The moments of all channels as means and (biased) variances, in the order of memory.
template <class T>
CR_INLINE void plane_moments(Context& ctx, const Channels& k, T* x, T* means, T* variances) {
  using V = Vec<T>;
  T* pivots = scratch<T>(ctx, k.channels);
  parallel_range(ctx, k.channels, kRowsGrain / kPivotElements, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) pivots[c] = pivot_of(x + c * k.inner, k.inner);
  });
  auto* sums = scratch<Two<T>>(ctx, k.channels);
  sum_planes(ctx, k, sums, [=](int64_t at, int64_t c) CR_INLINE_LAMBDA {
    const T* from = x + at;
    const V centre = splat<V>(pivots[c]);
    return [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      const V d = load_some(from + i, m) - centre;
      return Two<V>{d, d};
    };
  });
  const auto keep = [=](int64_t c, const Moments& moments) {
    means[c] = static_cast<T>(moments.mean);
    variances[c] = static_cast<T>(moments.squares / moments.count);
  };
  auto* badly_guessed = scratch<int64_t>(ctx, k.channels);
  int64_t bad = 0;
  for (int64_t c = 0; c < k.channels; ++c) {
    bool good;
    keep(c, moments_about(pivots[c], sums[c], static_cast<double>(k.batch * k.inner), good));
    if (!good) badly_guessed[bad++] = c;
  }
  parallel_units(ctx, bad, [&](int64_t n, int) {
    const int64_t c = badly_guessed[n];
    keep(c, channel_moments<T>({x + c * k.inner, k.batch, k.inner, k.channels * k.inner}));
  });
}
/// y = (x - centre) slope + level for x [N, C, S], in the order of memory.
template <class T>
CR_INLINE void normalise_planes(Context& ctx, const Channels& k, const T* x, const ChannelLines<T>& lines, T* y) {
  using V = Vec<T>;
  map_planes(ctx, k, y, [=](int64_t at, int64_t c) CR_INLINE_LAMBDA {
    const T* from = x + at;
    const V centre = splat<V>(lines.centre[c]), slope = splat<V>(lines.slope[c]), level = splat<V>(lines.level[c]);
    return [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return fma(load_some(from + i, m) - centre, slope, level); };
  });
}

CR_INLINE double reciprocal_root(double variance, double eps) { return 1.0 / __builtin_sqrt(variance + eps); }

/// y = (x - mean) scale + bias on one channel.
template <class T>
CR_INLINE void normalise(const Channel<T>& x, T mean, T scale, T bias, const Channel<T>& y) {
  using V = Vec<T>;
  const V centre = splat<V>(mean), slope = splat<V>(scale), level = splat<V>(bias);
  for (int64_t r = 0; r < x.runs; ++r) {
    const T* from = x.data + r * x.stride;
    T* const to = y.data + r * y.stride;
    map_row(to, x.length, [=, &y](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      __builtin_prefetch(to + y.stride + i, 1);
      __builtin_prefetch(from + x.stride + i);
      return fma(load_some(from + i, m) - centre, slope, level);
    });
  }
}

/// A per-channel operand of any stride, contiguous.
template <class T>
CR_INLINE const T* contiguous_channels(Context& ctx, const TensorView& view, const Channels& k) {
  const T* from = per_channel<T>(view, k);
  if (view.strides[0] == 1) return from;
  T* copy = scratch<T>(ctx, k.channels);
  for (int64_t c = 0; c < k.channels; ++c) copy[c] = from[c * view.strides[0]];
  return copy;
}
/// factor[c] / sqrt(variance[c] + eps)
template <class T>
CR_INLINE T* channel_slopes(Context& ctx, const Channels& k, const T* variance, const T* factor, double eps) {
  T* slopes = scratch<T>(ctx, k.channels);
  for (int64_t c = 0; c < k.channels; ++c) slopes[c] = static_cast<T>(reciprocal_root(static_cast<double>(variance[c]), eps)) * factor[c];
  return slopes;
}

/// x [N, C, S], weight and bias [C] -> y = (x - mean) rstd weight + bias, and the batch's mean and (biased) variance [C].
template <class T>
void batch_norm(Context& ctx, const Args& args) {
  const Channels k = channels_of(args.in[0]);
  check_like(args.out[0], k);
  const T *weight = contiguous_channels<T>(ctx, args.in[1], k), *bias = contiguous_channels<T>(ctx, args.in[2], k);
  T *means = per_channel<T>(args.out[1], k), *variances = per_channel<T>(args.out[2], k);
  const double eps = args.params[0];
  T *x = static_cast<T*>(args.in[0].data), *y = static_cast<T*>(args.out[0].data);
  if (by_rows(k)) {
    column_moments<T>(ctx, args.in[0], k.batch, k.channels, means, variances);
    const ChannelLines<T> lines = {means, channel_slopes(ctx, k, variances, weight, eps), bias};
    map_channels<T>(ctx, x, k.batch, k.channels, lines, y);
    return;
  }
  if (by_planes<T>(k)) {
    plane_moments(ctx, k, x, means, variances);
    return normalise_planes(ctx, k, x, {means, channel_slopes(ctx, k, variances, weight, eps), bias}, y);
  }
  for_channels<2, 1, T>(ctx, k, {y, x}, [&](int64_t c, const Channel<T>(&rows)[2]) {
    const Moments moments = channel_moments(rows[1]);
    means[c] = static_cast<T>(moments.mean);
    variances[c] = static_cast<T>(moments.squares / moments.count);
    const T rstd = static_cast<T>(reciprocal_root(static_cast<double>(variances[c]), eps));
    normalise(rows[1], means[c], rstd * weight[c], bias[c], rows[0]);
  });
}

/// The same with given mean and variance [C], in the order of memory.
template <class T>
void batch_norm_apply(Context& ctx, const Args& args) {
  const Channels k = channels_of(args.in[0]);
  check_like(args.out[0], k);
  const T* operands[4];
  for (int i = 0; i < 4; ++i) operands[i] = contiguous_channels<T>(ctx, args.in[i + 1], k);
  const T* slopes = channel_slopes(ctx, k, operands[3], operands[0], args.params[0]);
  const ChannelLines<T> lines = {operands[2], slopes, operands[1]};
  T *x = static_cast<T*>(args.in[0].data), *y = static_cast<T*>(args.out[0].data);
  if (k.inner == 1) return map_channels<T>(ctx, x, k.batch, k.channels, lines, y);
  normalise_planes(ctx, k, x, lines, y);
}

/// Sums of g and of g (x - mean) over one channel.
template <class T>
CR_INLINE Two<T> channel_sums(const Channel<T>& g, const Channel<T>& x, T mean) {
  using V = Vec<T>;
  const V centre = splat<V>(mean);
  return sum_channel<T>(x.runs, x.length, [=, &g, &x](int64_t r) CR_INLINE_LAMBDA {
    const T *a = g.data + r * g.stride, *b = x.data + r * x.stride;
    const int64_t a_next = g.stride, b_next = x.stride;
    return [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      __builtin_prefetch(a + a_next + i, 0, 2);  // into L2: into L1 takes up to 1.5 times as long
      __builtin_prefetch(b + b_next + i, 0, 2);
      return Two<V>{load_some(a + i, m), load_some(b + i, m) - centre};
    };
  });
}

/// The gradients of one channel; dx = scale ((g - level) - (x - centre) slope).
template <class T>
CR_INLINE void batch_norm_grad_channel(const Channel<T> (&rows)[3], T mean, T rstd, T weight, T& dweight, T& dbias) {
  using V = Vec<T>;
  const Channel<T>&dx = rows[0], &g = rows[1], &x = rows[2];
  const T count = static_cast<T>(x.runs * x.length);
  const Two<T> sums = channel_sums(g, x, mean);
  dweight = sums.second * rstd;
  dbias = sums.first;
  const V centre = splat<V>(mean), scale = splat<V>(rstd * weight);
  const V level = splat<V>(dbias / count), slope = splat<V>(dweight * rstd / count);
  for (int64_t r = 0; r < x.runs; ++r) {
    const T *a = g.data + r * g.stride, *b = x.data + r * x.stride;
    T* const to = dx.data + r * dx.stride;
    map_row(to, x.length, [=, &dx](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      __builtin_prefetch(to + dx.stride + i, 1, 2);
      return scale * ((load_some(a + i, m) - level) - (load_some(b + i, m) - centre) * slope);
    });
  }
}

/// sums[c]: those of g and of g (x - mean) over channel c, in the order of memory.
template <class T>
CR_INLINE void cotangent_plane_sums(Context& ctx, const Channels& k, const T* g, const T* x, const T* mean, Two<T>* sums) {
  using V = Vec<T>;
  sum_planes(ctx, k, sums, [=](int64_t at, int64_t c) CR_INLINE_LAMBDA {
    const T *a = g + at, *b = x + at;
    const V centre = splat<V>(mean[c]);
    return [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return Two<V>{load_some(a + i, m), load_some(b + i, m) - centre}; };
  });
}
/// dx = scale ((g - level) - (x - centre) slope), in the order of memory.
template <class T>
CR_INLINE void map_cotangent_planes(Context& ctx, const Channels& k, const T* g, const T* x, const ChannelLines<T>& lines, const T* scales,
                                    T* dx) {
  using V = Vec<T>;
  map_planes(ctx, k, dx, [=](int64_t at, int64_t c) CR_INLINE_LAMBDA {
    const T *a = g + at, *b = x + at;
    const V centre = splat<V>(lines.centre[c]), slope = splat<V>(lines.slope[c]), level = splat<V>(lines.level[c]);
    const V scale = splat<V>(scales[c]);
    return [=](int64_t i, int64_t m)
               CR_INLINE_LAMBDA { return scale * ((load_some(a + i, m) - level) - (load_some(b + i, m) - centre) * slope); };
  });
}

/// g and x [N, C, S], weight, mean and variance [C] -> dx, dweight = sum of g xhat, dbias = sum of g;
/// dx = weight rstd (g - mean of g - xhat mean of (g xhat)).
template <class T>
void batch_norm_grad(Context& ctx, const Args& args) {
  const Channels k = channels_of(args.in[1]);
  check_like(args.in[0], k);
  check_like(args.out[0], k);
  const T *weight = contiguous_channels<T>(ctx, args.in[2], k), *mean = contiguous_channels<T>(ctx, args.in[3], k);
  const T* variance = contiguous_channels<T>(ctx, args.in[4], k);
  T *dweight = per_channel<T>(args.out[1], k), *dbias = per_channel<T>(args.out[2], k);
  const double eps = args.params[0];
  T *dx = static_cast<T*>(args.out[0].data), *g = static_cast<T*>(args.in[0].data), *x = static_cast<T*>(args.in[1].data);
  if (!by_rows(k) && !by_planes<T>(k)) {
    for_channels<3, 1, T>(ctx, k, {dx, g, x}, [&](int64_t c, const Channel<T>(&rows)[3]) {
      const T rstd = static_cast<T>(reciprocal_root(static_cast<double>(variance[c]), eps));
      batch_norm_grad_channel(rows, mean[c], rstd, weight[c], dweight[c], dbias[c]);
    });
    return;
  }
  auto* sums = scratch<Two<T>>(ctx, k.channels);
  if (by_rows(k)) {
    const T* columns = cotangent_sums<T>(ctx, g, x, mean, k.batch, k.channels);
    for (int64_t c = 0; c < k.channels; ++c) sums[c] = {columns[c], columns[k.channels + c]};
  } else {
    cotangent_plane_sums<T>(ctx, k, g, x, mean, sums);
  }
  T *scale = scratch<T>(ctx, k.channels), *level = scratch<T>(ctx, k.channels), *slope = scratch<T>(ctx, k.channels);
  const T count = static_cast<T>(k.batch * k.inner);
  for (int64_t c = 0; c < k.channels; ++c) {
    const T rstd = static_cast<T>(reciprocal_root(static_cast<double>(variance[c]), eps));
    dweight[c] = sums[c].second * rstd;
    dbias[c] = sums[c].first;
    scale[c] = rstd * weight[c];
    level[c] = dbias[c] / count;
    slope[c] = dweight[c] * rstd / count;
  }
  const ChannelLines<T> lines = {mean, slope, level};
  if (by_rows(k)) return map_cotangents<T>(ctx, g, x, k.batch, k.channels, lines, scale, dx);
  map_cotangent_planes<T>(ctx, k, g, x, lines, scale, dx);
}

/// running = running + momentum (batch - running), in place; the variance is corrected by n / (n - 1) first.
template <class T>
void batch_norm_running(Context&, const Args& args) {
  const TensorView &mean = args.in[0], &variance = args.in[1], &running_mean = args.out[0], &running_variance = args.out[1];
  const int64_t n = mean.shape[0];
  const TensorView* const views[4] = {&mean, &variance, &running_mean, &running_variance};
  for (const TensorView* view : views) CR_CHECK(view->rank == 1 && view->shape[0] == n);
  const T momentum = static_cast<T>(args.params[0]), correction = static_cast<T>(args.params[1]);
  const auto update = [=](const TensorView& running, const TensorView& batch, T factor) {
    for (int64_t c = 0; c < n; ++c) {
      T& value = static_cast<T*>(running.data)[c * running.strides[0]];
      value = (1 - momentum) * value + momentum * (static_cast<const T*>(batch.data)[c * batch.strides[0]] * factor);
    }
  };
  update(running_mean, mean, 1);
  update(running_variance, variance, correction);
}

CR_REGISTER(batch_norm, (kernel_set(Registration{"batch_norm", DType::f32, kIsa, "TTT>TTT", "eps", &batch_norm<float>},
                                    Registration{"batch_norm", DType::f64, kIsa, "TTT>TTT", "eps", &batch_norm<double>})));
CR_REGISTER(batch_norm_apply,
            (kernel_set(Registration{"batch_norm_apply", DType::f32, kIsa, "TTTTT>T", "eps", &batch_norm_apply<float>},
                        Registration{"batch_norm_apply", DType::f64, kIsa, "TTTTT>T", "eps", &batch_norm_apply<double>})));
CR_REGISTER(batch_norm_grad, (kernel_set(Registration{"batch_norm_grad", DType::f32, kIsa, "TTTTT>TTT", "eps", &batch_norm_grad<float>},
                                         Registration{"batch_norm_grad", DType::f64, kIsa, "TTTTT>TTT", "eps", &batch_norm_grad<double>})));
CR_REGISTER(batch_norm_running,
            (kernel_set(Registration{"batch_norm_running", DType::f32, kIsa, "TT>=T=T", "momentum,correction", &batch_norm_running<float>},
                        Registration{"batch_norm_running", DType::f64, kIsa, "TT>=T=T", "momentum,correction",
                                     &batch_norm_running<double>})));

}  // namespace chainrule::CR_ISA
