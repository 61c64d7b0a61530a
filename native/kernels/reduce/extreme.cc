// Largest and smallest values; NaN wins. Also whether any or all elements differ from 0.
#include "kernels/reduce/reduce.h"

namespace chainrule::CR_ISA {

struct Max : Plain, JoinMax {};
struct Min : Plain, JoinMin {};

/// Elements as 0 or 1.
struct Truth {
  template <class V>
  static V map(V x, V) {
    return select<V>(x != V{}, splat<V>(1), V{});
  }
  template <class V>
  static V finish(V joined, V, V) {
    return joined;
  }
};
struct Any : Truth {
  template <class V>
  static V identity() {
    return V{};
  }
  template <class V>
  static V join(V a, V b) {
    return max(a, b);
  }
};
struct All : Truth {
  template <class V>
  static V identity() {
    return splat<V>(1);
  }
  template <class V>
  static V join(V a, V b) {
    return min(a, b);
  }
};

template <class Op>
constexpr auto extreme_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "T>T", "", &run_reduce<Op, float, float, float>},
                    Registration{name, DType::f64, kIsa, "T>T", "", &run_reduce<Op, double, double, double>},
                    Registration{name, DType::i32, kIsa, "T>T", "", &run_reduce<Op, int32_t, int32_t, int32_t>},
                    Registration{name, DType::i64, kIsa, "T>T", "", &run_reduce<Op, int64_t, int64_t, int64_t>},
                    Registration{name, DType::u8, kIsa, "T>T", "", &run_reduce<Op, int32_t, uint8_t, uint8_t>},
                    Registration{name, DType::boolean, kIsa, "T>T", "", &run_reduce<Op, int32_t, bool, bool>});
}
template <class Op>
constexpr auto truth_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "T>b", "", &run_reduce<Op, float, float, bool>},
                    Registration{name, DType::f64, kIsa, "T>b", "", &run_reduce<Op, double, double, bool>},
                    Registration{name, DType::i32, kIsa, "T>b", "", &run_reduce<Op, int32_t, int32_t, bool>},
                    Registration{name, DType::i64, kIsa, "T>b", "", &run_reduce<Op, int64_t, int64_t, bool>},
                    Registration{name, DType::u8, kIsa, "T>b", "", &run_reduce<Op, int32_t, uint8_t, bool>},
                    Registration{name, DType::boolean, kIsa, "T>b", "", &run_reduce<Op, int32_t, bool, bool>});
}
CR_REGISTER(max, (extreme_kernels<Max>("max")));
CR_REGISTER(min, (extreme_kernels<Min>("min")));
CR_REGISTER(any, (truth_kernels<Any>("any")));
CR_REGISTER(all, (truth_kernels<All>("all")));

}  // namespace chainrule::CR_ISA
