// Group normalisation of x [N, G, D, S]: mean and variance over the D channels of S elements of each group, scale and shift of each
// channel.
#include "simd/lanes.h"
#include "simd/views.h"

namespace chainrule::CR_ISA {

/// Elements per unit of work.
inline constexpr int64_t kGroupGrain = 16384;

struct Groups {
  int64_t batch, groups, depth, inner;  // N, G, D, S
  int64_t rows, length, channels;       // N G, D S, G D
};
CR_INLINE Groups groups_of(const TensorView& x) {
  CR_CHECK(x.rank == 4);
  Groups k = {x.shape[0], x.shape[1], x.shape[2], x.shape[3], 0, 0, 0};
  k.rows = k.batch * k.groups;
  k.length = k.depth * k.inner;
  k.channels = k.groups * k.depth;
  const int64_t strides[4] = {k.channels * k.inner, k.length, k.inner, 1};
  for (int32_t d = 0; d < 4; ++d) CR_CHECK(x.shape[d] <= 1 || x.strides[d] == strides[d]);
  return k;
}
CR_INLINE void check_groups_like(const TensorView& view, const Groups& k) {
  const Groups own = groups_of(view);
  CR_CHECK(own.batch == k.batch && own.groups == k.groups && own.depth == k.depth && own.inner == k.inner);
}
CR_INLINE bool is_list(const TensorView& view, int64_t n) {
  return view.rank == 1 && view.shape[0] == n && (n <= 1 || view.strides[0] == 1);
}

/// x [N, G, D, S], weight and bias [G D] -> y = (x - mean) rstd weight + bias, mean and rstd [N G], rstd = 1 / sqrt(variance + eps).
template <class T>
void group_norm(Context& ctx, const Args& args) {
  using V = Vec<T>;
  const Groups k = groups_of(args.in[0]);
  check_groups_like(args.out[0], k);
  CR_CHECK(is_list(args.out[1], k.rows) && is_list(args.out[2], k.rows));
  const T *weight = contiguous_vector<T>(ctx, args.in[1], k.channels), *bias = contiguous_vector<T>(ctx, args.in[2], k.channels);
  const T* x = static_cast<const T*>(args.in[0].data);
  T* y = static_cast<T*>(args.out[0].data);
  T *means = static_cast<T*>(args.out[1].data), *rstds = static_cast<T*>(args.out[2].data);
  const T eps = static_cast<T>(args.params[0]), count = static_cast<T>(k.length);
  parallel_range(ctx, k.rows, kGroupGrain / (k.length + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * k.length;
      const T sum = reduce_each<JoinSum, T>(k.length, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(from + i, m); });
      const V centre = splat<V>(sum / count);
      const T squares = reduce_each<JoinSum, T>(k.length, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
        const V d = load_some(from + i, m) - centre;
        return d * d;
      });
      const V rstd = splat<V>(1) / sqrt(splat<V>(squares / count + eps));
      means[row] = sum / count;
      rstds[row] = rstd[0];
      const T *w = weight + row % k.groups * k.depth, *b = bias + row % k.groups * k.depth;
      T* to = y + row * k.length;
      if (k.inner == 1) {
        map_row(to, k.depth, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
          return fma((load_some(from + i, m) - centre) * rstd, load_some(w + i, m), load_some(b + i, m));
        });
        continue;
      }
      for (int64_t c = 0; c < k.depth; ++c) {
        const V factor = splat<V>(w[c]), shift = splat<V>(b[c]);
        const T* channel = from + c * k.inner;
        map_row(to + c * k.inner, k.inner,
                [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return fma((load_some(channel + i, m) - centre) * rstd, factor, shift); });
      }
    }
  });
}

/// What one group's gradient needs.
template <class T>
struct GroupLine {
  T mean, rstd, level, slope;
};

/// Sums of g and of g xhat over each channel of a group: [D] each; level and slope are the means over the group of g w and g w xhat.
template <class T>
CR_INLINE GroupLine<T> group_sums(const Groups& k, const T* g, const T* x, const T* weight, T mean, T rstd, T* first, T* second) {
  using V = Vec<T>;
  const V centre = splat<V>(mean), scale = splat<V>(rstd);
  for (int64_t c = 0; c < k.depth && k.inner > 1; ++c) {
    const T *a = g + c * k.inner, *b = x + c * k.inner;
    const Two<T> sums = sum_two<T>(k.inner, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      const V cotangent = load_some(a + i, m);
      return Two<V>{cotangent, cotangent * ((load_some(b + i, m) - centre) * scale)};
    });
    first[c] = sums.first;
    second[c] = sums.second;
  }
  if (k.inner == 1) {
    map_row(first, k.depth, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m); });
    map_row(second, k.depth,
            [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m) * ((load_some(x + i, m) - centre) * scale); });
  }
  const Two<T> sums = sum_two<T>(k.depth, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V w = load_some(weight + i, m);
    return Two<V>{w * load_some(first + i, m), w * load_some(second + i, m)};
  });
  const T count = static_cast<T>(k.length);
  return {mean, rstd, sums.first / count, sums.second / count};
}

