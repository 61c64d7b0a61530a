#pragma once
// Convolutions whose groups have one input or one output channel (depthwise ones, and the first or last layer on grey images), 3 x 3 to
// 7 x 7, stride 1, results as large as inputs. Each plane is convolved where it lies: a strip of columns goes down the rows of the source,
// every row being loaded once and added to all the results that it belongs to, which wait in registers. Columns outside the image are
// zeros shifted in at the edge; nothing is copied and no sum is long enough to be worth packing. 7 x 7 has a way of its own without
// AVX-512 (thin_blocks.h).
#include "kernels/conv/geometry.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Whether the method is used, by shape alone, for kernels up to `most` x `most`.
CR_INLINE bool is_thin(const ConvShape& s, int64_t most) {
  const auto fits = [k = s.w.taps](const ConvAxis& a) {
    return a.taps == k && a.pad == k / 2 && a.stride == 1 && a.dilation == 1 && a.in > 0;
  };
  const bool odd = s.w.taps == 3 || s.w.taps == 5 || s.w.taps == 7;
  return odd && s.w.taps <= most && fits(s.h) && fits(s.w) && (s.in_channels == 1 || s.out_channels == 1) && s.batch > 0;
}
/// Largest kernels of the product, and of the gradient of its weight, whose sums of 7 x 7 taps would not stay in registers.
inline constexpr int64_t kThinTaps = 7, kThinGradientTaps = 5;

/// Planes [images, channels, height, width] of a tensor.
template <class T>
struct ThinPlanes {
  T* data;
  int64_t image, channel, row;
};

/// For each image and result channel: to = sum over the group's `sources` of from, correlated with its taps. Tap (a, b) of result i and
/// source j of group g is weight[g group + i result + j source + a row + b col].
template <class T>
struct ThinProduct {
  int64_t images, groups, sources, results, height, width;
  ThinPlanes<const T> from;
  ThinPlanes<T> to;
  const T* weight;
  int64_t group, result, source, row, col;
  const T* bias;  // or nullptr
  int64_t bias_stride;
};
void thin_product(Context& ctx, int64_t k, const ThinProduct<float>& p);
void thin_product(Context& ctx, int64_t k, const ThinProduct<double>& p);

/// gw of the same convolution, [groups, results, sources, k, k] by the strides of the product's weight; `from` is x, `to` y's gradient.
template <class T>
struct ThinGradient {
  int64_t images, groups, sources, results, height, width;
  ThinPlanes<const T> from, to;
  T* weight;
  int64_t group, result, source, row, col;
};
void thin_gradient(Context& ctx, int64_t k, const ThinGradient<float>& p);
void thin_gradient(Context& ctx, int64_t k, const ThinGradient<double>& p);

/// v as planes of rows without gaps between columns: itself, or a copy.
template <class T>
CR_INLINE ThinPlanes<const T> thin_source(Context& ctx, const TensorView& v) {
  const T* data = static_cast<const T*>(v.data);
  const int64_t *n = v.shape, *s = v.strides;
  if (s[3] == 1) return {data, s[0], s[1], s[2]};
  T* copy = scratch<T>(ctx, n[0] * n[1] * n[2] * n[3]);
  const int64_t rows = n[1] * n[2];
  parallel_range(ctx, n[0] * rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* line = data + i / rows * s[0] + i % rows / n[2] * s[1] + i % n[2] * s[2];
      for (int64_t j = 0; j < n[3]; ++j) copy[i * n[3] + j] = line[j * s[3]];
    }
  });
  return {copy, rows * n[3], n[2] * n[3], n[3]};
}
template <class T>
CR_INLINE ThinPlanes<T> thin_result(const TensorView& v) {
  return {static_cast<T*>(v.data), v.strides[0], v.strides[1], v.strides[2]};
}

}  // namespace chainrule::CR_ISA
