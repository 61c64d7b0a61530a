#pragma once
// Copies between a matrix and its transpose, a square of registers at a time: for kernels that want the elements along an outer axis side
// by side.
#include "simd/lanes.h"
#include "simd/transpose_tile.h"

namespace chainrule::CR_ISA {

/// v, as many vectors as they have lanes, becomes its transpose.
template <class V>
CR_INLINE void transpose_square(V* v) {
  transpose_rows<kLanes<Scalar<V>>>(v);
}

/// How many rows of n elements are copied together: one cache line or more of what lies side by side, while the copies stay in cache.
CR_INLINE int64_t row_group(int64_t n) { return n <= 256 ? 64 : n <= 2048 ? 32 : 16; }

/// Elements between copied rows of n: cache lines of neighbours fall into different sets.
CR_INLINE int64_t row_pitch(int64_t n) { return (n + 15) / 16 * 16 + 16; }

/// `rows` rows of n elements, `step` apart in x, one after the other at `pitch`; rows begin `next` elements apart in x.
template <class T>
CR_INLINE void gather_rows(const T* x, int64_t next, int64_t step, int64_t rows, int64_t n, T* copy, int64_t pitch) {
  if (next == 1 && rows > 1) return transpose_tile(x, step, copy, pitch, n, rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) copy[r * pitch + i] = x[r * next + i * step];
  }
}
/// The way back.
template <class T>
CR_INLINE void scatter_rows(const T* copy, int64_t pitch, int64_t rows, int64_t n, T* y, int64_t next, int64_t step) {
  if (next == 1 && rows > 1) return transpose_tile(copy, pitch, y, step, rows, n);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) y[r * next + i * step] = copy[r * pitch + i];
  }
}

}  // namespace chainrule::CR_ISA
