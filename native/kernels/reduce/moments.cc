// Reductions around a constant of each result: squared deviations from the mean, exponentials relative to the largest element.
#include "kernels/reduce/reduce.h"
#include "simd/math.h"

namespace chainrule::CR_ISA {

/// Sum of (x - c)^2 over the divisor.
struct Variance : JoinSum {
  template <class V>
  static V map(V x, V c) {
    const V d = x - c;
    return d * d;
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

template <class T>
void run_variance(Context& ctx, const Args& args) {
  reduce<Variance, T, T, T>(ctx, args.in[0], &args.in[1], args.out[0], args.params[0]);
}

CR_REGISTER(variance, (kernel_set(Registration{"variance", DType::f32, kIsa, "TT>T", "divisor", &run_variance<float>},
                                  Registration{"variance", DType::f64, kIsa, "TT>T", "divisor", &run_variance<double>})));
CR_REGISTER(log_sum_exp,
            (kernel_set(Registration{"log_sum_exp", DType::f32, kIsa, "TT>T", "", &run_reduce<LogSumExp, float, float, float>},
                        Registration{"log_sum_exp", DType::f64, kIsa, "TT>T", "", &run_reduce<LogSumExp, double, double, double>})));

}  // namespace chainrule::CR_ISA
