#pragma once
// Moves elements between strided memory and the tiles that row functions see: runs of one dimension, and blocks of two.
#include "kernels/elementwise/loops.h"
#include "simd/stream.h"
#include "simd/transpose_tile.h"

namespace chainrule::CR_ISA {

/// body(element) with an unsigned integer of `size` bytes.
template <class Body>
CR_INLINE void with_width(int size, Body body) {
  if (size == 4) return body(uint32_t{0});
  if (size == 8) return body(uint64_t{0});
  if (size == 2) return body(uint16_t{0});
  body(uint8_t{0});
}

/// n elements, contiguous on both sides: small ones without a call.
template <class T>
CR_INLINE void copy_contiguous(T* to, const T* from, int64_t n) {
  if (n > 8 * kLanes<T>) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
    return;
  }
  for (; n >= kLanes<T>; n -= kLanes<T>, to += kLanes<T>, from += kLanes<T>) store(to, load(from));
  if (n > 0) store_partial(to, load_partial(from, n), n);
}

/// to[i] = value.
template <class T>
CR_INLINE void fill_run(T* to, T value, int64_t n) {
  const Vec<T> v = splat_any<T>(value);
  for (; n >= kLanes<T>; n -= kLanes<T>, to += kLanes<T>) store(to, v);
  if (n > 0) store_partial(to, v, n);
}

/// to[i] = from[i * stride].
template <class T>
CR_INLINE void pack_run(T* to, const T* from, int64_t stride, int64_t n) {
  if (stride == 1) return copy_contiguous(to, from, n);
  if (stride == 0) return fill_run(to, *from, n);
  if (stride == 2) {
    // The last element is left out of the vectors: what stands behind it is not ours to read.
    constexpr int64_t ahead = 4096 / static_cast<int64_t>(sizeof(T));
    for (; n > kLanes<T>; n -= kLanes<T>, to += kLanes<T>, from += 2 * kLanes<T>) {
      prefetch_run(from + ahead, 2 * kVecBytes);
      store(to, evens(load(from), load(from + kLanes<T>)));
    }
  }
  for (int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
}

/// to_a[i] = a[2 i] and to_b[i] = b[2 i], in turns: with two streams on their way, memory is waited for once and not twice.
template <class T>
CR_INLINE void pack_two_evens(T* to_a, const T* a, T* to_b, const T* b, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes<T> < n; i += kLanes<T>) {
    store(to_a + i, evens(load(a + 2 * i), load(a + 2 * i + kLanes<T>)));
    store(to_b + i, evens(load(b + 2 * i), load(b + 2 * i + kLanes<T>)));
  }
  for (; i < n; ++i) {
    to_a[i] = a[2 * i];
    to_b[i] = b[2 * i];
  }
}

/// to[i * stride] = from[i].
template <class T>
CR_INLINE void unpack_run(T* to, int64_t stride, const T* from, int64_t n) {
  if (stride == 1) return copy_contiguous(to, from, n);
  for (int64_t i = 0; i < n; ++i) to[i * stride] = from[i];
}

/// A block of `rows` x `columns` elements in memory, and its steps in elements.
template <class T>
struct Block2 {
  T* data;
  int64_t row_step, column_step;
};

/// Row-major copy of a block, rows `pitch` apart.
template <class T>
CR_INLINE void pack_block(T* to, int64_t pitch, Block2<const T> from, int64_t rows, int64_t columns) {
  if (from.row_step == 1 && from.column_step != 1) return transpose_tile(from.data, from.column_step, to, pitch, columns, rows);
  for (int64_t i = 0; i < rows; ++i) pack_run(to + i * pitch, from.data + i * from.row_step, from.column_step, columns);
}
/// The reverse.
template <class T>
CR_INLINE void unpack_block(Block2<T> to, const T* from, int64_t pitch, int64_t rows, int64_t columns) {
  if (to.row_step == 1 && to.column_step != 1) return transpose_tile(from, pitch, to.data, to.column_step, rows, columns);
  for (int64_t i = 0; i < rows; ++i) unpack_run(to.data + i * to.row_step, to.column_step, from + i * pitch, columns);
}

}  // namespace chainrule::CR_ISA
