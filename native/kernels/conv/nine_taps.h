#pragma once
// 3 x 3 of one channel into many: products of nine terms. A tile of the GEMM's shape would store as many vectors as it holds after only
// nine steps, all at once; here tiles are small, follow each other without a call, and store each row while the next one multiplies.
#include <type_traits>

#include "kernels/conv/padded.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Whether the method is used in place of the tile for any number of taps, whose bits are the same; s.out_channels and pixels are many.
CR_INLINE bool takes_nine(const ConvShape& s, const TensorView& x) {
  const auto fits = [](const ConvAxis& a) { return a.taps == 3 && a.stride == 1 && a.pad == 1 && a.dilation == 1; };
  return s.in_channels == 1 && fits(s.h) && fits(s.w) && x.strides[3] == 1 && x.strides[2] == s.w.in;
}

inline constexpr int64_t kNineRows = 4;      // channels of a tile
inline constexpr int64_t kNinePixels = 960;  // that are read by all channels before the next: they stay in L1
/// Vectors of pixels of a tile.
inline constexpr int kNineVecs = kTileRows > 6 || kAvx2Tile ? 3 : 2;

/// y[i channel + p] = sum over taps (a, b) of weight[9 i + 3 a + b] x[b plane + a row + p] (+ bias[i bias_stride]), i < channels, p <
/// pixels, by one chain in the order of the taps. channels >= kNineRows, pixels >= a vector.
template <class T>
struct NineTaps {
  int64_t channels, pixels;
  const T *x, *weight, *bias;  // bias: or nullptr
  int64_t row, plane, bias_stride;
  T* y;
  int64_t channel;
  bool streamed;  // y is sent past the caches
};

/// to[i] = from[i], i < n.
template <class T>
CR_INLINE void copy_run(const T* from, int64_t n, T* to) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store(to + i, load(from + i));
  if (i < n) store_partial(to + i, load_partial(from + i, n - i), n - i);
}

/// One tile. The last terms are added row by row; what they multiply stays in registers.
template <int Vecs, bool Streamed, class T>
CR_INLINE void nine_tile(const NineTaps<T>& p, const T* weight, const T* bias, const T* x, T* y) {
  using V = Vec<T>;
  constexpr bool full = kAvx2Tile && Vecs == kNineVecs;  // sums leave four registers
  constexpr int last = full ? 1 : 2, size = static_cast<int>(kLanes<T>);
  const T* from[3] = {x, x + p.plane, x + 2 * p.plane};
  CR_UNROLL for (int b = 0; b < 3; ++b) asm("" : "+r"(from[b]));  // one register each: the compiler would keep 27 addresses
  const auto term = [&](int k, int v) CR_INLINE_LAMBDA { return load(from[k % 3] + k / 3 * p.row + v * size); };
  V sum[kNineRows][Vecs] = {};
  CR_UNROLL for (int k = 0; k < 9 - last; ++k) {
    if constexpr (full) {
      asm volatile("" ::: "memory");  // one term at a time
      V factor[Vecs];
      CR_UNROLL for (int v = 0; v < Vecs; ++v) factor[v] = term(k, v);
      CR_UNROLL for (int i = 0; i < kNineRows; ++i) {
        const V tap = splat<V>(weight[9 * i + k]);
        CR_UNROLL for (int v = 0; v < Vecs; ++v) add_product(sum[i][v], tap, factor[v]);
      }
    } else {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) {
        const V factor = term(k, v);
        CR_UNROLL for (int i = 0; i < kNineRows; ++i) sum[i][v] = fma(splat<V>(weight[9 * i + k]), factor, sum[i][v]);
      }
    }
  }
  V row[last][Vecs];
  CR_UNROLL for (int k = 0; k < last; ++k) { CR_UNROLL for (int v = 0; v < Vecs; ++v) row[k][v] = term(9 - last + k, v); }
  CR_UNROLL for (int i = 0; i < kNineRows; ++i) {
    CR_UNROLL for (int k = 0; k < last; ++k) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(splat<V>(weight[9 * i + 9 - last + k]), row[k][v], sum[i][v]);
    }
    if (bias != nullptr) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] += splat<V>(bias[i * p.bias_stride]);
    }
    CR_UNROLL for (int v = 0; v < Vecs; ++v) {
      if constexpr (Streamed) {
        stream_store(y + v * size, sum[i][v]);
      } else {
        store(y + v * size, sum[i][v]);
      }
    }
    y += p.channel;
    asm volatile("" : "+r"(y) : : "memory");  // the compiler would gather the stores
  }
}

