#pragma once
#include <string>
#include <vector>

#include "dispatch/kernel.h"

namespace chainrule {

/// A kernel of the chosen instruction set; its index in kernels() is the id that commands carry.
struct Kernel {
  const char* name;
  DType dtype;
  KernelFn run;
  std::string inputs;  // signature letters, see Registration
  std::string outputs;
  std::string params;
  int param_count;
  bool in_place;  // '=' in the signature: outputs are read and updated
};

/// All kernels for detect_isa(), collected once per process.
const std::vector<Kernel>& kernels();
Isa active_isa();

}  // namespace chainrule
