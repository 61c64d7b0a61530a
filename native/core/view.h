#pragma once
// What a kernel sees of a tensor. Plain data: no member functions (see dtype.h).
#include <cstdint>

#include "core/dtype.h"

namespace chainrule {

inline constexpr int kMaxRank = 8;

/// A strided window on memory that the decoder has proven to lie inside its block. Strides are in elements and may be 0 or negative.
struct TensorView {
  void* data;  // first element of the window
  DType dtype;
  int32_t rank;
  int64_t shape[kMaxRank];
  int64_t strides[kMaxRank];
};

/// Everything one kernel call receives.
struct Args {
  const TensorView* in;
  const TensorView* out;
  const double* params;
  int32_t ins;
  int32_t outs;
  int32_t paramCount;
};

}  // namespace chainrule