/// dx = rstd (g w - level - xhat slope) over one group.
template <class T>
CR_INLINE void group_grad(const Groups& k, const T* g, const T* x, const T* weight, const GroupLine<T>& line, T* dx) {
  using V = Vec<T>;
  const V centre = splat<V>(line.mean), rstd = splat<V>(line.rstd), level = splat<V>(line.level), slope = splat<V>(line.slope);
  const auto value = [=](V cotangent, V v, V w)
                         CR_INLINE_LAMBDA { return rstd * (fma(cotangent, w, -level) - ((v - centre) * rstd) * slope); };
  if (k.inner == 1) {
    map_row(dx, k.depth, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      return value(load_some(g + i, m), load_some(x + i, m), load_some(weight + i, m));
    });
    return;
  }
  for (int64_t c = 0; c < k.depth; ++c) {
    const T *a = g + c * k.inner, *b = x + c * k.inner;
    const V w = splat<V>(weight[c]);
    map_row(dx + c * k.inner, k.inner,
            [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return value(load_some(a + i, m), load_some(b + i, m), w); });
  }
}

/// g and x [N, G, D, S], weight [G D], mean and rstd [N G] -> dx, dweight and dbias [G D]. Channels' sums of samples are added in a tree.
template <class T>
void group_norm_grad(Context& ctx, const Args& args) {
  const Groups k = groups_of(args.in[1]);
  check_groups_like(args.in[0], k);
  check_groups_like(args.out[0], k);
  CR_CHECK(is_list(args.in[3], k.rows) && is_list(args.in[4], k.rows) && is_list(args.out[1], k.channels) &&
           is_list(args.out[2], k.channels));
  const T* weight = contiguous_vector<T>(ctx, args.in[2], k.channels);
  const T *g = static_cast<const T*>(args.in[0].data), *x = static_cast<const T*>(args.in[1].data);
  const T *means = static_cast<const T*>(args.in[3].data), *rstds = static_cast<const T*>(args.in[4].data);
  T* dx = static_cast<T*>(args.out[0].data);
  const int64_t width = 2 * k.channels, samples = k.batch > 0 ? k.batch : 1;
  T* sums = scratch<T>(ctx, samples * width);
  std::memset(sums, 0, static_cast<size_t>(width) * sizeof(T));
  parallel_range(ctx, k.rows, kGroupGrain / (k.length + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * k.length, channel = row % k.groups * k.depth;
      T* first = sums + row / k.groups * width + channel;
      const GroupLine<T> line = group_sums(k, g + at, x + at, weight + channel, means[row], rstds[row], first, first + k.channels);
      group_grad(k, g + at, x + at, weight + channel, line, dx + at);
    }
  });
  for (int64_t step = 1; step < samples; step *= 2) {
    for (int64_t n = 0; n + step < samples; n += 2 * step) {
      T* to = sums + n * width;
      const T* from = sums + (n + step) * width;
      map_row(to, width, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(to + i, m) + load_some(from + i, m); });
    }
  }
  std::memcpy(args.out[1].data, sums + k.channels, static_cast<size_t>(k.channels) * sizeof(T));
  std::memcpy(args.out[2].data, sums, static_cast<size_t>(k.channels) * sizeof(T));
}

CR_REGISTER(group_norm, (kernel_set(Registration{"group_norm", DType::f32, kIsa, "TTT>TTT", "eps", &group_norm<float>},
                                    Registration{"group_norm", DType::f64, kIsa, "TTT>TTT", "eps", &group_norm<double>})));
CR_REGISTER(group_norm_grad, (kernel_set(Registration{"group_norm_grad", DType::f32, kIsa, "TTTTT>TTT", "", &group_norm_grad<float>},
                                         Registration{"group_norm_grad", DType::f64, kIsa, "TTTTT>TTT", "", &group_norm_grad<double>})));

}  // namespace chainrule::CR_ISA
