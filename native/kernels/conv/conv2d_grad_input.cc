#include "kernels/conv/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

// Gradient of x, as a gather. x[i] meets y[o] through tap t when i + pad = o stride + t dilation. Write i + pad = q stride + a (a: the
// phase of i); then only taps with t dilation = a (mod stride) count, and o = q - (t dilation - a) / stride: a convolution of y's gradient
// with stride 1 for each phase. No multiplication by inserted zeros.

/// One axis, one phase: which taps count and how far back they look, and which q belong to pixels inside x.
struct Phase {
  int64_t offset;      // a
  int64_t count;       // of taps
  int64_t begin, end;  // of q
};
CR_INLINE Phase make_phase(const ConvAxis& a, int64_t offset) {
  Phase p{offset, 0, 0, 0};
  for (int64_t t = 0; t < a.taps; ++t) p.count += t * a.dilation % a.stride == offset;
  p.begin = a.pad <= offset ? 0 : ceil_div(a.pad - offset, a.stride);
  p.end = a.in + a.pad <= offset ? 0 : ceil_div(a.in + a.pad - offset, a.stride);
  return p;
}
/// Phases that any pixel of x can have.
CR_INLINE int64_t phase_count(const ConvAxis& a) { return min_of(a.stride, a.in + a.pad); }
/// Rows that the farthest tap looks back.
CR_INLINE int64_t reach(const ConvAxis& a) { return (a.taps - 1) * a.dilation / a.stride; }

/// A pair of phases: its weights [C, O taps] and the offsets of its (o, kh, kw).
template <class T>
struct PhasePair {
  Phase h, w;
  int64_t k;
  T* weight;
  int64_t* taps;
};

template <class T>
CR_INLINE void gather_phase(const ConvShape& s, const TensorView& weight, int64_t plane, int64_t pitch, const PhasePair<T>& p) {
  int64_t k = 0;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t kh = 0; kh < s.h.taps; ++kh) {
      if (kh * s.h.dilation % s.h.stride != p.h.offset) continue;
      for (int64_t kw = 0; kw < s.w.taps; ++kw) {
        if (kw * s.w.dilation % s.w.stride != p.w.offset) continue;
        const int64_t back_h = (kh * s.h.dilation - p.h.offset) / s.h.stride, back_w = (kw * s.w.dilation - p.w.offset) / s.w.stride;
        p.taps[k] = o * plane + (reach(s.h) - back_h) * pitch + reach(s.w) - back_w;
        for (int64_t g = 0; g < s.groups; ++g) {
          const T* from = static_cast<const T*>(weight.data) + (g * s.out_channels + o) * weight.strides[0] + kh * weight.strides[2] +
                          kw * weight.strides[3];
          for (int64_t c = 0; c < s.in_channels; ++c) p.weight[(g * s.in_channels + c) * p.k + k] = from[c * weight.strides[1]];
        }
        ++k;
      }
    }
  }
}

template <class T>
void conv2d_grad_input(Context& ctx, const Args& args) {
  const TensorView &gy = args.in[0], &weight = args.in[1], &gx = args.out[0];
  const ConvShape s = conv_shape(gx, weight, gy, args.params);
  const int64_t q_row = s.h.pad / s.h.stride, q_rows = (s.h.in - 1 + s.h.pad) / s.h.stride + 1 - q_row;
  const int64_t q_col = s.w.pad / s.w.stride, q_cols = (s.w.in - 1 + s.w.pad) / s.w.stride + 1 - q_col;
  const PlaneAxis across{q_cols + reach(s.w), 1, 1, q_col - reach(s.w), s.w.out};
  const int64_t work = s.out_channels * s.in_channels * s.h.taps * s.w.taps * s.h.out * s.w.out;
  const Windows windows = make_windows(s.batch, q_rows, q_cols, s.out_channels * (q_rows + reach(s.h)) * across.count, work);
  const Planes planes{{windows.rows_each + reach(s.h), 1, 1, 0, s.h.out}, across};
  const int64_t plane = plane_size(planes), image_size = s.out_channels * plane;

  const int64_t phases_h = phase_count(s.h), phases_w = phase_count(s.w);
  PhasePair<T>* pairs = scratch<PhasePair<T>>(ctx, phases_h * phases_w);
  for (int64_t a = 0; a < phases_h; ++a) {
    for (int64_t b = 0; b < phases_w; ++b) {
      PhasePair<T>& p = pairs[a * phases_w + b];
      p = {make_phase(s.h, a), make_phase(s.w, b), 0, nullptr, nullptr};
      p.k = s.out_channels * p.h.count * p.w.count;
      p.weight = scratch<T>(ctx, s.groups * s.in_channels * p.k);
      p.taps = scratch<int64_t>(ctx, p.k);
      gather_phase(s, weight, plane, across.count, p);
    }
  }

  const int64_t padded_size = padded_room<T>(windows.images_each * image_size);
  parallel_units(ctx, windows.image_parts * windows.row_parts * s.groups, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, padded_size + kBlockScratch<T>);
    T* padded = buffer + kFrontRoom;
    const int64_t group = unit % s.groups;
    const Window at = window_at(windows, unit / s.groups);
    const int64_t q_first = q_row + at.row;
    Planes own = planes;
    own.h.first = q_first - reach(s.h);
    copy_planes(own, gy, at.image, at.images, group * s.out_channels, s.out_channels, padded);
    for (int64_t i = 0; i < phases_h * phases_w; ++i) {
      const PhasePair<T>& p = pairs[i];
      const int64_t row = max_of(q_first, p.h.begin), rows = min_of(q_first + at.rows, p.h.end) - row;
      const int64_t cols = p.w.end - p.w.begin;
      if (rows <= 0 || cols <= 0) continue;
      const int64_t ih = row * s.h.stride + p.h.offset - s.h.pad, iw = p.w.begin * s.w.stride + p.w.offset - s.w.pad;
      T* to = static_cast<T*>(gx.data) + at.image * gx.strides[0] + group * s.in_channels * gx.strides[1] + ih * gx.strides[2] +
              iw * gx.strides[3];
      const PixelC<T> c{to, gx.strides[0], gx.strides[1], gx.strides[2] * s.h.stride, gx.strides[3] * s.w.stride, cols, rows * cols};
      const T* from = padded + (row - q_first) * across.count + p.w.begin - q_col;
      multiply_block(Rect{0, s.in_channels, 0, at.images * rows * cols}, p.k, StridedA<T>{p.weight + group * s.in_channels * p.k, p.k, 1},
                     UnfoldedB<T>{from, p.taps, {cols, rows * cols, image_size, across.count}}, c, buffer + padded_size);
    }
  });
}

CR_REGISTER(grad_input, (kernel_set(Registration{"conv2d_grad_input", DType::f32, kIsa, "TT>T", kConvParams, &conv2d_grad_input<float>},
                                    Registration{"conv2d_grad_input", DType::f64, kIsa, "TT>T", kConvParams, &conv2d_grad_input<double>})));

}  // namespace chainrule::CR_ISA
