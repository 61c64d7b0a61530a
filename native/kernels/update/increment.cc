// A counter in the engine: y += by, in place (how many batches a batch norm has seen).
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

void run_increment(Context&, const Args& args) {
  CR_CHECK(element_count(args.out[0]) == 1);
  *static_cast<int64_t*>(args.out[0].data) += static_cast<int64_t>(args.params[0]);
}
CR_REGISTER(increment, kernel_set(Registration{"increment", DType::i64, kIsa, ">=T", "by", &run_increment}));

}  // namespace chainrule::CR_ISA
