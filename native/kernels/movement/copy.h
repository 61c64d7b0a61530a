#pragma once
// Copies between views with any strides on either side. Where y's rows are x's columns, blocks are transposed in registers, so that both
// sides are touched a whole line of cache at a time.
#include "kernels/elementwise/tile_copy.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kCopyTile = 64;                    // rows and columns of a tile: as many pages of memory as the TLB holds
inline constexpr int64_t kStreamedCopy = int64_t{4} << 20;  // bytes from which rows that are written in pieces are sent past the caches
inline constexpr int64_t kStreamedRun = 1024;               // bytes of a row that need not begin and end with a line

/// to[i] = from[i]; `stream`: past the caches, then stream_fence() is needed.
template <class T>
CR_INLINE void copy_run(T* to, const T* from, int64_t n, bool stream) {
  if (stream) return stream_copy(to, from, n);
  copy_contiguous(to, from, n);
}

/// The axis along which x is contiguous, when y's innermost one is another, along which x differs, and both are long enough for blocks; -1
/// otherwise.
template <class T>
CR_INLINE int32_t transposed_axis(const Loop<2>& loop) {
  const int32_t last = loop.rank - 1;
  const int64_t step = loop.strides[1][last];
  if (loop.strides[0][last] != 1 || step == 1 || step == 0 || loop.shape[last] < kBlock<T>) return -1;
  for (int32_t d = 0; d < last; ++d) {
    if (loop.strides[1][d] == 1 && loop.shape[d] >= kBlock<T>) return d;
  }
  return -1;
}

/// Whether every row of y begins on a line of the cache.
template <class T>
CR_INLINE bool lines_fit(const T* y, const int64_t* strides, int32_t last) {
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  bool fit = reinterpret_cast<uintptr_t>(y) % kCacheLine == 0;
  for (int32_t d = 0; d < last; ++d) fit = fit && strides[d] % line == 0;
  return fit;
}

/// Calls body(to, from, rows, columns) for tiles of `tall` x `wide` elements along the last axis and `axis` that together cover the loop.
template <class T, class Body>
CR_INLINE void each_tile(const Loop<2>& loop, int32_t axis, int64_t tall, int64_t wide, T* y, const T* x, int64_t tile_begin,
                         int64_t tile_end, Body body) {
  const int32_t last = loop.rank - 1;
  const int64_t height = loop.shape[last], width = loop.shape[axis], down = (height + tall - 1) / tall, across = (width + wide - 1) / wide;
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    const int64_t i = tile % down * tall, j = tile / down % across * wide;
    int64_t rest = tile / (down * across);
    T* to = y + i * loop.strides[0][last] + j * loop.strides[0][axis];
    const T* from = x + i * loop.strides[1][last] + j * loop.strides[1][axis];
    for (int32_t d = last - 1; d >= 0; --d) {
      if (d == axis) continue;
      to += rest % loop.shape[d] * loop.strides[0][d];
      from += rest % loop.shape[d] * loop.strides[1][d];
      rest /= loop.shape[d];
    }
    body(to, from, height - i < tall ? height - i : tall, width - j < wide ? width - j : wide);
  }
}
/// How many they are.
CR_INLINE int64_t tile_count(const Loop<2>& loop, int32_t axis, int64_t tall, int64_t wide) {
  const int32_t last = loop.rank - 1;
  int64_t others = 1;
  for (int32_t d = 0; d < last; ++d) others *= d == axis ? 1 : loop.shape[d];
  return others * ((loop.shape[last] + tall - 1) / tall) * ((loop.shape[axis] + wide - 1) / wide);
}

template <class T>
CR_INLINE void copy_transposed(Context& ctx, const Loop<2>& loop, int32_t axis, T* y, const T* x) {
  const int64_t sy = loop.strides[0][axis], sx = loop.strides[1][loop.rank - 1];
  const bool stream =
      lines_fit(y, loop.strides[0], loop.rank - 1) && element_count(loop) * static_cast<int64_t>(sizeof(T)) >= kStreamedCopy;
  const int64_t tiles = tile_count(loop, axis, kCopyTile, kCopyTile);
  parallel_range(ctx, tiles, kGrainElements / (kCopyTile * kCopyTile), [&](int64_t begin, int64_t end) {
    each_tile(loop, axis, kCopyTile, kCopyTile, y, x, begin, end, [&](T* to, const T* from, int64_t rows, int64_t columns) {
      if (stream) {
        stream_transposed(from, sx, to, sy, rows, columns);
      } else {
        transpose_tile(from, sx, to, sy, rows, columns);
      }
    });
    if (stream) stream_fence();
  });
}

