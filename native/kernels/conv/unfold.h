#pragma once
// Convolutions of images with few channels into many (first layers), when the kernel is as long as the stride. The image is copied once for
// each column of taps, moved and clipped so that rows of results are rows of the copy, without gaps: then every tap of a run of pixels,
// over the ends of rows, is a run in a copy. What is left is a plain matrix product whose tiles are channels x pixels, written where they
// belong.
#include "kernels/conv/point_tile.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kUnfoldPixels = 64;  // of a window, at least: more than a panel of any instruction set

/// Elements of the copies that one row of results reads, without the rows that neighbours share.
CR_INLINE int64_t unfolded_row(const ConvShape& s) { return s.in_channels * s.h.stride * s.w.taps * s.w.out; }
/// Along one axis: rows of a copy that the last tap looks ahead.
CR_INLINE int64_t unfold_reach(const ConvAxis& a) { return (a.taps - 1) / a.stride; }

/// Whether the method is used; by shape alone.
CR_INLINE bool unfolds(const ConvShape& s) {
  const auto fits = [](const ConvAxis& a) { return a.stride <= a.taps && a.dilation == 1; };
  const int64_t k = s.in_channels * s.h.taps * s.w.taps, least = ceil_div(kUnfoldPixels, max_of(1, s.w.out));
  return fits(s.h) && fits(s.w) && s.in_channels <= 8 && k >= 9 && k <= kMaxBlockK && s.out_channels >= 8 && s.h.out >= least &&
         unfolded_row(s) * (least + unfold_reach(s.h)) <= int64_t{1} << 17;
}
/// bias: or nullptr.
void unfold_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                    const TensorView& y);

}  // namespace chainrule::CR_ISA
