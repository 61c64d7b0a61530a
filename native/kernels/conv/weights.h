#pragma once
// Weights and biases in the order in which the products read them.
#include "kernels/conv/gather.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Whether weight [O, C, KH, KW] lies in memory without gaps.
CR_INLINE bool is_packed(const TensorView& w) {
  const int64_t c = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  return w.strides[3] == 1 && w.strides[2] == kw && w.strides[1] == kh * kw && w.strides[0] == c * kh * kw;
}

/// weight [O, C, KH, KW] as a matrix [O, C KH KW] with rows one after the other: the tensor itself, or a copy.
template <class T>
CR_INLINE const T* weight_rows(Context& ctx, const TensorView& w) {
  const T* from = static_cast<const T*>(w.data);
  if (is_packed(w)) return from;
  const int64_t c = w.shape[1], kh = w.shape[2], kw = w.shape[3];
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

/// Zeros in columns begin.. of a panel with `rows` rows: they are computed with, though nobody reads the results.
template <class T>
CR_INLINE void zero_panel_end(T* panel, int64_t rows, int64_t begin) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = begin; c < kPanelCols<T>; ++c) panel[r * kPanelCols<T> + c] = T{};
  }
}

/// Panels in a unit of packing.
inline constexpr int64_t kPackElements = 1 << 14;

/// Calls body(group, panel, width) for all panels of `cols` channels, in parallel when there is enough to pack.
template <class Body>
CR_INLINE void each_panel(Context& ctx, int64_t groups, int64_t channels, int64_t cols, int64_t k, Body body) {
  const int64_t panels = ceil_div(channels, cols), grain = max_of(1, kPackElements / max_of(1, k * cols));
  parallel_range(ctx, groups * panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t panel = i % panels;
      body(i / panels, panel, min_of(cols, channels - panel * cols));
    }
  });
}

/// [groups channels, k] -> [group][panel][k][kPanelCols].
template <class T>
CR_INLINE const T* pack_panels(Context& ctx, const T* rows, int64_t groups, int64_t channels, int64_t k) {
  const int64_t panels = panel_count<T>(channels);
  T* packed = scratch<T>(ctx, groups * panels * k * kPanelCols<T>);
  each_panel(ctx, groups, channels, kPanelCols<T>, k, [&](int64_t group, int64_t panel, int64_t width) {
    T* to = packed + (group * panels + panel) * k * kPanelCols<T>;
    transpose_rows(rows + (group * channels + panel * kPanelCols<T>)*k, k, k, width, to, kPanelCols<T>);
    zero_panel_end(to, k, width);
  });
  return packed;
}

/// bias [groups channels] as it is, or as [group][panel][kPanelCols].
template <class T>
CR_INLINE const T* pack_bias(Context& ctx, const TensorView& bias, int64_t groups, int64_t channels, bool few) {
  const int64_t each = few ? channels : panel_count<T>(channels) * kPanelCols<T>;
  const T* from = static_cast<const T*>(bias.data);
  T* to = scratch<T>(ctx, groups * each);
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t c = 0; c < each; ++c) to[g * each + c] = c < channels ? from[(g * channels + c) * bias.strides[0]] : T{};
  }
  return to;
}

}  // namespace chainrule::CR_ISA
