#include "kernels/conv/fold.h"
#include "kernels/conv/pointwise.h"
#include "kernels/conv/thin.h"
#include "kernels/conv/thin_half.h"
#include "kernels/conv/units.h"
#include "kernels/conv/weights.h"
#include "kernels/conv/winograd.h"

namespace chainrule::CR_ISA {

// Gradient of x, as a gather. x[i] meets y[o] through tap t when i + pad = o stride + t dilation. Write i + pad = q stride + a (a: the
// phase of i); then only taps with t dilation = a (mod stride) count, and o = q - (t dilation - a) / stride: a convolution of y's gradient
// with stride 1 for each phase. No multiplication by inserted zeros.

/// Phases that any pixel of x can have.
CR_INLINE int64_t phase_count(const ConvAxis& a) { return min_of(a.stride, a.in + a.pad); }
/// Rows that the farthest tap looks back.
CR_INLINE int64_t reach(const ConvAxis& a) { return (a.taps - 1) * a.dilation / a.stride; }
/// Taps that count for phase `offset`.
CR_INLINE int64_t taps_of(const ConvAxis& a, int64_t offset) {
  int64_t count = 0;
  for (int64_t t = 0; t < a.taps; ++t) count += t * a.dilation % a.stride == offset;
  return count;
}

/// Calls body(kh, kw, rows back, columns back) for the taps of the phase (a, b), in order.
template <class Body>
CR_INLINE void each_tap(const ConvShape& s, int64_t a, int64_t b, Body body) {
  for (int64_t kh = 0; kh < s.h.taps; ++kh) {
    if (kh * s.h.dilation % s.h.stride != a) continue;
    for (int64_t kw = 0; kw < s.w.taps; ++kw) {
      if (kw * s.w.dilation % s.w.stride != b) continue;
      body(kh, kw, (kh * s.h.dilation - a) / s.h.stride, (kw * s.w.dilation - b) / s.w.stride);
    }
  }
}

/// The phase's weights with channels of x as columns: [group][panel][o taps][kPanelCols], [group][channel][o taps] for few, or, for chunks,
/// panels as wide as a sliver is high, the last one without zeros.
template <class T>
CR_INLINE const T* phase_weights(Context& ctx, const ConvShape& s, const TensorView& w, int64_t a, int64_t b, int64_t k, bool few,
                                 bool chunks) {
  const int64_t channels = s.in_channels, cols = few ? 1 : chunks ? kTileRows : kPanelCols<T>;
  const int64_t padded = few || chunks ? channels : panel_count<T>(channels) * cols;
  const int64_t area = s.h.taps * s.w.taps, taps = k / s.out_channels;
  T* packed = scratch<T>(ctx, s.groups * padded * k);
  const T* from = static_cast<const T*>(w.data);
  if (few) {
    for (int64_t g = 0; g < s.groups; ++g) {
      for (int64_t c = 0; c < channels; ++c) {
        T* to = packed + (g * channels + c) * k;
        for (int64_t o = 0; o < s.out_channels; ++o) {
          const T* row = from + (g * s.out_channels + o) * w.strides[0] + c * w.strides[1];
          each_tap(s, a, b, [&](int64_t kh, int64_t kw, int64_t, int64_t) { *to++ = row[kh * w.strides[2] + kw * w.strides[3]]; });
        }
      }
    }
    return packed;
  }
  const bool flat = taps == area && is_packed(w);
  each_panel(ctx, s.groups, channels, cols, k, [&](int64_t group, int64_t panel, int64_t width) {
    T* to = packed + (group * padded + panel * cols) * k;
    const int64_t row_length = chunks ? width : cols;
    if (!chunks) zero_panel_end(to, k, width);
    for (int64_t o = 0; o < s.out_channels; ++o) {
      const T* row = from + (group * s.out_channels + o) * w.strides[0] + panel * cols * w.strides[1];
      if (flat) {
        pack_transposed(row, area, area, width, to, row_length);
        to += area * row_length;
        continue;
      }
      each_tap(s, a, b, [&](int64_t kh, int64_t kw, int64_t, int64_t) {
        const T* tap = row + kh * w.strides[2] + kw * w.strides[3];
        for (int64_t c = 0; c < width; ++c) to[c] = tap[c * w.strides[1]];
        to += row_length;
      });
    }
  });
  return packed;
}

template <class T>
CR_INLINE Phase<T> make_phase(Context& ctx, const ConvShape& s, const TensorView& weight, int64_t a, int64_t b, const Planes& planes,
                              bool few, bool chunks) {
  const int64_t k = s.out_channels * taps_of(s.h, a) * taps_of(s.w, b);
  const Phase<T> p{{s.h.stride, a - s.h.pad},
                   {s.w.stride, b - s.w.pad},
                   k,
                   scratch<int64_t>(ctx, k),
                   phase_weights<T>(ctx, s, weight, a, b, k, few, chunks)};
  int64_t* to = p.taps;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    each_tap(s, a, b, [&](int64_t, int64_t, int64_t back_h, int64_t back_w) {
      *to++ = o * plane_size(planes) + (reach(s.h) - back_h) * planes.w.count + reach(s.w) - back_w;
    });
  }
  return p;
}

