#pragma once
// A padded copy of a window's input in scratch memory. It turns every convolution into plain address arithmetic: the input of output pixel
// (t, u) for one tap is at a fixed offset from the input of pixel (0, 0), borders and strides included. The copy touches each number once
// where the product reads it once for every tap.
//
// With stride s the copy is split into s x s phase planes (row r of phase a is source row r s + a + first), so that neighbouring output
// pixels read neighbouring elements for any stride.
#include "kernels/conv/geometry.h"

namespace chainrule::CR_ISA {

/// Which source indices the rows (or columns) of the planes hold.
struct PlaneAxis {
  int64_t count, phases, stride, first, in;
};

struct Planes {
  PlaneAxis h, w;
};
CR_INLINE int64_t plane_size(const Planes& p) { return p.h.count * p.w.count; }
/// Elements of one channel, all phases.
CR_INLINE int64_t channel_size(const Planes& p) { return p.h.phases * p.w.phases * plane_size(p); }

/// Elements of scratch for `elements` of padded input: whole cache lines, and room for vectors that read past the end.
template <class T>
CR_INLINE int64_t padded_room(int64_t elements) {
  return ceil_div(elements + 2 * kTileCols<T>, 16) * 16;
}

/// Planes that `rows` output rows beginning with `row` read in the forward direction.
CR_INLINE PlaneAxis plane_axis(const ConvAxis& a, int64_t row, int64_t rows) {
  return {rows + (a.taps - 1) * a.dilation / a.stride, a.taps == 1 ? 1 : a.stride, a.stride, row * a.stride - a.pad, a.in};
}

/// to[0..count) = row r of the plane; from is the source row.
template <class T>
CR_INLINE void copy_plane_row(const PlaneAxis& w, int64_t phase, const T* from, int64_t stride, T* to) {
  const int64_t first = w.first + phase;
  const int64_t begin = min_of(w.count, first >= 0 ? 0 : ceil_div(-first, w.stride));
  const int64_t end = max_of(begin, min_of(w.count, first >= w.in ? 0 : ceil_div(w.in - first, w.stride)));
  int64_t x = 0;
  for (; x < begin; ++x) to[x] = T{};
  const T* p = from + (first + begin * w.stride) * stride;
  if (w.stride * stride == 1) {
    constexpr int64_t quad = 16 / static_cast<int64_t>(sizeof(T));
    for (; x + kLanes<T> <= end; x += kLanes<T>, p += kLanes<T>) store(to + x, load(p));
    for (; x + quad <= end; x += quad, p += quad) std::memcpy(to + x, p, 16);
    for (; x < end; ++x) to[x] = *p++;
  } else {
    for (; x < end; ++x, p += w.stride * stride) to[x] = *p;
  }
  for (; x < w.count; ++x) to[x] = T{};
}

/// Copies channels channel..channel+channels of the window's images: to[image][channel][phase h][phase w][row][col].
template <class T>
CR_INLINE void copy_planes(const Planes& p, const TensorView& x, int64_t image, int64_t images, int64_t channel, int64_t channels, T* to) {
  for (int64_t n = image; n < image + images; ++n) {
    for (int64_t c = channel; c < channel + channels; ++c) {
      const T* from = static_cast<const T*>(x.data) + n * x.strides[0] + c * x.strides[1];
      for (int64_t a = 0; a < p.h.phases; ++a) {
        for (int64_t b = 0; b < p.w.phases; ++b) {
          for (int64_t r = 0; r < p.h.count; ++r, to += p.w.count) {
            const int64_t ih = r * p.h.stride + a + p.h.first;
            if (ih >= 0 && ih < p.h.in) {
              copy_plane_row(p.w, b, from + ih * x.strides[2], x.strides[3], to);
            } else {
              for (int64_t i = 0; i < p.w.count; ++i) to[i] = T{};
            }
          }
        }
      }
    }
  }
}

/// Offset of each k = (channel, kh, kw) in the padded copy, in the forward direction.
CR_INLINE void tap_offsets(const ConvShape& s, const Planes& p, int64_t* offsets) {
  for (int64_t c = 0; c < s.in_channels; ++c) {
    for (int64_t kh = 0; kh < s.h.taps; ++kh) {
      for (int64_t kw = 0; kw < s.w.taps; ++kw) {
        const int64_t dh = kh * s.h.dilation, dw = kw * s.w.dilation;
        const int64_t phase = dh % s.h.stride * p.w.phases + dw % s.w.stride;
        *offsets++ = c * channel_size(p) + phase * plane_size(p) + dh / s.h.stride * p.w.count + dw / s.w.stride;
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
