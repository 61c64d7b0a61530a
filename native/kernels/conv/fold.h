#pragma once
// The gradient of an image with few channels (a first layer's input, a transposed convolution's last result), when the kernel is as long as
// the stride: products of all taps first, a plain matrix product with y's gradient where it lies, then their sums, tap by tap, where they
// belong (col2im). Tiles are taps x pixels, full where tiles of channels would be nearly empty, and a number of y's gradient is read once.
#include "kernels/conv/point_tile.h"

namespace chainrule::CR_ISA {

/// Whether the method is used; by shape alone.
CR_INLINE bool folds(const ConvShape& s) {
  const auto fits = [](const ConvAxis& a) { return a.stride <= a.taps && a.dilation == 1; };
  const int64_t products = s.in_channels * s.h.taps * s.w.taps;
  return fits(s.h) && fits(s.w) && s.in_channels <= 8 && products >= 12 && s.out_channels >= 16 && s.w.out >= 16 &&
         products * s.w.out <= int64_t{1} << 16;
}
void fold_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx);

}  // namespace chainrule::CR_ISA
