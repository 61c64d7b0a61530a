#pragma once
// What all poolings share: which inputs an output looks at along an axis, and how a tensor [..., H, W] is cut into planes and rows.
#include "core/error.h"
#include "simd/parallel.h"
#include "simd/vec.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kPoolGrain = 32768;  // elements read per unit of work

/// One axis of a pooling: output o looks at inputs begin, begin + dilation, ... < end.
struct PoolAxis {
  int64_t in, out, kernel, stride, pad, dilation;
  bool adaptive;  // windows cut the axis into `out` nearly equal parts
};
struct Window {
  int64_t begin, end;
};

/// Where output o's window starts, before it is cut at the border.
CR_INLINE int64_t window_start(const PoolAxis& a, int64_t o) { return a.adaptive ? o * a.in / a.out : o * a.stride - a.pad; }

/// Output o's window, cut at the border; begin >= end when nothing of it lies inside.
CR_INLINE Window window_of(const PoolAxis& a, int64_t o) {
  int64_t begin = window_start(a, o);
  int64_t end = a.adaptive ? ((o + 1) * a.in + a.out - 1) / a.out : begin + (a.kernel - 1) * a.dilation + 1;
  if (begin < 0) begin += (-begin + a.dilation - 1) / a.dilation * a.dilation;
  return {begin, end < a.in ? end : a.in};
}

/// [..., H, W] as planes of rows. Strides may be anything.
template <class T>
struct Planes {
  T* data;
  const TensorView* view;
  int64_t count, height, width, row_stride, stride;
};
template <class T>
CR_INLINE Planes<T> planes_of(const TensorView& view) {
  CR_CHECK(view.rank >= 2);
  Planes<T> p{static_cast<T*>(view.data), &view, 1, view.shape[view.rank - 2], view.shape[view.rank - 1], view.strides[view.rank - 2],
              view.strides[view.rank - 1]};
  for (int32_t d = 0; d < view.rank - 2; ++d) p.count *= view.shape[d];
  return p;
}
template <class T>
CR_INLINE T* plane(const Planes<T>& p, int64_t index) {
  int64_t offset = 0;
  for (int32_t d = p.view->rank - 3; d >= 0; --d) {
    offset += index % p.view->shape[d] * p.view->strides[d];
    index /= p.view->shape[d];
  }
  return p.data + offset;
}

/// An output: its rows are whole, its planes may lie anywhere.
template <class T>
CR_INLINE Planes<T> output_planes(const TensorView& view) {
  const Planes<T> p = planes_of<T>(view);
  CR_CHECK((p.stride == 1 || p.width <= 1) && (p.row_stride == p.width || p.height <= 1));
  return p;
}

/// Both tensors have the same leading axes.
CR_INLINE void check_same_planes(const TensorView& a, const TensorView& b) {
  CR_CHECK(a.rank == b.rank && a.rank >= 2);
  for (int32_t d = 0; d < a.rank - 2; ++d) CR_CHECK(a.shape[d] == b.shape[d]);
}

/// body(plane, first row, past the last row, worker) for all rows of all planes, in units that read about kPoolGrain elements.
template <class Body>
CR_INLINE void for_each_row(Context& ctx, int64_t planes, int64_t rows, int64_t reads_per_row, Body body) {
  const int64_t total = planes * rows;
  const int64_t grain = reads_per_row >= kPoolGrain ? 1 : kPoolGrain / (reads_per_row > 0 ? reads_per_row : 1);
  parallel_units(ctx, (total + grain - 1) / grain, [&](int64_t unit, int worker) {
    const int64_t end = (unit + 1) * grain < total ? (unit + 1) * grain : total;
    for (int64_t at = unit * grain; at < end;) {
      const int64_t plane = at / rows, first = at % rows;
      const int64_t past = rows - first < end - at ? rows : first + end - at;
      body(plane, first, past, worker);
      at += past - first;
    }
  });
}

/// Elements of a row buffer from which `out` outputs can be read in whole vectors, two per output vector at stride 2.
template <class T>
CR_INLINE int64_t row_buffer_size(const PoolAxis& a) {
  const int64_t needed = a.adaptive ? a.in : (a.out - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
  const int64_t inside = a.pad + a.in;
  return (needed > inside ? needed : inside) + 4 * kLanes<T>;
}

}  // namespace chainrule::CR_ISA
