// Products of elements and norms.
#include "kernels/reduce/reduce.h"

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
template <class Op>
constexpr auto float_kernels(const char* name, const char* signature) {
  return kernel_set(Registration{name, DType::f32, kIsa, signature, "", &run_reduce<Op, float, float, float>},
                    Registration{name, DType::f64, kIsa, signature, "", &run_reduce<Op, double, double, double>});
}
CR_REGISTER(prod, (float_kernels<Product>("prod", "T>T")));
CR_REGISTER(prod_whole,
            (kernel_set(Registration{"prod", DType::i32, kIsa, "T>l", "", &run_reduce<Product, int64_t, int32_t, int64_t>},
                        Registration{"prod", DType::i64, kIsa, "T>T", "", &run_reduce<Product, int64_t, int64_t, int64_t>},
                        Registration{"prod", DType::u8, kIsa, "T>l", "", &run_reduce<Product, int64_t, uint8_t, int64_t>},
                        Registration{"prod", DType::boolean, kIsa, "T>l", "", &run_reduce<Product, int64_t, uint8_t, int64_t>})));
CR_REGISTER(norm_one, (float_kernels<NormOne>("norm_one", "T>T")));
CR_REGISTER(norm_two, (float_kernels<NormTwo>("norm_two", "T>T")));
CR_REGISTER(norm_infinity, (float_kernels<NormInfinity>("norm_infinity", "T>T")));

}  // namespace chainrule::CR_ISA
