// Reductions around a constant of each result: squared deviations from the mean, exponentials relative to the largest element.
#include "kernels/reduce/reduce.h"
#include "simd/math.h"

namespace chainrule::CR_ISA {

/// Sum of (x - c)^2 over the divisor.
struct Variance : JoinSquares {
  template <class V>
  static V map(V x, V c) {
    return x - c;
  }
  template <class V>
  static V finish(V sum, V divisor, V) {
    return sum / divisor;
  }
};
/// log(sum of e^(x - c)) + c, c the largest element. Where that is infinite it is the result itself; inf - inf would be NaN.
struct LogSumExp : JoinSum {
  template <class V>
  static V finite(V c) {
    return select<V>(abs(c) == splat<V>(kHighest<Scalar<V>>), V{}, c);
  }
  template <class V>
  static V map(V x, V c) {
    return exp(x - finite(c));
  }
  template <class V>
  static V finish(V sum, V, V c) {
    return log(sum) + finite(c);
  }
};

/// Elements of the results whose means and then variances are computed in one go: what is read twice stays in the L1 cache.
inline constexpr int64_t kTwiceElements = 4096;

/// Rows whose means are computed before the deviations of the first.
inline constexpr int kTwiceRows = 2;

/// Variances of Rows rows of n elements that lie side by side, `next` apart. Meanwhile the rows behind them are asked for.
template <int Rows, class T>
CR_INLINE void row_variances(const T* x, int64_t n, int64_t next, T divisor, T* y, int64_t y_next) {
  using V = Vec<T>;
  T mean[Rows];
  for (int r = 0; r < Rows; ++r) {
    const T* row = x + r * next;
    mean[r] = reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(row + i, m); });
    mean[r] /= static_cast<T>(n);
  }
  for (int r = 0; r < Rows; ++r) {
    const T* row = x + r * next;
    const V centre = splat<V>(mean[r]);
    const T squares = reduce_each<JoinSquares, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      __builtin_prefetch(row + Rows * next + i);
      return Variance::map(load_some(row + i, m), centre);
    });
    y[r * y_next] = squares / divisor;
  }
}
/// Results begin..end-1 of rows that are contiguous and longer than a vector.
template <class T>
void variance_rows(const Reduction& plan, const T* x, T* y, int64_t begin, int64_t end) {
  const AxisGroup& kept = plan.kept;
  const int32_t last = kept.rank - 1;
  const int64_t size = kept.shape[last], next = kept.x[last], y_next = kept.y[last];
  const T divisor = static_cast<T>(plan.divisor);
  Position at = position_at(kept, last, begin / size);
  for (int64_t i = begin, inside = begin % size; i < end;) {
    const int64_t left = size - inside < end - i ? size - inside : end - i;
    const T* from = x + at.x + inside * next;
    T* to = y + at.y + inside * y_next;
    int64_t r = 0;
    for (; r + kTwiceRows <= left; r += kTwiceRows)
      row_variances<kTwiceRows>(from + r * next, plan.count, next, divisor, to + r * y_next, y_next);
    for (; r < left; ++r) row_variances<1>(from + r * next, plan.count, next, divisor, to + r * y_next, y_next);
    i += left;
    inside = 0;
    advance(kept, last, at);
  }
}

/// x -> y, where y has size 1: the mean of the axis, then the deviations from it.
template <class T>
void run_variance(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &y = args.out[0];
  TensorView centre = y;
  int64_t results = 1;
  for (int32_t d = y.rank - 1; d >= 0; --d) {
    centre.strides[d] = results;
    results *= y.shape[d];
  }
  T* means = scratch<T>(ctx, results);
  centre.data = means;
  const Reduction plan = make_reduction(x, nullptr, centre);
  const RowCut cut = cut_rows(plan);
  if (plan.columns || row_segment(plan, cut) < cut.blocks) {
    reduce<Mean, T, T, T>(ctx, x, nullptr, centre);
    return reduce<Variance, T, T, T>(ctx, x, &centre, y, args.params[0]);
  }
  Reduction second = make_reduction(x, &centre, y);
  second.divisor = args.params[0];
  const T* from = static_cast<const T*>(x.data);
  T* to = static_cast<T*>(y.data);
  const int64_t some = (kTwiceElements / (plan.count + 1) / kShortRow + 1) * kShortRow;  // whole groups of short rows
  parallel_range(ctx, plan.outputs, row_grain(plan), [&](int64_t begin, int64_t end) {
    if (cut.in_place && cut.blocks == 1 && plan.count > kShortRow) return variance_rows(second, from, to, begin, end);
    for (int64_t i = begin; i < end; i += some) {
      const int64_t last = i + some < end ? i + some : end;
      reduce_results<Mean, T>(plan, cut, from, static_cast<const T*>(nullptr), means, i, last);
      reduce_results<Variance, T>(second, cut, from, static_cast<const T*>(means), to, i, last);
    }
  });
}

CR_REGISTER(variance, (kernel_set(Registration{"variance", DType::f32, kIsa, "T>T", "divisor", &run_variance<float>},
                                  Registration{"variance", DType::f64, kIsa, "T>T", "divisor", &run_variance<double>})));
CR_REGISTER(log_sum_exp,
            (kernel_set(Registration{"log_sum_exp", DType::f32, kIsa, "TT>T", "", &run_reduce<LogSumExp, float, float, float>},
                        Registration{"log_sum_exp", DType::f64, kIsa, "TT>T", "", &run_reduce<LogSumExp, double, double, double>})));

}  // namespace chainrule::CR_ISA
