// Cross entropy of logits and class labels, fused with log-softmax, and its gradient.
//
// Per row with label t, p = softmax(x), smoothing s, class weights w of C classes:
//   loss = -(1 - s) w_t log p_t - s / C  sum_c w_c log p_c
//   d loss / d x_c = scale p_c - (1 - s) w_t [c = t] - s / C w_c,   scale = (1 - s) w_t + s / C sum_c w_c
#include "kernels/loss/labels.h"
#include "kernels/norm/softmax_rows.h"
#include "kernels/norm/write_row.h"

namespace chainrule::CR_ISA {

template <class T>
struct CrossEntropy {
  LabelRows rows;
  const T* logits;
  const T* weight;
  int64_t weight_stride;
  int64_t ignored;
  T smoothing;        // s
  const T* smoothed;  // w, contiguous, and
  T weight_total;     // its sum, only when s > 0
  LossReduction reduction;
};

template <class T>
CR_INLINE CrossEntropy<T> cross_entropy_of(Context& ctx, const TensorView* in, const double* params) {
  CrossEntropy<T> k;
  k.rows = make_label_rows(in[0], in[1]);
  CR_CHECK(in[2].rank == 1 && in[2].shape[0] == k.rows.classes);
  k.logits = static_cast<const T*>(in[0].data);
  k.weight = static_cast<const T*>(in[2].data);
  k.weight_stride = in[2].strides[0];
  k.ignored = static_cast<int64_t>(params[0]);
  k.smoothing = static_cast<T>(params[1]);
  k.reduction = static_cast<LossReduction>(static_cast<int>(params[2]));
  k.smoothed = k.weight;
  k.weight_total = 0;
  if (k.smoothing <= 0) return k;
  const int64_t classes = k.rows.classes;
  if (k.weight_stride != 1) {
    T* copy = scratch<T>(ctx, classes);
    for (int64_t c = 0; c < classes; ++c) copy[c] = k.weight[c * k.weight_stride];
    k.smoothed = copy;
  }
  const T* w = k.smoothed;
  k.weight_total = reduce_each<JoinSum, T>(classes, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(w + i, m); });
  return k;
}

/// What a row's gradient needs: p_c = e^(x_c - high - log_sum), and the scale above.
template <class T>
struct RowStats {
  T high, log_sum, scale;
};

template <class T>
CR_INLINE T cross_entropy_row(const CrossEntropy<T>& k, const T* x, int64_t label, RowStats<T>& stats) {
  using V = Vec<T>;
  const int64_t n = k.rows.classes;
  const PowerSum<T> powers = power_sum(x, n);
  stats.high = powers.high;
  const V high = splat<V>(stats.high);
  stats.log_sum = log(splat<V>(powers.sum))[0];
  if (label < 0) {
    stats.scale = 0;
    return 0;
  }
  const T share = k.smoothing / static_cast<T>(n);
  const T own = (1 - k.smoothing) * k.weight[label * k.weight_stride];
  stats.scale = own + share * k.weight_total;
  T loss = own * (stats.log_sum - (x[label] - stats.high));
  if (k.smoothing > 0) {
    const T* w = k.smoothed;
    const V log_sum = splat<V>(stats.log_sum);
    loss += share * reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
              return load_some(w + i, m) * (log_sum - (load_some(x + i, m) - high));
            });
  }
  return loss;
}

/// What a forward pass writes for each row.
template <class T>
struct RowResults {
  T *losses, *stats, *weights;
};

/// The labels of rows in lanes, and the numbers that belong to them.
template <class T>
struct LaneLabels {
  int64_t label[kLanes<T>];  // -1: the row is to be ignored
  Vec<T> weight;             // of the label, 0 where it is to be ignored
  IntVec<Vec<T>> counts;     // -1 where it is not
};
template <class T>
CR_INLINE LaneLabels<T> lane_labels(const CrossEntropy<T>& k, int64_t row, int64_t group) {
  LaneLabels<T> lanes;
  T weights[kLanes<T>] = {};
  IntFor<T> counts[kLanes<T>] = {};
  const int64_t first = label_row_offset(k.rows, 1, row), next = next_row_stride(k.rows, 1);
  for (int64_t i = 0; i < group; ++i) {
    const int64_t label = checked_label_at(k.rows, row + i, first + i * next, k.ignored);
    lanes.label[i] = label;
    counts[i] = label < 0 ? 0 : -1;
    weights[i] = label < 0 ? T{0} : k.weight[label * k.weight_stride];
  }
  lanes.weight = load(weights);
  lanes.counts = load(counts);
  return lanes;
}

