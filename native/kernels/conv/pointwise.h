#pragma once
// 1 x 1 convolutions with stride 1 and no padding: a plain matrix product for each image, whose columns are its pixels.
#include "kernels/conv/geometry.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

CR_INLINE bool is_pointwise(const ConvAxis& a) { return a.taps == 1 && a.stride == 1 && a.pad == 0; }
/// Whether the planes of [N, C, H, W] have no gaps.
CR_INLINE bool has_flat_planes(const TensorView& v) { return v.strides[3] == 1 && v.strides[2] == v.shape[3]; }
CR_INLINE bool is_pointwise(const ConvShape& s, const TensorView& x, const TensorView& y) {
  return is_pointwise(s.h) && is_pointwise(s.w) && has_flat_planes(x) && has_flat_planes(y);
}

/// Result rows in planes far apart: the lines of the next tile are asked for while this one is computed, as short sums leave the stores no
/// time to fetch them.
template <class T>
struct PlaneC : StridedC<T> {
  int64_t rows, cols;
  T* at(int64_t i, int64_t j, int64_t width, int64_t whole, int64_t& row_stride) const {
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    const int64_t end = min_of(rows, i + kTileRows), next = j + kTileCols<T>;
    for (int64_t r = i; next < cols && r < end; ++r) {
      for (int64_t c = 0; c < kTileCols<T>; c += line) __builtin_prefetch(this->data + r * this->row + next + c, 1);
    }
    return StridedC<T>::at(i, j, width, whole, row_stride);
  }
};

/// to [rows, pixels] = weight [rows, k] x from [k, pixels] (+ bias [rows]) for each image and group. Weight (i, k) of group g is
/// weight[g group + i row + k col].
template <class T>
struct PointwiseWeight {
  const T* data;
  int64_t group, row, col;
  const T* bias;
  int64_t bias_stride;
};
template <class T>
CR_INLINE void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                                  const TensorView& from, const TensorView& to) {
  const int64_t pixels = s.h.in * s.w.in, work = rows * k * pixels;
  const int64_t wanted = min_of(ceil_div(pixels, kChunkCols<T>), ceil_div(work, kUnitWork));
  const int64_t each = ceil_div(ceil_div(pixels, max_of(1, wanted)), kTileCols<T>) * kTileCols<T>;
  const int64_t parts = ceil_div(pixels, max_of(1, each));
  parallel_units(ctx, s.batch * s.groups * parts, [&](int64_t unit, int worker) {
    const int64_t part = unit % parts, group = unit / parts % s.groups, image = unit / parts / s.groups, first = part * each;
    const T* x = static_cast<const T*>(from.data) + image * from.strides[0] + group * k * from.strides[1] + first;
    T* y = static_cast<T*>(to.data) + image * to.strides[0] + group * rows * to.strides[1] + first;
    PlaneC<T> c{{y, to.strides[1], 1}, rows, min_of(each, pixels - first)};
    if (w.bias != nullptr) {
      c.bias = w.bias + group * rows * w.bias_stride;
      c.bias_row = w.bias_stride;
    }
    multiply_block(Rect{0, rows, 0, c.cols}, k, StridedA<T>{w.data + group * w.group, w.row, w.col}, StridedB<T>{x, from.strides[1], 1}, c,
                   worker_scratch<T>(ctx, worker, kBlockScratch<T>));
  });
}

}  // namespace chainrule::CR_ISA
