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

/// Windows of two side by side, and windows of three that overlap by one: the commonest poolings.
CR_INLINE bool is_pairs(const PoolAxis& a) { return !a.adaptive && a.kernel == 2 && a.stride == 2 && a.pad == 0 && a.dilation == 1; }
CR_INLINE bool is_triples(const PoolAxis& a) { return !a.adaptive && a.kernel == 3 && a.stride == 2 && a.pad == 1 && a.dilation == 1; }

/// An axis of pairs (K = 2) or triples, the compiler knowing its window.
template <int K>
CR_INLINE PoolAxis at_stride_two(const PoolAxis& a) {
  return {a.in, a.out, K, 2, K == 3, 1, false};
}

#define CR_MAX_PARAMS "kernelH,kernelW,strideH,strideW,padH,padW,dilationH,dilationW,adaptive"

/// Both axes of a maximum pooling, from its parameters.
struct MaxGeometry {
  PoolAxis h, w;
};
CR_INLINE MaxGeometry max_geometry(int64_t height, int64_t width, int64_t out_height, int64_t out_width, const double* p) {
  const bool adaptive = p[8] != 0;
  const MaxGeometry g{{height, out_height, int64_t(p[0]), int64_t(p[2]), int64_t(p[4]), int64_t(p[6]), adaptive},
                      {width, out_width, int64_t(p[1]), int64_t(p[3]), int64_t(p[5]), int64_t(p[7]), adaptive}};
  CR_CHECK(g.h.kernel >= 1 && g.w.kernel >= 1 && g.h.stride >= 1 && g.w.stride >= 1 && g.h.dilation >= 1 && g.w.dilation >= 1);
  CR_CHECK(g.h.pad >= 0 && g.w.pad >= 0);
  return g;
}

/// [..., H, W] as planes of rows. Strides may be anything.
template <class T>
struct Planes {
  T* data;
  const TensorView* view;
  int64_t count, height, width, row_stride, stride;
  int64_t step;  // from plane to plane, when it is always the same
  bool even;
};
template <class T>
CR_INLINE Planes<T> planes_of(const TensorView& view) {
  CR_CHECK(view.rank >= 2);
  Planes<T> p{static_cast<T*>(view.data),  &view, 1,   view.shape[view.rank - 2], view.shape[view.rank - 1], view.strides[view.rank - 2],
              view.strides[view.rank - 1], 0,     true};
  for (int32_t d = view.rank - 3; d >= 0; --d) {
    if (view.shape[d] != 1) {
      if (p.count == 1) p.step = view.strides[d];
      p.even = p.even && view.strides[d] == p.step * p.count;
    }
    p.count *= view.shape[d];
  }
  return p;
}
template <class T>
CR_INLINE T* plane(const Planes<T>& p, int64_t index) {
  if (p.even) return p.data + index * p.step;
  int64_t offset = 0;
  for (int32_t d = p.view->rank - 3; d >= 0; --d) {
    offset += index % p.view->shape[d] * p.view->strides[d];
    index /= p.view->shape[d];
  }
  return p.data + offset;
}

/// The end of what may be read from a plane's rows on: the tensor's, where planes have no gaps.
template <class T>
CR_INLINE const T* end_of(const Planes<T>& p, int64_t index) {
  if (p.stride != 1 || p.row_stride < 0) return nullptr;
  if (p.even && p.row_stride == p.width && (p.count == 1 || p.step == p.height * p.width)) return p.data + p.count * p.height * p.width;
  return plane(p, index) + (p.height - 1) * p.row_stride + p.width;
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

/// Rows first..past-1 of a plane. `left` rows of the unit of work are still to come, this run and the following planes' included.
struct RowRun {
  int64_t plane, first, past, left;
  int worker;
};

/// body(run) for all rows of all planes, in order within a unit, in units that read about kPoolGrain elements.
template <class Body>
CR_INLINE void for_each_row(Context& ctx, int64_t planes, int64_t rows, int64_t reads_per_row, Body body) {
  const int64_t total = planes * rows;
  const int64_t grain = reads_per_row >= kPoolGrain ? 1 : kPoolGrain / (reads_per_row > 0 ? reads_per_row : 1);
  parallel_units(ctx, (total + grain - 1) / grain, [&](int64_t unit, int worker) {
    const int64_t end = (unit + 1) * grain < total ? (unit + 1) * grain : total;
    int64_t at = unit * grain, plane = at / rows, first = at % rows;
    for (; at < end; ++plane, first = 0) {
      const int64_t left = end - at, past = rows - first < left ? rows : first + left;
      body(RowRun{plane, first, past, left, worker});
      at += past - first;
    }
  });
}

/// Elements from the run's first row on that its unit of work writes: as far as a vector may spill. Where planes have gaps, only its own.
template <class T>
CR_INLINE int64_t room_of(const Planes<T>& p, const RowRun& run) {
  const bool gapless = p.even && p.step == p.height * p.width;
  return (gapless ? run.left : run.past - run.first) * p.width;
}
/// Stores the first n elements of a vector; the others may spill into the `room` that is written later.
template <class V, class T>
CR_INLINE void put(T* to, V v, int64_t n, int64_t room) {
  if (room >= kLanes<T>) {
    store(to, v);
  } else {
    store_partial(to, v, n < kLanes<T> ? n : kLanes<T>);
  }
}

/// 0, 1, 2, ... as positions of T.
template <class T>
CR_INLINE IntVec<Vec<T>> lane_numbers() {
  IntVec<Vec<T>> lane{};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return lane;
}

/// Elements of a row buffer from which `out` outputs can be read in whole vectors, two per output vector at stride 2.
template <class T>
CR_INLINE int64_t row_buffer_size(const PoolAxis& a) {
  const int64_t needed = a.adaptive ? a.in : (a.out - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
  const int64_t inside = a.pad + a.in;
  return (needed > inside ? needed : inside) + 4 * kLanes<T>;
}

}  // namespace chainrule::CR_ISA
