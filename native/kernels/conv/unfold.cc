#include "kernels/conv/unfold.h"

#include "kernels/conv/nine_taps.h"
#include "kernels/conv/weights.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kUnfoldElements = 3 << 15;  // of a window's copies: they stay in L2
inline constexpr int64_t kUnfoldUnits = 16;          // wanted

/// Rows of the result in windows of nearly equal height.
struct UnfoldCut {
  int64_t parts, rows_each;  // at most
};
CR_INLINE UnfoldCut unfold_cut(const ConvShape& s, int64_t work) {
  const int64_t most = max_of(1, kUnfoldElements / unfolded_row(s) - unfold_reach(s.h));
  const int64_t wanted = min_of(ceil_div(kUnfoldUnits, s.batch * s.groups), work / kUnitWork + 1);
  const int64_t parts = min_of(max_of(ceil_div(s.h.out, most), wanted), s.h.out / ceil_div(kUnfoldPixels, s.w.out));
  return {parts, ceil_div(s.h.out, parts)};
}

/// Where each k = (channel, kh, kw) begins in the copies.
CR_INLINE void unfold_offsets(const ConvShape& s, const Planes& p, int64_t* to) {
  for (int64_t c = 0; c < s.in_channels; ++c) {
    for (int64_t h = 0; h < s.h.taps; ++h) {
      for (int64_t w = 0; w < s.w.taps; ++w) {
        *to++ = c * channel_size(p) + (h % s.h.stride * s.w.taps + w) * plane_size(p) + h / s.h.stride * s.w.out;
      }
    }
  }
}

/// One group: y [rows, pixels] = a x (+ bias).
template <class T>
struct UnfoldProduct {
  Rows rows;
  int64_t k;
  const int64_t* offset;
  const T *a, *bias;
  int64_t bias_stride;
  T* y;
  int64_t channel;
  bool streamed;
};
/// The last panel may repeat some of the one before it.
template <class T>
CR_INLINE void multiply_window(const UnfoldProduct<T>& p, const T* x, int64_t pixels) {
  for (int64_t next = 0; next < pixels;) {
    const int64_t col = min_of(next, pixels - kPointCols<T>);
    next += kPointCols<T>;
    for (int64_t s = 0; s < p.rows.slivers; ++s) {
      const int64_t i = p.rows.at(s), height = p.rows.at(s + 1) - i;
      T* c = p.y + i * p.channel + col;
      multiply_points(height,
                      PointTile<T>{p.k, p.a + i * p.k, x + col, 0, c, p.channel, false, p.streamed, c + kPointCols<T>,
                                   p.bias == nullptr ? nullptr : p.bias + i * p.bias_stride, p.bias_stride, nullptr, 0, 0, p.offset});
    }
  }
}

template <class T>
CR_INLINE void unfold_all(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                          const TensorView& y) {
  if (s.batch * s.groups == 0) return;
  const int64_t k = s.in_channels * s.h.taps * s.w.taps, m = s.out_channels, work = m * k * s.h.out * s.w.out;
  const UnfoldCut cut = unfold_cut(s, work);
  const Planes planes{{cut.rows_each + unfold_reach(s.h), s.h.stride, s.h.stride, 0, s.h.in},
                      {s.w.out, s.w.taps, s.w.stride, -s.w.pad, s.w.in}};
  int64_t* offset = scratch<int64_t>(ctx, k);
  unfold_offsets(s, planes, offset);
  const Rows slivers{0, m, ceil_div(m, kPointRows)};
  const bool nine = takes_nine(s, x);
  const T* rows_of_weight = weight_rows<T>(ctx, weight);
  const T* packed = nine ? nullptr : pack_slivers(ctx, PointwiseWeight<T>{rows_of_weight, m * k, k, 1, nullptr, 0}, s.groups, slivers, k);
  const auto aligned = [](int64_t elements) { return elements * static_cast<int64_t>(sizeof(T)) % kCacheLine == 0; };
  const int64_t bytes = s.batch * s.groups * m * s.h.out * s.w.out * static_cast<int64_t>(sizeof(T));
  const bool streamed = bytes >= kStreamBytes && reinterpret_cast<uintptr_t>(y.data) % kCacheLine == 0 && aligned(y.strides[0]) &&
                        aligned(y.strides[1]) && aligned(s.w.out);
  const int64_t room = padded_room<T>(nine ? 3 * nine_plane(planes) + 16 : s.in_channels * channel_size(planes)),
                units = s.batch * s.groups * cut.parts;
  const int64_t grain = max_of(1, kUnitWork * cut.parts / max_of(1, work));
  parallel_units(ctx, ceil_div(units, grain), [&](int64_t unit, int worker) {
    T* copies = worker_scratch<T>(ctx, worker, room) + kFrontRoom;
    for (int64_t n = unit * grain; n < min_of(units, (unit + 1) * grain); ++n) {
      const int64_t part = n % cut.parts, group = n / cut.parts % s.groups, image = n / cut.parts / s.groups;
      const int64_t first = part * s.h.out / cut.parts, rows = (part + 1) * s.h.out / cut.parts - first;
      Planes own = planes;
      own.h.first = first * s.h.stride - s.h.pad;
      const T* add = bias == nullptr ? nullptr : static_cast<const T*>(bias->data) + group * m * bias->strides[0];
      T* to = static_cast<T*>(y.data) + image * y.strides[0] + group * m * y.strides[1] + first * s.w.out;
      if (nine) {
        const T* plane = static_cast<const T*>(x.data) + image * x.strides[0] + group * x.strides[1];
        const int64_t each = bias == nullptr ? 0 : bias->strides[0], apart = nine_plane(planes);
        T* moved = copies + nine_shift(s.w.out);
        copy_nine(plane, s.h.in, s.w.in, own.h.first, own.h.first + rows + 2, moved, apart);
        multiply_nine(
            NineTaps<T>{m, rows * s.w.out, moved, rows_of_weight + group * m * k, add, s.w.out, apart, each, to, y.strides[1], streamed});
        continue;
      }
      copy_planes(own, x, image, 1, group * s.in_channels, s.in_channels, copies);
      const UnfoldProduct<T> p{slivers,      k,       offset, packed + group * m * k, add, bias == nullptr ? 0 : bias->strides[0], to,
                               y.strides[1], streamed};
      multiply_window(p, copies, rows * s.w.out);
    }
    if (streamed) stream_fence();
  });
}

void unfold_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                    const TensorView& y) {
  if (x.dtype == DType::f32) return unfold_all<float>(ctx, s, x, weight, bias, y);
  unfold_all<double>(ctx, s, x, weight, bias, y);
}

}  // namespace chainrule::CR_ISA
