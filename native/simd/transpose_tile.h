#pragma once
// Transposition in registers: both sides are touched a whole line of cache at a time. Element types are moved as unsigned integers of their
// width.
#include "simd/shuffle.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Rows and columns of a block that is transposed at once.
template <class T>
inline constexpr int64_t kBlock = sizeof(T) < 4 ? 16 : kLanes<T>;

/// One of the steps of transpose_rows, and those after it: a template, so that the rows stay in registers from step to step.
template <int Step, int N, class V>
CR_INLINE void mix_rows(V* v) {
  if constexpr (Step < N) {
    V mixed[N];
#pragma GCC unroll 8
    for (int i = 0; i < N / 2; ++i) {
      mixed[2 * i] = zip_low(v[i], v[i + N / 2]);
      mixed[2 * i + 1] = zip_high(v[i], v[i + N / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) v[i] = mixed[i];
    mix_rows<2 * Step, N>(v);
  }
}

/// v, N rows of N elements, becomes its transpose: log2(N) times the upper half of the rows is interleaved with the lower half.
template <int N, class V>
CR_INLINE void transpose_rows(V* v) {
  mix_rows<1, N>(v);
}

/// to[j * to_stride + i] = from[i * from_stride + j] for a whole block. A function of its own, whose rows are sure to stay in registers.
template <class T>
[[gnu::noinline]] void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int n = static_cast<int>(kBlock<T>);
  if constexpr (sizeof(T) < 4) {
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) to[j * to_stride + i] = from[i * from_stride + j];
    }
  } else {
    Vec<T> rows[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = load(from + i * from_stride);
    transpose_rows<n>(rows);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) store(to + j * to_stride, rows[j]);
  }
}

/// The same for `height` rows i and `width` columns j. A block that would reach over an edge begins earlier and writes some elements twice.
template <class T>
CR_INLINE void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t height, int64_t width) {
  constexpr int64_t n = kBlock<T>;
  if (height >= n && width >= n) {
    for (int64_t i = 0; i < height; i += n) {
      const int64_t row = i + n <= height ? i : height - n;
      for (int64_t j = 0; j < width; j += n) {
        const int64_t column = j + n <= width ? j : width - n;
        transpose_block(from + row * from_stride + column, from_stride, to + column * to_stride + row, to_stride);
      }
    }
    return;
  }
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < height; ++i) to[j * to_stride + i] = from[i * from_stride + j];
  }
}

/// One line of the cache for each of kBlock<T> columns of `from`, past the caches: to[j * to_stride + i] = from[i * from_stride + j], where
/// rows of `to` begin on such lines.
template <class T>
[[gnu::noinline]] void stream_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int n = static_cast<int>(kBlock<T>);
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  if constexpr (n == line) {
    Vec<T> rows[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = load(from + i * from_stride);
    transpose_rows<n>(rows);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) stream_store(to + j * to_stride, rows[j]);
  } else {
    alignas(kCacheLine) T block[n * line];
    for (int64_t i = 0; i < line; i += n) transpose_block(from + i * from_stride, from_stride, block + i, line);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < line; i += kLanes<T>) stream_store(to + j * to_stride + i, load(block + j * line + i));
    }
  }
}

/// transpose_tile past the caches: rows of `to` begin on lines of the cache. They are written in short pieces that are far from each other
/// and would drive each other out of the cache before they are complete.
template <class T>
CR_INLINE void stream_transposed(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t height, int64_t width) {
  constexpr int64_t n = kBlock<T>, line = kCacheLine / static_cast<int64_t>(sizeof(T));
  const int64_t tall = height / line * line, wide = width / n * n;
  for (int64_t j = 0; j < wide; j += n) {
    for (int64_t i = 0; i < tall; i += line) stream_block(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
  }
  if (wide < width) transpose_tile(from + wide, from_stride, to + wide * to_stride, to_stride, tall, width - wide);
  if (tall < height) transpose_tile(from + tall * from_stride, from_stride, to + tall, to_stride, height - tall, width);
}

}  // namespace chainrule::CR_ISA
