#pragma once
#include <stdexcept>

namespace chainrule {

/// Bad data met while executing a command (an index out of range, say).
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace chainrule
