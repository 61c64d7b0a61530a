// Materializes a strided or broadcast view: y = x.
#include "kernels/movement/copy.h"

namespace chainrule::CR_ISA {

template <class T>
void run_copy(Context& ctx, const Args& args) {
  copy_view<T>(ctx, args.out[0], args.in[0]);
}

CR_REGISTER(copy, (kernel_set(Registration{"copy", DType::f32, kIsa, "T>T", "", &run_copy<uint32_t>},
                              Registration{"copy", DType::f64, kIsa, "T>T", "", &run_copy<uint64_t>},
                              Registration{"copy", DType::bf16, kIsa, "T>T", "", &run_copy<uint16_t>},
                              Registration{"copy", DType::f16, kIsa, "T>T", "", &run_copy<uint16_t>},
                              Registration{"copy", DType::i32, kIsa, "T>T", "", &run_copy<uint32_t>},
                              Registration{"copy", DType::i64, kIsa, "T>T", "", &run_copy<uint64_t>},
                              Registration{"copy", DType::u8, kIsa, "T>T", "", &run_copy<uint8_t>},
                              Registration{"copy", DType::i8, kIsa, "T>T", "", &run_copy<uint8_t>},
                              Registration{"copy", DType::boolean, kIsa, "T>T", "", &run_copy<uint8_t>})));

}  // namespace chainrule::CR_ISA
