#pragma once
#include <array>
#include <string>
#include <vector>

#include "dispatch/kernel.h"

namespace chainrule {

/// The operands on one side of a signature.
struct Side {
  static constexpr size_t kMostLetters = 12;

  std::string letters;                             // see Registration
  int64_t least = 0, most = 0;                     // operands
  int64_t last = -1;                               // letter; with a '~' it stands for all operands from there on
  std::array<uint16_t, kMostLetters> dtypes = {};  // for each letter a bit for each dtype that it stands for

  [[nodiscard]] bool fits(int64_t count) const { return count >= least && count <= most; }
  /// Whether operand i may be of that dtype; the number of operands fits.
  [[nodiscard]] bool takes(int64_t i, DType dtype) const {
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
