#pragma once
#include <string>
#include <vector>

#include "dispatch/kernel.h"

namespace chainrule {

/// The operands on one side of a signature.
struct Side {
  std::string letters;           // see Registration
  std::vector<uint32_t> dtypes;  // for each letter a bit for each dtype that it stands for
  bool any_number = false;       // '~': the last letter any number of times

  [[nodiscard]] bool fits(int64_t count) const {
    const auto size = static_cast<int64_t>(dtypes.size());
    return any_number ? count >= size - 1 : count == size;
  }
  /// Whether operand i may be of that dtype; the number of operands fits.
  [[nodiscard]] bool takes(int64_t i, DType dtype) const {
    const auto last = static_cast<int64_t>(dtypes.size()) - 1;
    return (dtypes[static_cast<size_t>(i < last ? i : last)] >> static_cast<int>(dtype) & 1) != 0;
  }
};

/// A kernel of the chosen instruction set; its index in kernels() is the id that commands carry.
struct Kernel {
  const char* name;
  DType dtype;
  KernelFn run;
  Side inputs;
  Side outputs;
  std::string params;
  int param_count;
  bool in_place;  // '=' in the signature: outputs are read and updated
};

/// All kernels for detect_isa(), collected once per process.
const std::vector<Kernel>& kernels();
Isa active_isa();

}  // namespace chainrule