template <class T>
void conv2d_grad_input(Context& ctx, const Args& args) {
  const TensorView &gy = args.in[0], &weight = args.in[1], &gx = args.out[0];
  const ConvShape s = conv_shape(gx, weight, gy, args.params);
  CR_CHECK(is_contiguous(gx));
  if (is_pointwise(s, gx, gy)) {
    const PointwiseWeight<T> w{
        static_cast<const T*>(weight.data), s.out_channels * weight.strides[0], weight.strides[1], weight.strides[0], nullptr, 0};
    return multiply_pointwise(ctx, s, w, s.in_channels, s.out_channels, gy, gx);
  }
  if constexpr (sizeof(T) == 4) {
    if (winograd_pays(s, s.h.in, s.w.in)) return winograd_grad_input(ctx, s, gy, weight, gx);
  }
  if (is_thin(s, kThinTaps)) {  // the product with flipped taps
    const int64_t *stride = weight.strides, last = s.w.taps - 1;
    return thin_product(ctx, s.w.taps,
                        ThinProduct<T>{s.batch, s.groups, s.out_channels, s.in_channels, s.h.in, s.w.in, thin_source<T>(ctx, gy),
                                       thin_result<T>(gx), static_cast<const T*>(weight.data) + last * (stride[2] + stride[3]),
                                       s.out_channels * stride[0], stride[1], stride[0], -stride[2], -stride[3], nullptr, 0});
  }
  if (is_thin_half(s)) return thin_half_grad_input(ctx, s, gy, weight, gx);
  if (folds(s)) return fold_grad_input(ctx, s, gy, weight, gx);
  const int64_t q_col = s.w.pad / s.w.stride, q_cols = (s.w.in - 1 + s.w.pad) / s.w.stride + 1 - q_col;
  const PlaneAxis across{q_cols + reach(s.w), 1, 1, q_col - reach(s.w), s.w.out};
  const auto rows_of = [&](int64_t rows) { return min_of((rows - 1) / s.h.stride + 2, rows) + reach(s.h); };  // of gy, for rows of gx
  const int64_t k = s.out_channels * s.h.taps * s.w.taps, work = s.in_channels * k * s.h.out * s.w.out;
  const bool few = few_channels(s.in_channels, k), chunks = s.h.stride * s.w.stride == 1 && takes_chunks<T>(s.in_channels, k, few);
  const Windows windows = make_windows(s.batch, s.h.in, s.w.in, s.out_channels * rows_of(s.h.in) * across.count, work);
  const Planes planes{{rows_of(windows.rows_each), 1, 1, 0, s.h.out}, across};
  const GatherUnits units = gather_units<T>(ctx, windows, s.batch, s.groups, s.in_channels, few, chunks, work);

  const int64_t phases_h = phase_count(s.h), phases_w = phase_count(s.w);
  Phase<T>* phases = scratch<Phase<T>>(ctx, phases_h * phases_w);
  for (int64_t i = 0; i < phases_h * phases_w; ++i)
    phases[i] = make_phase<T>(ctx, s, weight, i / phases_w, i % phases_w, planes, few, chunks);
  const Gather<T> g{static_cast<T*>(gx.data),
                    gx.strides[0],
                    gx.strides[1],
                    s.w.in,
                    s.in_channels,
                    phases,
                    phases_h * phases_w,
                    s.out_channels * plane_size(planes),
                    planes.w.count,
                    0,
                    q_col,
                    nullptr};
  gather_all(ctx, units, g, gy, s.out_channels, planes, [&](int64_t row) {
    const int64_t q = (row + s.h.pad) / s.h.stride;
    return Start{q - reach(s.h), q};
  });
}

CR_REGISTER(grad_input, (kernel_set(Registration{"conv2d_grad_input", DType::f32, kIsa, "TT>T", kConvParams, &conv2d_grad_input<float>},
                                    Registration{"conv2d_grad_input", DType::f64, kIsa, "TT>T", kConvParams, &conv2d_grad_input<double>})));

}  // namespace chainrule::CR_ISA
