#pragma once
// Sizes of a 2-d convolution. x [N, C, H, W], weight [O, C / groups, KH, KW], y [N, O, OH, OW].
#include "kernels/linalg/gemm/cut.h"
#include "simd/views.h"

namespace chainrule::CR_ISA {

/// One spatial axis: out = (in + 2 pad - dilation (taps - 1) - 1) / stride + 1, rounded down.
struct ConvAxis {
  int64_t in, out, taps, stride, pad, dilation;
};

struct ConvShape {
  int64_t batch, groups;
  int64_t in_channels, out_channels;  // of one group
  ConvAxis h, w;
};

/// Names of the numeric parameters, in order.
inline constexpr const char* kConvParams = "strideH,strideW,padH,padW,dilationH,dilationW,groups";

inline constexpr int64_t kMaxConvParam = int64_t{1} << 30;  // products of two stay exact

CR_INLINE ConvAxis conv_axis(int64_t in, int64_t out, int64_t taps, const double* params) {
  const ConvAxis axis{in, out, taps, static_cast<int64_t>(params[0]), static_cast<int64_t>(params[2]), static_cast<int64_t>(params[4])};
  for (int i = 0; i < 6; i += 2) CR_CHECK(params[i] >= 0 && params[i] <= kMaxConvParam);
  CR_CHECK(axis.stride >= 1 && axis.dilation >= 1 && taps >= 1 && taps <= kMaxConvParam);
  const int64_t room = in + 2 * axis.pad - axis.dilation * (taps - 1) - 1;
  CR_CHECK(room >= 0 && out == room / axis.stride + 1);
  return axis;
}

CR_INLINE ConvShape conv_shape(const TensorView& x, const TensorView& weight, const TensorView& y, const double* params) {
  CR_CHECK(x.rank == 4 && weight.rank == 4 && y.rank == 4);
  ConvShape s;
  s.batch = x.shape[0];
  CR_CHECK(params[6] >= 1 && params[6] <= kMaxConvParam);
  s.groups = static_cast<int64_t>(params[6]);
  s.in_channels = weight.shape[1];
  s.out_channels = weight.shape[0] / s.groups;
  CR_CHECK(x.shape[1] == s.in_channels * s.groups && weight.shape[0] == s.out_channels * s.groups);
  CR_CHECK(y.shape[0] == s.batch && y.shape[1] == weight.shape[0]);
  s.h = conv_axis(x.shape[2], y.shape[2], weight.shape[2], params);
  s.w = conv_axis(x.shape[3], y.shape[3], weight.shape[3], params + 1);
  return s;
}

/// A unit of work: some images, or some rows of one image. The cut depends on the shape alone.
struct Windows {
  int64_t images, rows;            // in all
  int64_t images_each, rows_each;  // of one window; the last ones may have less
  int64_t image_parts, row_parts;
};
struct Window {
  int64_t image, images, row, rows;
};

inline constexpr int64_t kWindowPixels = 512;        // wanted at least, for whole panels
inline constexpr int64_t kWindowMaxPixels = 1024;    // an image with more is cut by rows
inline constexpr int64_t kWindowElements = 1 << 17;  // of padded input: half a MiB of f32

/// `padded`: elements of one padded image; `work`: multiply-adds of one image.
CR_INLINE Windows make_windows(int64_t images, int64_t rows, int64_t cols, int64_t padded, int64_t work) {
  Windows w{images, rows, 1, rows, images, 1};
  const int64_t pixels = max_of(1, rows * cols);
  if (pixels > kWindowMaxPixels) {
    w.row_parts = min_of(rows, ceil_div(pixels, kWindowMaxPixels));
    w.rows_each = ceil_div(rows, w.row_parts);
    w.row_parts = ceil_div(rows, w.rows_each);
    return w;
  }
  const int64_t wanted = max_of(ceil_div(kWindowPixels, pixels), ceil_div(kUnitWork, max_of(1, work)));
  const int64_t limit = min_of(ceil_div(images, 8), max_of(1, kWindowElements / max_of(1, padded)));
  w.images_each = max_of(1, min_of(wanted, limit));
  w.image_parts = ceil_div(images, w.images_each);
  return w;
}

CR_INLINE Window window_at(const Windows& w, int64_t index) {
  const int64_t image = index / w.row_parts * w.images_each, row = index % w.row_parts * w.rows_each;
  return {image, min_of(w.images_each, w.images - image), row, min_of(w.rows_each, w.rows - row)};
}

}  // namespace chainrule::CR_ISA
