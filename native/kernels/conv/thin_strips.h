#pragma once
// What the product and the gradient of its weight have in common: strips of columns, the lanes of which are inside the image for each tap.
#include "kernels/conv/thin.h"
#include "kernels/linalg/gemm/micro.h"
#include "simd/masked.h"

namespace chainrule::CR_ISA {

/// The lanes of a strip of columns, from `col` on, that are inside the image for each tap: K / 2 + d is d columns to the right.
template <int K, class T>
struct TapLanes {
  LaneRun<T> taps[K];
};
template <int K, class T>
CR_INLINE TapLanes<K, T> tap_lanes(int64_t col, int64_t width) {
  TapLanes<K, T> in;
  CR_UNROLL for (int b = 0; b < K; ++b) {
    const int64_t at = col + b - K / 2;
    in.taps[b] = lane_run<T>(-at, width - at);
  }
  return in;
}

/// Those of each strip of a row, kLanes columns apart, and of one that ends where the row does.
template <int K, class T>
CR_INLINE const TapLanes<K, T>* strip_lanes(Context& ctx, int64_t width) {
  const int64_t strips = ceil_div(width, kLanes<T>);
  auto* in = scratch<TapLanes<K, T>>(ctx, strips + 1);
  for (int64_t i = 0; i < strips; ++i) in[i] = tap_lanes<K, T>(i * kLanes<T>, width);
  in[strips] = tap_lanes<K, T>(width - kLanes<T>, width);
  return in;
}

/// taps[b] = the row's columns moved by tap b, zeros outside; p is where the strip begins.
template <int K, class T>
CR_INLINE void load_taps(const T* p, const TapLanes<K, T>& in, Vec<T>* taps) {
  CR_UNROLL for (int b = 0; b < K; ++b) taps[b] = load_run(p + (b - K / 2), in.taps[b]);
}

/// Rows that are worked on together: few enough for all their columns to stay in cache.
CR_INLINE int64_t thin_rows(int64_t height, int64_t width) { return min_of(height, max_of(16, 4096 / width)); }

}  // namespace chainrule::CR_ISA
