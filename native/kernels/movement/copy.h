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

/// The axis along which x is contiguous, when y's innermost one is another and both are long enough for blocks; -1 otherwise.
template <class T>
CR_INLINE int32_t transposed_axis(const Loop<2>& loop) {
  const int32_t last = loop.rank - 1;
  if (loop.strides[0][last] != 1 || loop.strides[1][last] == 1 || loop.shape[last] < kBlock<T>) return -1;
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

template <class T>
CR_INLINE void copy_transposed(Context& ctx, const Loop<2>& loop, int32_t axis, T* y, const T* x) {
  const int32_t last = loop.rank - 1;
  const int64_t height = loop.shape[last], width = loop.shape[axis];
  const int64_t tall = (height + kCopyTile - 1) / kCopyTile, wide = (width + kCopyTile - 1) / kCopyTile;
  int64_t others = 1;
  for (int32_t d = 0; d < last; ++d) others *= d == axis ? 1 : loop.shape[d];
  const bool stream = lines_fit(y, loop.strides[0], last) && others * height * width * static_cast<int64_t>(sizeof(T)) >= kStreamedCopy;
  parallel_range(ctx, others * tall * wide, kGrainElements / (kCopyTile * kCopyTile), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t i = tile % tall * kCopyTile, j = tile / tall % wide * kCopyTile;
      int64_t rest = tile / (tall * wide);
      T* to = y + i + j * loop.strides[0][axis];
      const T* from = x + i * loop.strides[1][last] + j;
      for (int32_t d = last - 1; d >= 0; --d) {
        if (d == axis) continue;
        to += rest % loop.shape[d] * loop.strides[0][d];
        from += rest % loop.shape[d] * loop.strides[1][d];
        rest /= loop.shape[d];
      }
      const int64_t rows = height - i < kCopyTile ? height - i : kCopyTile, columns = width - j < kCopyTile ? width - j : kCopyTile;
      if (stream) {
        stream_transposed(from, loop.strides[1][last], to, loop.strides[0][axis], rows, columns);
      } else {
        transpose_tile(from, loop.strides[1][last], to, loop.strides[0][axis], rows, columns);
      }
    }
    if (stream) stream_fence();
  });
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
  parallel_range(ctx, element_count(rows), kGrainElements / (n + 1) + 1, [&](int64_t begin, int64_t end) {
    walk(rows, begin, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t r = 0; r < count; ++r) copy_run(y + offsets[0] + r * sy, x + offsets[1] + r * sx, n, stream);
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
  parallel_even(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      if (sy == 1) return pack_run(to, from, sx, count);
      for (int64_t i = 0; i < count; ++i) to[i * sy] = from[i * sx];
    });
  });
}

}  // namespace chainrule::CR_ISA
