#pragma once
// Transposition in registers.
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// Step `Left` of log2(lanes): row i and row i + lanes / 2 are interleaved. After all steps the square is transposed.
template <int Left, class V, int N>
CR_INLINE void interleave_rows(V (&rows)[N]) {
  if constexpr (Left > 1) {
    V next[N];
#if defined(__clang__)
#pragma unroll
#else
#pragma GCC unroll 16
#endif
    for (int i = 0; i < N / 2; ++i) {
      next[2 * i] = zip_low(rows[i], rows[i + N / 2]);
      next[2 * i + 1] = zip_high(rows[i], rows[i + N / 2]);
    }
#if defined(__clang__)
#pragma unroll
#else
#pragma GCC unroll 16
#endif
    for (int i = 0; i < N; ++i) rows[i] = next[i];
    interleave_rows<Left / 2>(rows);
  }
}

/// A square of vectors, transposed: to[k * ld + j] = from[j * stride + k] for j, k < lanes.
template <class T>
CR_INLINE void transpose_vectors(const T* from, int64_t stride, T* to, int64_t ld) {
  constexpr int lanes = kLanes<T>;
  Vec<T> rows[lanes];
#if defined(__clang__)
#pragma unroll
#else
#pragma GCC unroll 16
#endif
  for (int j = 0; j < lanes; ++j) rows[j] = load(from + j * stride);
  interleave_rows<lanes>(rows);
#if defined(__clang__)
#pragma unroll
#else
#pragma GCC unroll 16
#endif
  for (int k = 0; k < lanes; ++k) store(to + k * ld, rows[k]);
}

}  // namespace chainrule::CR_ISA
