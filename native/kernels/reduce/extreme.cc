// Largest and smallest values; NaN wins. Also whether any or all booleans are set.
#include "kernels/reduce/reduce.h"

namespace chainrule::CR_ISA {

struct Max : Plain, JoinMax {};
struct Min : Plain, JoinMin {};

/// Of booleans; booleans of other types are made first.
struct Any : Plain, JoinMax {
  template <class V>
  static V identity() {
    return V{};
  }
};
struct All : Plain, JoinMin {
  template <class V>
  static V identity() {
    return splat<V>(1);
  }
};

template <class Op>
constexpr auto extreme_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "T>T", "", &run_reduce<Op, float, float, float>},
                    Registration{name, DType::f64, kIsa, "T>T", "", &run_reduce<Op, double, double, double>},
                    Registration{name, DType::i32, kIsa, "T>T", "", &run_reduce<Op, int32_t, int32_t, int32_t>},
                    Registration{name, DType::i64, kIsa, "T>T", "", &run_reduce<Op, int64_t, int64_t, int64_t>},
                    Registration{name, DType::u8, kIsa, "T>T", "", &run_reduce<Op, int32_t, uint8_t, uint8_t>},
                    Registration{name, DType::boolean, kIsa, "T>T", "", &run_reduce<Op, int32_t, uint8_t, uint8_t>});
}
CR_REGISTER(max, (extreme_kernels<Max>("max")));
CR_REGISTER(min, (extreme_kernels<Min>("min")));
CR_REGISTER(any, (kernel_set(Registration{"any", DType::boolean, kIsa, "T>T", "", &run_reduce<Any, int32_t, uint8_t, uint8_t>})));
CR_REGISTER(all, (kernel_set(Registration{"all", DType::boolean, kIsa, "T>T", "", &run_reduce<All, int32_t, uint8_t, uint8_t>})));

}  // namespace chainrule::CR_ISA