inline constexpr int64_t kShortAxis = 8;  // elements; a last axis of fewer is no loop worth beginning
inline constexpr int64_t kLongPiece = 512;

/// The long axis whose elements lie closest in y, when the last one is narrow; -1 otherwise.
CR_INLINE int32_t long_axis(const Loop<2>& loop) {
  const int32_t last = loop.rank - 1;
  int32_t axis = -1;
  for (int32_t d = 0; d < last; ++d) {
    if (loop.shape[d] >= 2 * kShortAxis && (axis < 0 || loop.strides[0][d] <= loop.strides[0][axis])) axis = d;
  }
  return loop.shape[last] < kShortAxis ? axis : -1;
}

/// Images that become pixels of three colours, and the like: a piece of the long axis for each element of the narrow one.
template <class T>
CR_INLINE void copy_narrow(Context& ctx, const Loop<2>& loop, int32_t axis, T* y, const T* x) {
  const int32_t last = loop.rank - 1;
  const int64_t sy = loop.strides[0][axis], sx = loop.strides[1][axis], next_y = loop.strides[0][last], next_x = loop.strides[1][last];
  const int64_t tiles = tile_count(loop, axis, kShortAxis, kLongPiece), grain = kGrainElements / (kLongPiece * kShortAxis);
  parallel_range(ctx, tiles, grain, [&](int64_t begin, int64_t end) {
    each_tile(loop, axis, kShortAxis, kLongPiece, y, x, begin, end, [&](T* to, const T* from, int64_t rows, int64_t columns) {
      for (int64_t i = 0; i < rows; ++i) copy_strided(to + i * next_y, sy, from + i * next_x, sx, columns);
    });
  });
}

inline constexpr int64_t kAskedRows = 256;  // so many lines stay in L1

/// Whether the line behind each row of x is a row, too, which is copied when all rows of the last axis are: image patches, axes exchanged.
/// Asked for in time, patches 16 wide take 0.87 of the time, [64, 64, 64, 16] with two axes exchanged 0.36 to 0.86; rows of 256 bytes gain
/// nothing.
template <class T>
CR_INLINE bool rows_behind(const Loop<2>& rows, int64_t n) {
  bool behind = false;
  for (int32_t d = 0; d < rows.rank - 1; ++d) behind = behind || (rows.strides[1][d] == n && rows.shape[d] > 1);
  return behind && n * static_cast<int64_t>(sizeof(T)) <= kCacheLine && rows.shape[rows.rank - 1] <= kAskedRows;
}

/// Rows that are contiguous on both sides, in an order of their own.
template <class T>
CR_INLINE void copy_rows(Context& ctx, const Loop<2>& loop, T* y, const T* x) {
  Loop<2> rows = loop;
  const int32_t last = --rows.rank - 1;
  const int64_t n = loop.shape[loop.rank - 1], sy = rows.strides[0][last], sx = rows.strides[1][last];
  const int64_t bytes = n * static_cast<int64_t>(sizeof(T));
  const bool whole = bytes % kCacheLine == 0 && lines_fit(y, loop.strides[0], loop.rank - 1);
  const bool stream = element_count(rows) * bytes >= kStreamBytes && (whole || bytes >= kStreamedRun);
  const bool asks = rows_behind<T>(rows, n);
  parallel_range(ctx, element_count(rows), kGrainElements / (n + 1) + 1, [&](int64_t begin, int64_t end) {
    walk(rows, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      for (int64_t r = 0; asks && r < count; ++r) __builtin_prefetch(from + r * sx + n);
      for (int64_t r = 0; r < count; ++r) copy_run(to + r * sy, from + r * sx, n, stream);
    });
    if (stream) stream_fence();
  });
}

/// y = x, where x is broadcast to y's shape.
template <class T>
CR_INLINE void copy_view(Context& ctx, const TensorView& to_view, const TensorView& from_view) {
  const auto loop = make_loop<2>({&to_view, &from_view});
  T* y = static_cast<T*>(to_view.data);
  const T* x = static_cast<const T*>(from_view.data);
  if (const int32_t axis = transposed_axis<T>(loop); axis >= 0) return copy_transposed(ctx, loop, axis, y, x);
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  if (loop.rank > 1 && sy == 1 && sx == 1) return copy_rows(ctx, loop, y, x);
  if (const int32_t axis = long_axis(loop); axis >= 0) return copy_narrow(ctx, loop, axis, y, x);
  parallel_even(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      if (sy == 1) return pack_run(to, from, sx, count);
      copy_strided(to, sy, from, sx, count);
    });
  });
}

}  // namespace chainrule::CR_ISA
