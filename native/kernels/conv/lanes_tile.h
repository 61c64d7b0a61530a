#pragma once
// Sums over pixels with pixels as vectors: the gradient of a weight that has few channels.
#include "kernels/conv/padded.h"
#include "kernels/conv/tiles.h"

namespace chainrule::CR_ISA {

/// Rows of pixels of y's gradient, and of the padded copy that meets it.
template <class T>
struct PixelRows {
  int64_t rows, cols;
  const T* g;
  int64_t g_channel, g_row;
  const T* x;
  int64_t x_row;
};

inline constexpr int64_t kSumLanes = 16;  // virtual: column j is summed in lane j % 16, whatever the width of a register

/// sums[o][t][lane] += the products of channel o of g with tap t, for Outs channels and Taps taps. One register of the lanes at a time.
template <int Outs, int Taps, class T>
CR_INLINE void add_products(const PixelRows<T>& p, const int64_t* taps, T* sums, int64_t sums_row) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t part = 0; part < kSumLanes; part += lanes) {
    V sum[Outs][Taps];
    CR_UNROLL for (int o = 0; o < Outs; ++o) {
      CR_UNROLL for (int t = 0; t < Taps; ++t) sum[o][t] = load(sums + o * sums_row + t * kSumLanes + part);
    }
    const T* x[Taps];
    CR_UNROLL for (int t = 0; t < Taps; ++t) x[t] = p.x + taps[t];
    const T* g = p.g;
    for (int64_t r = 0; r < p.rows; ++r, g += p.g_row) {
      int64_t j = part;
      for (; j + lanes <= p.cols; j += kSumLanes) {
        V y[Outs];
        CR_UNROLL for (int o = 0; o < Outs; ++o) y[o] = load(g + o * p.g_channel + j);
        CR_UNROLL for (int t = 0; t < Taps; ++t) {
          const V pixels = load(x[t] + j);
          CR_UNROLL for (int o = 0; o < Outs; ++o) sum[o][t] = fma(y[o], pixels, sum[o][t]);
        }
      }
      if (j < p.cols) {  // both factors end here: what lies behind may be infinite
        const int64_t left = p.cols - j;
        V y[Outs];
        CR_UNROLL for (int o = 0; o < Outs; ++o) y[o] = load_partial(g + o * p.g_channel + j, left);
        CR_UNROLL for (int t = 0; t < Taps; ++t) {
          const V pixels = load_partial(x[t] + j, left);
          CR_UNROLL for (int o = 0; o < Outs; ++o) sum[o][t] = fma(y[o], pixels, sum[o][t]);
        }
      }
      CR_UNROLL for (int t = 0; t < Taps; ++t) x[t] += p.x_row;
    }
    CR_UNROLL for (int o = 0; o < Outs; ++o) {
      CR_UNROLL for (int t = 0; t < Taps; ++t) store(sums + o * sums_row + t * kSumLanes + part, sum[o][t]);
    }
  }
}

/// Taps taps of all channels.
template <int Taps, class T>
CR_INLINE void add_channels(PixelRows<T> p, int64_t outs, const int64_t* taps, T* sums, int64_t row) {
  constexpr int most = kTapRows >= 12 ? 8 : 4;  // 24 or 12 accumulators with three taps
  const auto advance = [&](int64_t channels) {
    outs -= channels;
    p.g += channels * p.g_channel;
    sums += channels * row;
  };
  if constexpr (Taps <= 3) {
    for (; outs >= most; advance(most)) add_products<most, Taps>(p, taps, sums, row);
  }
  for (int64_t left = outs; left > 0; --left, advance(1)) add_products<1, Taps>(p, taps, sums, row);
}

/// sums [outs][taps][kSumLanes]: all products.
template <class T>
CR_INLINE void add_all_products(const PixelRows<T>& p, int64_t outs, int64_t count, const int64_t* taps, T* sums) {
  const int64_t row = count * kSumLanes;
  for (int64_t t = 0; t < count;) {
    const int64_t left = count - t;
    T* to = sums + t * kSumLanes;
    if (left >= 9 && outs < 4) {
      add_channels<9>(p, outs, taps + t, to, row);
      t += 9;
    } else if (left >= 3) {
      add_channels<3>(p, outs, taps + t, to, row);
      t += 3;
    } else {
      add_channels<1>(p, outs, taps + t, to, row);
      ++t;
    }
  }
}

/// The sum of the lanes, as a tree.
template <class T>
CR_INLINE T sum_lanes(T* lane) {
  for (int64_t width = kSumLanes / 2; width >= 1; width /= 2) {
    for (int64_t i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}

}  // namespace chainrule::CR_ISA
