#pragma once
// 1 x 1 convolutions with stride 1 and no padding: a plain matrix product for each image, whose columns are its pixels.
#include "kernels/conv/point_tile.h"

namespace chainrule::CR_ISA {

CR_INLINE bool is_pointwise(const ConvAxis& a) { return a.taps == 1 && a.stride == 1 && a.pad == 0; }
/// Whether the planes of [N, C, H, W] have no gaps.
CR_INLINE bool has_flat_planes(const TensorView& v) { return v.strides[3] == 1 && v.strides[2] == v.shape[3]; }
CR_INLINE bool is_pointwise(const ConvShape& s, const TensorView& x, const TensorView& y) {
  return is_pointwise(s.h) && is_pointwise(s.w) && has_flat_planes(x) && has_flat_planes(y);
}

/// to [rows, pixels] = w x from [k, pixels] (+ bias) for each image and group.
void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<float>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to);
void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<double>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to);

}  // namespace chainrule::CR_ISA
