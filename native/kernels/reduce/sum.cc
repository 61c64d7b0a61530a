// Sum and mean. Integers and booleans are summed in i64.
#include "kernels/reduce/reduce.h"

namespace chainrule::CR_ISA {

struct Sum : Plain, JoinSum {};

CR_REGISTER(sum, (kernel_set(Registration{"sum", DType::f32, kIsa, "T>T", "", &run_reduce<Sum, float, float, float>},
                             Registration{"sum", DType::f64, kIsa, "T>T", "", &run_reduce<Sum, double, double, double>},
                             Registration{"sum", DType::i32, kIsa, "T>l", "", &run_reduce<Sum, int64_t, int32_t, int64_t>},
                             Registration{"sum", DType::i64, kIsa, "T>T", "", &run_reduce<Sum, int64_t, int64_t, int64_t>},
                             Registration{"sum", DType::u8, kIsa, "T>l", "", &run_reduce<Sum, int64_t, uint8_t, int64_t>},
                             Registration{"sum", DType::boolean, kIsa, "T>l", "", &run_reduce<Sum, int64_t, uint8_t, int64_t>})));
CR_REGISTER(mean, (kernel_set(Registration{"mean", DType::f32, kIsa, "T>T", "", &run_reduce<Mean, float, float, float>},
                              Registration{"mean", DType::f64, kIsa, "T>T", "", &run_reduce<Mean, double, double, double>})));

}  // namespace chainrule::CR_ISA
