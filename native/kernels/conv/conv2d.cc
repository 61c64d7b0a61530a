#include "kernels/conv/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// weight [O, C, KH, KW] as a matrix [O, C KH KW] with rows one after the other: the tensor itself, or a copy.
template <class T>
CR_INLINE const T* weight_rows(Context& ctx, const TensorView& w) {
  const T* from = static_cast<const T*>(w.data);
  const int64_t c = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  if (w.strides[3] == 1 && w.strides[2] == kw && w.strides[1] == kh * kw && w.strides[0] == c * kh * kw) return from;
  T* to = scratch<T>(ctx, w.shape[0] * c * kh * kw);
  int64_t at = 0;
  for (int64_t o = 0; o < w.shape[0]; ++o) {
    for (int64_t i = 0; i < c; ++i) {
      for (int64_t h = 0; h < kh; ++h) {
        for (int64_t v = 0; v < kw; ++v) to[at++] = from[o * w.strides[0] + i * w.strides[1] + h * w.strides[2] + v * w.strides[3]];
      }
    }
  }
  return to;
}

/// For each window: y [O, pixels] = weight [O, C KH KW] x unfolded input [C KH KW, pixels] (+ bias).
template <class T>
void conv2d(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &weight = args.in[1], &y = args.out[0];
  const ConvShape s = conv_shape(x, weight, y, args.params);
  const T* bias = nullptr;
  if (args.ins == 3) {
    CR_CHECK(args.in[2].rank == 1 && args.in[2].shape[0] == weight.shape[0]);
    bias = static_cast<const T*>(args.in[2].data);
  }
  const int64_t k = s.in_channels * s.h.taps * s.w.taps, pixels = s.h.out * s.w.out;
  const Planes image{plane_axis(s.h, 0, s.h.out), plane_axis(s.w, 0, s.w.out)};
  const Windows windows = make_windows(s.batch, s.h.out, s.w.out, s.in_channels * channel_size(image), s.out_channels * k * pixels);
  const Planes planes{plane_axis(s.h, 0, windows.rows_each), image.w};
  const T* rows = weight_rows<T>(ctx, weight);
  int64_t* taps = scratch<int64_t>(ctx, k);
  tap_offsets(s, planes, taps);
  const int64_t image_size = s.in_channels * channel_size(planes);
  const int64_t padded_size = padded_room<T>(windows.images_each * image_size);
  parallel_units(ctx, windows.image_parts * windows.row_parts * s.groups, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, padded_size + kBlockScratch<T>);
    T* padded = buffer + kFrontRoom;
    const int64_t group = unit % s.groups;
    const Window at = window_at(windows, unit / s.groups);
    Planes own = planes;
    own.h.first = at.row * s.h.stride - s.h.pad;
    copy_planes(own, x, at.image, at.images, group * s.in_channels, s.in_channels, padded);
    const int64_t per_image = at.rows * s.w.out;
    T* to = static_cast<T*>(y.data) + at.image * y.strides[0] + group * s.out_channels * y.strides[1] + at.row * y.strides[2];
    PixelC<T> c{to, y.strides[0], y.strides[1], y.strides[2], y.strides[3], s.w.out, per_image};
    if (bias != nullptr) {
      c.bias_stride = args.in[2].strides[0];
      c.bias = bias + group * s.out_channels * c.bias_stride;
    }
    multiply_block(Rect{0, s.out_channels, 0, at.images * per_image}, k, StridedA<T>{rows + group * s.out_channels * k, k, 1},
                   UnfoldedB<T>{padded, taps, {s.w.out, per_image, image_size, planes.w.count}}, c, buffer + padded_size);
  });
}

CR_REGISTER(plain, (kernel_set(Registration{"conv2d", DType::f32, kIsa, "TT>T", kConvParams, &conv2d<float>},
                               Registration{"conv2d", DType::f64, kIsa, "TT>T", kConvParams, &conv2d<double>},
                               Registration{"conv2d_bias", DType::f32, kIsa, "TTT>T", kConvParams, &conv2d<float>},
                               Registration{"conv2d_bias", DType::f64, kIsa, "TTT>T", kConvParams, &conv2d<double>})));

}  // namespace chainrule::CR_ISA
