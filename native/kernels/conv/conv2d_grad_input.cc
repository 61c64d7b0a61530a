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

/// Where a pixel of the phase (a, b) finds its taps; the weights are packed later.
template <class T>
CR_INLINE Phase<T> make_phase(Context& ctx, const ConvShape& s, int64_t a, int64_t b, const Planes& planes) {
  const int64_t taps = taps_of(s.h, a) * taps_of(s.w, b), k = s.out_channels * taps;
  const Phase<T> p{{s.h.stride, a - s.h.pad}, {s.w.stride, b - s.w.pad}, k, scratch<int64_t>(ctx, k), nullptr};
  int64_t* to = p.taps;
  each_tap(s, a, b,
           [&](int64_t, int64_t, int64_t back_h, int64_t back_w) { *to++ = (reach(s.h) - back_h) * planes.w.count + reach(s.w) - back_w; });
  for (int64_t i = taps; i < k; ++i) p.taps[i] = p.taps[i - taps] + plane_size(planes);
  return p;
}

/// to[o][i] = row taps[i] of from[o]: rows of `length` elements, `count` of them.
template <class T>
CR_INLINE void take_taps(const T* from, int64_t next, const int64_t* taps, int64_t count, int64_t length, int64_t outs, T* to) {
  for (int64_t o = 0; o < outs; ++o, from += next) {
    for (int64_t i = 0; i < count; ++i, to += length) {
      const T* row = from + taps[i] * length;
      int64_t c = 0;
      for (; c + kLanes<T> <= length; c += kLanes<T>) store(to + c, load(row + c));
      for (; c < length; ++c) to[c] = row[c];
    }
  }
}

/// The phases' weights with channels of x as columns: [group][panel][o taps][kPanelCols], [group][channel][o taps] for few, or, for chunks,
/// panels as wide as a sliver is high, the last one without zeros. Channels become columns for all taps at once; then each phase takes
/// its own.
template <class T>
CR_INLINE void pack_phases(Context& ctx, const ConvShape& s, const TensorView& w, bool few, bool chunks, int64_t phases_w, Phase<T>* phases,
                           int64_t count) {
  const int64_t channels = s.in_channels, cols = few ? 1 : chunks ? kTileRows : kPanelCols<T>;
  const int64_t padded = few || chunks ? channels : panel_count<T>(channels) * cols;
  const int64_t area = s.h.taps * s.w.taps, k = s.out_channels * area;
  const T* rows = weight_rows<T>(ctx, w);
  const bool whole = phases->k == k;  // the first phase has all taps
  T *all = scratch<T>(ctx, s.groups * padded * k), *own = whole ? all : scratch<T>(ctx, s.groups * padded * k);
  int64_t* taps = scratch<int64_t>(ctx, area);  // of one phase after the other; each belongs to one at most
  int64_t begin = 0, listed = 0;
  for (int64_t i = 0; i < count; ++i) {
    phases[i].weight = own + begin;
    begin += s.groups * padded * phases[i].k;
    each_tap(s, i / phases_w, i % phases_w, [&](int64_t kh, int64_t kw, int64_t, int64_t) { taps[listed++] = kh * s.w.taps + kw; });
  }
  each_panel(ctx, s.groups, channels, cols, k, [&](int64_t group, int64_t panel, int64_t width) {
    const int64_t at = group * padded + panel * cols, row = chunks ? width : cols;
    const T* from = rows + (group * s.out_channels * channels + panel * cols) * area;
    T *to = all + at * k, *part = own;
    if (!few && !chunks) zero_panel_end(to, k, width);
    for (int64_t o = 0; o < s.out_channels; ++o) pack_transposed(from + o * channels * area, area, area, width, to + o * area * row, row);
    const int64_t* tap = taps;
    for (int64_t i = 0; i < count && !whole; ++i) {
      const int64_t size = phases[i].k, each = size / s.out_channels;
      take_taps(to, area * row, tap, each, row, s.out_channels, part + at * size);
      part += s.groups * padded * size;
      tap += each;
    }
  });
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
  for (int64_t i = 0; i < phases_h * phases_w; ++i) phases[i] = make_phase<T>(ctx, s, i / phases_w, i % phases_w, planes);
  pack_phases(ctx, s, weight, few, chunks, phases_w, phases, phases_h * phases_w);
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
