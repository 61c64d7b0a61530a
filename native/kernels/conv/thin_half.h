#pragma once
// Depthwise convolutions of 3 x 3 with stride 2 and the gradient of their input, from rows where they lie. Columns are parted in registers,
// or results interleaved: every pixel of y's gradient and its neighbours to the right and below give a square of four, whose taps do not
// change.
#include "kernels/conv/thin.h"

namespace chainrule::CR_ISA {

/// Whether the method is used, by shape alone.
CR_INLINE bool is_thin_half(const ConvShape& s) {
  const auto fits = [](const ConvAxis& a) { return a.taps == 3 && a.pad == 1 && a.stride == 2 && a.dilation == 1; };
  return fits(s.h) && fits(s.w) && s.in_channels == 1 && s.out_channels == 1;
}
void thin_half_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                       const TensorView& y);
void thin_half_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx);

}  // namespace chainrule::CR_ISA
