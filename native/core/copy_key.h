#pragma once
// Names a copy of an input in another order. Plain data: no member functions (see dtype.h).
#include <cstdint>

namespace chainrule {

/// Element (r, c) of what is copied is data[r * row + c * col]; `order` says how the copy lies, in numbers that the kernels give out.
/// Copies with equal keys hold the same bytes as long as nothing writes to the input.
struct CopyKey {
  const void* data;
  int64_t rows, cols, row, col;
  int64_t order;
};

/// Writes the copy to `to`. `data` is the caller's.
using CopyFn = void (*)(void* data, void* to);

}  // namespace chainrule
