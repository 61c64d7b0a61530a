// Batch normalisation of x [N, C, S] over N and S: statistics and normalisation of one channel after the other, while it is in cache.
// Of x [N, C], where a channel's elements lie apart: all channels together, row by row.
#include "kernels/norm/batch_norm_rows.h"

namespace chainrule::CR_ISA {

/// Channels whose rows are shorter than this are gathered first, a group of them together.
inline constexpr int64_t kShortestChannelRow = 16;
inline constexpr int64_t kChannelGroup = 16;

struct Channels {
  int64_t batch, channels, inner;
};
CR_INLINE bool by_rows(const Channels& k) { return k.inner == 1 && k.channels > 1 && k.batch > 0; }
CR_INLINE Channels channels_of(const TensorView& x) {
  CR_CHECK(x.rank == 3);
  const Channels k = {x.shape[0], x.shape[1], x.shape[2]};
  CR_CHECK((k.inner <= 1 || x.strides[2] == 1) && (k.channels <= 1 || x.strides[1] == k.inner) &&
           (k.batch <= 1 || x.strides[0] == k.channels * k.inner));
  return k;
}
CR_INLINE void check_like(const TensorView& view, const Channels& k) {
  const Channels own = channels_of(view);
  CR_CHECK(own.batch == k.batch && own.channels == k.channels && own.inner == k.inner);
}
template <class T>
CR_INLINE T* per_channel(const TensorView& view, const Channels& k) {
  CR_CHECK(view.rank == 1 && view.shape[0] == k.channels);
  return static_cast<T*>(view.data);
}

/// The elements of one channel: `runs` rows of `length`, `stride` apart.
template <class T>
struct Channel {
  T* data;
  int64_t runs, length, stride;
};

/// Calls body(channel, operands) for every channel with its rows in each of N operands; the first `Outputs` of them are written.
template <int N, int Outputs, class T, class Body>
CR_INLINE void for_channels(Context& ctx, const Channels& k, T* const (&operands)[N], Body body) {
  if (k.inner >= kShortestChannelRow) {
    parallel_units(ctx, k.channels, [&](int64_t c, int) {
      Channel<T> rows[N];
      for (int n = 0; n < N; ++n) rows[n] = {operands[n] + c * k.inner, k.batch, k.inner, k.channels * k.inner};
      body(c, rows);
    });
    return;
  }
  const int64_t length = k.batch * k.inner;
  parallel_units(ctx, (k.channels + kChannelGroup - 1) / kChannelGroup, [&](int64_t unit, int worker) {
    const int64_t first = unit * kChannelGroup;
    const int64_t group = k.channels - first < kChannelGroup ? k.channels - first : kChannelGroup;
    T* memory = worker_scratch<T>(ctx, worker, N * group * length);
    const auto each = [&](int n, auto copy) {
      for (int64_t b = 0; b < k.batch; ++b) {
        for (int64_t c = 0; c < group; ++c) {
          T* there = operands[n] + (b * k.channels + first + c) * k.inner;
          T* here = memory + (n * group + c) * length + b * k.inner;
          for (int64_t i = 0; i < k.inner; ++i) copy(there[i], here[i]);
        }
      }
    };
    for (int n = Outputs; n < N; ++n) each(n, [](T& there, T& here) { here = there; });
    for (int64_t c = 0; c < group; ++c) {
      Channel<T> rows[N];
      for (int n = 0; n < N; ++n) rows[n] = {memory + (n * group + c) * length, 1, length, length};
      body(first + c, rows);
    }
    for (int n = 0; n < Outputs; ++n) each(n, [](T& there, T& here) { there = here; });
  });
}

/// Sums of what body(i, m) gives for begin..end-1: of the first, and of the first times the second. Op is JoinSum, the order that of
/// sum_two_range.
template <class T, class Body>
CR_INLINE Two<Lanes<T>> sum_products(int64_t begin, int64_t end, Body body) {
  constexpr int parts = Lanes<T>::kParts, lanes = kLanes<T>, groups = 2;
  Two<Lanes<T>> sum[groups] = {};
  const auto add = [&](Two<Lanes<T>>& to, int k, const Two<Vec<T>>& value) CR_INLINE_LAMBDA {
    to.first.part[k] += value.first;
    to.second.part[k] = fma(value.first, value.second, to.second.part[k]);
  };
  int64_t i = begin;
  for (; i + groups * kVirtualLanes <= end; i += groups * kVirtualLanes) {
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
#pragma GCC unroll 8
      for (int k = 0; k < parts; ++k) add(sum[g], k, body(i + g * kVirtualLanes + k * lanes, static_cast<int64_t>(lanes)));
    }
  }
  sum[0] = {join_lanes<JoinSum>(sum[0].first, sum[1].first), join_lanes<JoinSum>(sum[0].second, sum[1].second)};
  while (i < end) {
#pragma GCC unroll 8
    for (int k = 0; k < parts && i < end; ++k, i += lanes) {
      const int64_t left = end - i;
      const Two<Vec<T>> value = body(i, left < lanes ? left : static_cast<int64_t>(lanes));
      const auto counts = lanes_below<Vec<T>>(left);
      add(sum[0], k, {select<Vec<T>>(counts, value.first, Vec<T>{}), select<Vec<T>>(counts, value.second, Vec<T>{})});
    }
  }
  return sum[0];
}
/// The same over all elements of a channel; row_body(r) gives the body of row r.
template <class T, class RowBody>
CR_INLINE Two<T> sum_channel(int64_t runs, int64_t length, RowBody row_body) {
  BlockTree<JoinSum, T> first, second;
  first.pushed = second.pushed = 0;
  for (int64_t r = 0; r < runs; ++r) {
    const auto body = row_body(r);
    for (int64_t start = 0; start < length; start += kBlockElements) {
      const Two<Lanes<T>> block = sum_products<T>(start, length - start < kBlockElements ? length : start + kBlockElements, body);
      tree_push(first, block.first);
      tree_push(second, block.second);
    }
  }
  return {fold_lanes<JoinSum, T>(tree_total(first)), fold_lanes<JoinSum, T>(tree_total(second))};
}