/// A tile's channels from `channel` on for pixels first..past-1. The last tile may repeat pixels of the one before it.
template <bool Streamed, class T>
[[gnu::noinline]] void nine_run(const NineTaps<T>& taps, int64_t channel, int64_t first, int64_t past) {
  const NineTaps<T> p = taps;  // in registers, whatever is stored
  const T *weight = p.weight + 9 * channel, *bias = p.bias == nullptr ? nullptr : p.bias + channel * p.bias_stride;
  T* y = p.y + channel * p.channel;
  int64_t at = first;
  const auto tiles = [&](auto vecs) CR_INLINE_LAMBDA {
    constexpr int64_t step = decltype(vecs)::value * kLanes<T>;
    for (; at + step <= past; at += step) nine_tile<decltype(vecs)::value, Streamed>(p, weight, bias, p.x + at, y + at);
  };
  // Tiles of three vectors of 32 bytes end within cache lines, which streamed ones must not.
  if constexpr (!kAvx2Tile || !Streamed) tiles(std::integral_constant<int, kNineVecs>{});
  if constexpr (kAvx2Tile) tiles(std::integral_constant<int, 2>{});
  for (; at < past; at += kLanes<T>) {
    const int64_t from = min_of(at, p.pixels - kLanes<T>);
    nine_tile<1, Streamed>(p, weight, bias, p.x + from, y + from);
  }
}

/// The last group of channels may repeat some of the one before it.
template <class T>
CR_INLINE void multiply_nine(const NineTaps<T>& p) {
  for (int64_t first = 0; first < p.pixels; first += kNinePixels) {
    const int64_t past = min_of(p.pixels, first + kNinePixels);
    for (int64_t i = 0; i < p.channels; i += kNineRows) {
      const int64_t channel = min_of(i, p.channels - kNineRows);
      if (p.streamed) {
        nine_run<true>(p, channel, first, past);
      } else {
        nine_run<false>(p, channel, first, past);
      }
    }
  }
}

/// Copies begin where the second row of taps, one image row of `width` on, reads whole lines of the cache; so many elements apart.
CR_INLINE int64_t nine_shift(int64_t width) { return (16 - width % 16) % 16; }
CR_INLINE int64_t nine_plane(const Planes& p) { return ceil_div(plane_size(p), 16) * 16 + 16; }

/// Rows first..past-1 of an image whose rows follow each other, those outside being zeros: for each column of taps a copy that is moved by
/// it, in one run, but for the elements that came from another row: those are zeros. May write up to a vector past the end.
template <class T>
CR_INLINE void copy_nine(const T* image, int64_t height, int64_t width, int64_t first, int64_t past, T* to, int64_t plane) {
  const int64_t begin = max_of(0, first), end = min_of(height, past), n = (end - begin) * width;
  const T* from = image + begin * width;
  for (int64_t b = 0; b < 3; ++b, to += plane) {
    zero_run(to, 0, (begin - first) * width);
    T* rows = to + (begin - first) * width;
    copy_run(b == 2 ? from + 1 : from, n - (b != 1), b == 0 ? rows + 1 : rows);
    zero_run(to, (end - first) * width, (past - first) * width);
    for (int64_t i = b == 0 ? 0 : width - 1; b != 1 && i < n; i += width) rows[i] = T{};
  }
}

}  // namespace chainrule::CR_ISA
