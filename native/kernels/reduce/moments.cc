// Reductions of a function of each element: products, powers, squared deviations, exponentials.
#include "kernels/reduce/reduce.h"
#include "simd/math.h"

namespace chainrule::CR_ISA {

struct Product : Plain, JoinProduct {};

/// Sum of |x|.
struct NormOne : JoinSum {
  template <class V>
  static V map(V x, V) {
    return abs(x);
  }
  template <class V>
  static V finish(V sum, V, V) {
    return sum;
  }
};
/// sqrt(sum of x^2).
struct NormTwo : JoinSum {
  template <class V>
  static V map(V x, V) {
    return x * x;
  }
  template <class V>
  static V finish(V sum, V, V) {
    return sqrt(sum);
  }
};
/// Largest |x|; 0 of nothing.
struct NormInfinity {
  template <class V>
  static V identity() {
    return V{};
  }
  template <class V>
  static V join(V a, V b) {
    return max(b, a);
  }
  template <class V>
  static V map(V x, V) {
    return abs(x);
  }
  template <class V>
  static V finish(V joined, V, V) {
    return joined;
  }
};
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

template <class Op>
constexpr auto float_kernels(const char* name, const char* signature) {
  return kernel_set(Registration{name, DType::f32, kIsa, signature, "", &run_reduce<Op, float, float, float>},
                    Registration{name, DType::f64, kIsa, signature, "", &run_reduce<Op, double, double, double>});
}
CR_REGISTER(prod, (float_kernels<Product>("prod", "T>T")));
CR_REGISTER(prod_whole, (kernel_set(Registration{"prod", DType::i32, kIsa, "T>l", "", &run_reduce<Product, int64_t, int32_t, int64_t>},
                                    Registration{"prod", DType::i64, kIsa, "T>T", "", &run_reduce<Product, int64_t, int64_t, int64_t>},
                                    Registration{"prod", DType::u8, kIsa, "T>l", "", &run_reduce<Product, int64_t, uint8_t, int64_t>},
                                    Registration{"prod", DType::boolean, kIsa, "T>l", "", &run_reduce<Product, int64_t, bool, int64_t>})));
CR_REGISTER(norm_one, (float_kernels<NormOne>("norm_one", "T>T")));
CR_REGISTER(norm_two, (float_kernels<NormTwo>("norm_two", "T>T")));
CR_REGISTER(norm_infinity, (float_kernels<NormInfinity>("norm_infinity", "T>T")));
CR_REGISTER(variance, (kernel_set(Registration{"variance", DType::f32, kIsa, "TT>T", "divisor", &run_variance<float>},
                                  Registration{"variance", DType::f64, kIsa, "TT>T", "divisor", &run_variance<double>})));
CR_REGISTER(log_sum_exp, (float_kernels<LogSumExp>("log_sum_exp", "TT>T")));

}  // namespace chainrule::CR_ISA