/// Short rows or rows side by side, one in each lane; they are added in the same order.
template <class T>
CR_INLINE void cross_entropy_lanes(Context& ctx, const CrossEntropy<T>& k, const RowResults<T>& to) {
  using V = Vec<T>;
  const int64_t rows = k.rows.rows, n = k.rows.classes;
  const T share = k.smoothing / static_cast<T>(n);
  for_label_lanes<T>(ctx, k.rows, k.logits, GradRows<T>{k.rows, nullptr}, [&](int64_t row, int64_t group, const V* v) {
    const V high = fold_row_lanes<JoinLarger>(v, n);
    const V log_sum = log(fold_row_lanes<JoinSum, 1, V>(n, [&](int64_t c) CR_INLINE_LAMBDA { return exp_weight(v[c] - high); }));
    store_some(to.stats + row, high, group);
    store_some(to.stats + rows + row, log_sum, group);
    V smooth = {};
    if (k.smoothing > 0) {
      smooth = splat<V>(share) * fold_row_lanes<JoinSum, kLaneGroups<T>, V>(
                                     n, [&](int64_t c) CR_INLINE_LAMBDA { return splat<V>(k.smoothed[c]) * (log_sum - (v[c] - high)); });
    }
    const LaneLabels<T> labels = lane_labels(k, row, group);
    T at_label[kLanes<T>] = {};
    for (int64_t i = 0; i < group; ++i) at_label[i] = labels.label[i] < 0 ? T{0} : v[labels.label[i]][i];
    const V own = splat<V>(1 - k.smoothing) * labels.weight, loss = own * (log_sum - (load(at_label) - high)) + smooth;
    store_some(to.weights + row, labels.weight, group);
    store_some(to.stats + 2 * rows + row, select<V>(labels.counts, own + splat<V>(share * k.weight_total), V{}), group);
    store_some(to.losses + row, select<V>(labels.counts, loss, V{}), group);
  });
}

/// logits [N, C, d...], labels [N, d...], weight [C] -> loss [N, d...] or [], stats [3, N d...], norm []. Outputs are contiguous.
template <class T>
void cross_entropy(Context& ctx, const Args& args) {
  const CrossEntropy<T> k = cross_entropy_of<T>(ctx, args.in, args.params);
  const int64_t rows = k.rows.rows;
  const bool per_row = k.reduction == LossReduction::none;
  CR_CHECK(k.rows.classes > 0 && element_count(args.out[0]) == (per_row ? rows : 1));
  CR_CHECK(element_count(args.out[1]) == 3 * rows && element_count(args.out[2]) == 1);
  T* loss = static_cast<T*>(args.out[0].data);
  T* stats = static_cast<T*>(args.out[1].data);
  T* weights = scratch<T>(ctx, rows);
  T* losses = per_row ? loss : scratch<T>(ctx, rows);
  if (k.rows.classes <= kShortRow || side_by_side(k.rows, GradRows<T>{k.rows, nullptr})) {
    cross_entropy_lanes<T>(ctx, k, {losses, stats, weights});
  } else {
    for_label_rows<T>(ctx, k.rows, k.logits, [&](const T* x, int64_t row) {
      const int64_t label = checked_label(k.rows, row, k.ignored);
      RowStats<T> s;
      losses[row] = cross_entropy_row(k, x, label, s);
      stats[row] = s.high;
      stats[rows + row] = s.log_sum;
      stats[2 * rows + row] = s.scale;
      weights[row] = label < 0 ? T{0} : k.weight[label * k.weight_stride];
    });
  }
  reduce_losses(losses, weights, rows, k.reduction, loss, static_cast<T*>(args.out[2].data));
}

/// dx = g (scale p - share w), and less own g at the label. dx is not x.
template <class T>
CR_INLINE void cross_entropy_grad_row(const CrossEntropy<T>& k, const T* x, int64_t label, const RowStats<T>& stats, T g, T* dx,
                                      bool streamed) {
  using V = Vec<T>;
  const int64_t n = k.rows.classes;
  if (label < 0) return write_row(dx, n, streamed, [](int64_t, int64_t) CR_INLINE_LAMBDA { return V{}; });
  const V high = splat<V>(stats.high), log_sum = splat<V>(stats.log_sum), scale = splat<V>(g * stats.scale);
  const T own = g * ((1 - k.smoothing) * k.weight[label * k.weight_stride]);
  const auto power = [=](V some) CR_INLINE_LAMBDA { return scale * exp_weight((some - high) - log_sum); };
  const auto ask = [=](int64_t i) CR_INLINE_LAMBDA { prefetch(x + i + kPowerBlock); };
  T at_label = power(splat<V>(x[label]))[0];  // a streamed row is not read again
  if (k.smoothing > 0) {
    const T* w = k.smoothed;
    const V share = splat<V>(g * (k.smoothing / static_cast<T>(n)));
    const auto value = [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return power(load_some(x + i, m)) - share * load_some(w + i, m); };
    write_row(dx, n, streamed, value, ask);
    at_label -= (share * splat<V>(w[label]))[0];
  } else {
    write_row(
        dx, n, streamed, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return power(load_some(x + i, m)); }, ask);
  }
  dx[label] = at_label - own;
}