struct Moments {
  double count, mean, squares;  // sum of squared deviations from the mean
};

/// Elements whose mean is taken for a first guess of the channel's.
inline constexpr int64_t kPivotElements = 1024;

/// In one pass over memory: the sum s of x - p and that of its square, q, where p is the mean of the first elements; the mean is p + s / n
/// and the squared deviations from it are q - s^2 / n. Where that would take more than half of q away, p was a bad guess: the pass is
/// repeated with the mean as p. So the difference loses one binary place at most.
template <class T>
CR_INLINE Moments channel_moments(const Channel<T>& x) {
  using V = Vec<T>;
  const double count = static_cast<double>(x.runs * x.length);
  if (count == 0) return {0, 0, 0};
  const int64_t some = x.length < kPivotElements ? x.length : kPivotElements;
  const T first = reduce_each<JoinSum, T>(some, [=, &x](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(x.data + i, m); });
  T pivot = first / static_cast<T>(some);
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
    const double sum = static_cast<double>(sums.first), squares = static_cast<double>(sums.second), shift = sum / count;
    const double mean = static_cast<double>(pivot) + shift, taken = sum * shift;
    if (round > 0 || !(taken > squares / 2)) return {count, mean, taken > squares ? 0 : squares - taken};
    pivot = static_cast<T>(mean);
  }
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
  parallel_range(ctx, k.batch * k.channels, kRowsGrain / (k.inner + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin, c = begin % k.channels; row < end; ++row, c = c + 1 < k.channels ? c + 1 : 0) {
      const int64_t at = row * k.inner;
      normalise<T>({x + at, 1, k.inner, 0}, lines.centre[c], lines.slope[c], lines.level[c], {y + at, 1, k.inner, 0});
    }
  });
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
  if (!by_rows(k)) {
    for_channels<3, 1, T>(ctx, k, {dx, g, x}, [&](int64_t c, const Channel<T>(&rows)[3]) {
      const T rstd = static_cast<T>(reciprocal_root(static_cast<double>(variance[c]), eps));
      batch_norm_grad_channel(rows, mean[c], rstd, weight[c], dweight[c], dbias[c]);
    });
    return;
  }
  const T* sums = cotangent_sums<T>(ctx, g, x, mean, k.batch, k.channels);
  T *scale = scratch<T>(ctx, k.channels), *level = scratch<T>(ctx, k.channels), *slope = scratch<T>(ctx, k.channels);
  const T count = static_cast<T>(k.batch);
  for (int64_t c = 0; c < k.channels; ++c) {
    const T rstd = static_cast<T>(reciprocal_root(static_cast<double>(variance[c]), eps));
    dweight[c] = sums[k.channels + c] * rstd;
    dbias[c] = sums[c];
    scale[c] = rstd * weight[c];
    level[c] = dbias[c] / count;
    slope[c] = dweight[c] * rstd / count;
  }
  map_cotangents<T>(ctx, g, x, k.batch, k.channels, {mean, slope, level}, scale, dx);
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
