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

/// One W from the beginning and one that ends where the run ends: any length from one to two of them.
template <class W>
CR_INLINE void copy_ends(char* to, const char* from, int64_t bytes) {
  W first, last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + bytes - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + bytes - sizeof last, &last, sizeof last);
}

/// Fewer elements than a vector has. Stores under a mask cost a dozen times an ordinary one with AVX2, where other ISAs call memcpy.
template <class T>
CR_INLINE void copy_short(T* to, const T* from, int64_t n) {
  if constexpr (kVecBytes == 64 && sizeof(T) >= 4) {
    if (n > 0) store_partial(to, load_partial(from, n), n);
    return;
  }
  auto* y = reinterpret_cast<char*>(to);
  const auto* x = reinterpret_cast<const char*>(from);
  const int64_t bytes = n * static_cast<int64_t>(sizeof(T));
  if (kVecBytes > 32 && bytes >= 32) return copy_ends<typename VecType<uint64_t, 32>::type>(y, x, bytes);
  if (kVecBytes > 16 && bytes >= 16) return copy_ends<typename VecType<uint64_t, 16>::type>(y, x, bytes);
  if (bytes >= 8) return copy_ends<uint64_t>(y, x, bytes);
  if (sizeof(T) <= 4 && bytes >= 4) return copy_ends<uint32_t>(y, x, bytes);
  if constexpr (sizeof(T) < 4) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

/// n elements, contiguous on both sides. libc's memcpy goes backwards where addresses meet in their last 12 bits, past what the hardware
/// fetches ahead: runs of 1 and 2 KB took twice the time from memory.
template <class T>
CR_INLINE void copy_contiguous(T* to, const T* from, int64_t n) {
  constexpr int64_t lanes = kLanes<T>;
  if (n < lanes) return copy_short(to, from, n);
  T* const last_to = to + n - lanes;
  const T* const last_from = from + n - lanes;
  if (n >= 16 * lanes) {
    store(to, load(from));
    const int64_t head = to_next_vector(to, n);
    to += head;
    from += head;
    for (n -= head; n >= 4 * lanes; n -= 4 * lanes, to += 4 * lanes, from += 4 * lanes) {
      const Vec<T> a = load(from), b = load(from + lanes), c = load(from + 2 * lanes), d = load(from + 3 * lanes);
      store(to, a);
      store(to + lanes, b);
      store(to + 2 * lanes, c);
      store(to + 3 * lanes, d);
    }
  }
  for (; n >= lanes; n -= lanes, to += lanes, from += lanes) store(to, load(from));
  if (n > 0) store(last_to, load(last_from));
}

/// to[i] = value.
template <class T>
CR_INLINE void fill_run(T* to, T value, int64_t n) {
  const Vec<T> v = splat_any<T>(value);
  if (n < kLanes<T>) return copy_short(to, reinterpret_cast<const T*>(&v), n);
  T* const last = to + n - kLanes<T>;
  for (; n >= 4 * kLanes<T>; n -= 4 * kLanes<T>, to += 4 * kLanes<T>) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) store(to + k * kLanes<T>, v);
  }
  for (; n >= kLanes<T>; n -= kLanes<T>, to += kLanes<T>) store(to, v);
  if (n > 0) store(last, v);
}

/// to[i * sy] = from[i * sx], four at a time: otherwise compilers take two cycles for each.
template <class T>
CR_INLINE void copy_strided(T* to, int64_t sy, const T* from, int64_t sx, int64_t n) {
  for (; n >= 4; n -= 4, to += 4 * sy, from += 4 * sx) {
    const T a = from[0], b = from[sx], c = from[2 * sx], d = from[3 * sx];
    to[0] = a;
    to[sy] = b;
    to[2 * sy] = c;
    to[3 * sy] = d;
  }
  for (int64_t i = 0; i < n; ++i) to[i * sy] = from[i * sx];
}

/// to[i] = from[i * stride].
template <class T>
CR_INLINE void pack_run(T* to, const T* from, int64_t stride, int64_t n) {
  if (stride == 1) return copy_contiguous(to, from, n);
  if (stride == 0) return fill_run(to, *from, n);
  if (stride == -1) {
    for (; n >= kLanes<T>; n -= kLanes<T>, to += kLanes<T>, from -= kLanes<T>) store(to, reversed(load(from - kLanes<T> + 1)));
  }
  if (stride == 2) {
    // The last element is left out of the vectors: what stands behind it is not ours to read.
    constexpr int64_t ahead = 4096 / static_cast<int64_t>(sizeof(T));
    for (; n > kLanes<T>; n -= kLanes<T>, to += kLanes<T>, from += 2 * kLanes<T>) {
      prefetch_run(from + ahead, 2 * kVecBytes);
      store(to, evens(load(from), load(from + kLanes<T>)));
    }
  }
  copy_strided(to, 1, from, stride, n);
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
  copy_strided(to, stride, from, 1, n);
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