/// What the gradient of a row is scaled by: the cotangent, one for all rows or one for each.
template <class T>
struct Cotangents {
  const TensorView& view;
  T norm;
  CR_INLINE T at(const Cotangents& g, int64_t row) {
    const T* data = static_cast<const T*>(g.view.data);
    return (g.view.rank > 0 ? data[view_offset(g.view, row)] : *data) / g.norm;
  }
};

/// The gradients of short rows or rows side by side, one in each lane.
template <class T>
CR_INLINE void cross_entropy_grad_lanes(Context& ctx, const CrossEntropy<T>& k, const T* stats, const Cotangents<T>& cotangents,
                                        const GradRows<T>& to) {
  using V = Vec<T>;
  const int64_t rows = k.rows.rows, n = k.rows.classes;
  const bool single = cotangents.view.rank == 0;
  const V for_all = splat<V>(single && rows > 0 ? Cotangents<T>::at(cotangents, 0) : T{0});
  for_label_lanes<T>(ctx, k.rows, k.logits, to, [&](int64_t row, int64_t group, V* v) {
    const V high = load_some(stats + row, group), log_sum = load_some(stats + rows + row, group);
    const LaneLabels<T> labels = lane_labels(k, row, group);
    V g = for_all;
    for (int64_t i = 0; i < group && !single; ++i) g[i] = Cotangents<T>::at(cotangents, row + i);
    const V scale = g * load_some(stats + 2 * rows + row, group), share = g * splat<V>(k.smoothing / static_cast<T>(n));
    for (int64_t c = 0; c < n; ++c) {
      V value = scale * exp_weight((v[c] - high) - log_sum);
      if (k.smoothing > 0) value = value - share * splat<V>(k.smoothed[c]);
      v[c] = select<V>(labels.counts, value, V{});
    }
    const V own = g * (splat<V>(1 - k.smoothing) * labels.weight);
    for (int64_t i = 0; i < group; ++i) {
      if (labels.label[i] >= 0) v[labels.label[i]][i] -= own[i];
    }
  });
}

/// logits, labels, weight, stats, norm as above, g as the loss -> dx as the logits, contiguous.
template <class T>
void cross_entropy_grad(Context& ctx, const Args& args) {
  const CrossEntropy<T> k = cross_entropy_of<T>(ctx, args.in, args.params);
  const TensorView &g = args.in[5], &dx = args.out[0];
  const int64_t rows = k.rows.rows;
  const bool per_row = k.reduction == LossReduction::none;
  const LabelRows target = make_label_rows(dx, args.in[1]);
  CR_CHECK(target.classes == k.rows.classes && element_count(args.in[3]) == 3 * rows && element_count(args.in[4]) == 1);
  CR_CHECK(per_row ? g.rank == args.in[1].rank : g.rank == 0);
  for (int32_t d = 0; d < g.rank; ++d) CR_CHECK(g.shape[d] == args.in[1].shape[d]);
  const T* stats = static_cast<const T*>(args.in[3].data);
  const T norm = k.reduction == LossReduction::mean ? *static_cast<const T*>(args.in[4].data) : T{1};
  const Cotangents<T> cotangents = {g, norm};
  const GradRows<T> to = {target, static_cast<T*>(dx.data)};
  if (k.rows.classes <= kShortRow || side_by_side(k.rows, to)) return cross_entropy_grad_lanes<T>(ctx, k, stats, cotangents, to);
  for_label_rows<T>(ctx, k.rows, k.logits, to, [&](const T* x, int64_t row, T* y, bool streamed) {
    const int64_t label = checked_label(k.rows, row, k.ignored);
    const RowStats<T> s = {stats[row], stats[rows + row], stats[2 * rows + row]};
    cross_entropy_grad_row(k, x, label, s, Cotangents<T>::at(cotangents, row), y, streamed);
  });
}

constexpr const char* kCrossEntropyParams = "ignoreIndex,labelSmoothing,reduction";
CR_REGISTER(cross_entropy,
            (kernel_set(Registration{"cross_entropy", DType::f32, kIsa, "TIT>TTT", kCrossEntropyParams, &cross_entropy<float>},
                        Registration{"cross_entropy", DType::f64, kIsa, "TIT>TTT", kCrossEntropyParams, &cross_entropy<double>})));
CR_REGISTER(cross_entropy_grad,
            (kernel_set(Registration{"cross_entropy_grad", DType::f32, kIsa, "TITTTT>T", kCrossEntropyParams, &cross_entropy_grad<float>},
                        Registration{"cross_entropy_grad", DType::f64, kIsa, "TITTTT>T", kCrossEntropyParams,
                                     &cross_entropy_grad<double>})));

}  // namespace chainrule::CR_ISA
