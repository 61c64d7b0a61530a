#pragma once
// Transposition in registers: both sides are touched a whole line of cache at a time. Element types are moved as unsigned integers of their
// width.
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// Rows and columns of a block that is transposed at once.
template <class T>
inline constexpr int64_t kBlock = sizeof(T) < 4 ? 16 : kLanes<T>;

/// to[j * to_stride + i] = from[i * from_stride + j] for a whole block.
template <class T>
CR_INLINE void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int n = static_cast<int>(kBlock<T>);
  if constexpr (sizeof(T) < 4) {
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) to[j * to_stride + i] = from[i * from_stride + j];
    }
  } else {
    Vec<T> rows[n], next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = load(from + i * from_stride);
// Interleaving the first half of the rows with the second, log2(n) times, is a transposition.
#pragma GCC unroll 4
    for (int width = n; width > 1; width /= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < n / 2; ++i) {
        next[2 * i] = zip_low(rows[i], rows[i + n / 2]);
        next[2 * i + 1] = zip_high(rows[i], rows[i + n / 2]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) rows[i] = next[i];
    }
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) store(to + j * to_stride, rows[j]);
  }
}

/// The same for `height` rows i and `width` columns j.
template <class T>
CR_INLINE void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t height, int64_t width) {
  constexpr int64_t n = kBlock<T>;
  for (int64_t i = 0; i < height; i += n) {
    for (int64_t j = 0; j < width; j += n) {
      const T* source = from + i * from_stride + j;
      T* target = to + j * to_stride + i;
      if (height - i >= n && width - j >= n) {
        transpose_block(source, from_stride, target, to_stride);
        continue;
      }
      const int64_t rows = height - i < n ? height - i : n, columns = width - j < n ? width - j : n;
      for (int64_t b = 0; b < columns; ++b) {
        for (int64_t a = 0; a < rows; ++a) target[b * to_stride + a] = source[a * from_stride + b];
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
