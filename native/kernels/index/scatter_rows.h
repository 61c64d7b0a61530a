#pragma once
// Scatter of whole rows by buckets: the sources of each row of y are known before it is touched, so that it is written once, its sum in
// registers, and rows nobody adds to need no sum at all. Each row adds its sources in their order, whatever thread it runs on.
#include "kernels/elementwise/tile_copy.h"
#include "kernels/index/lines.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kBatch = 32;  // sources of a row that are added together

/// Rows of n elements: `step` elements apart, or one element that stands for all (`single`).
template <class T>
struct RowSet {
  T* data;
  int64_t step;
  bool single;
};

/// Which sources go to each row: head[row] is the first, next[k] the one after k, -1 the end.
struct Buckets {
  int32_t *head, *next;
};

/// to = start + from[0] + from[1] + .., `count` of them, for n elements; stored past the caches when Stream.
template <class T, bool Stream>
CR_INLINE void sum_rows(T* to, const T* start, T fill, const T* const* from, int64_t count, int64_t n) {
  constexpr int64_t lanes = kLanes<T>, wide = 4 * lanes;
  int64_t i = 0;
  for (; i + wide <= n; i += wide) {
    Vec<T> sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) sum[v] = start != nullptr ? load(start + i + v * lanes) : splat_any<T>(fill);
    for (int64_t k = 0; k < count; ++k) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) sum[v] = sum[v] + load(from[k] + i + v * lanes);
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      if constexpr (Stream) {
        stream_store(to + i + v * lanes, sum[v]);
      } else {
        store(to + i + v * lanes, sum[v]);
      }
    }
  }
  for (; i < n; ++i) {
    T sum = start != nullptr ? start[i] : fill;
    for (int64_t k = 0; k < count; ++k) sum = static_cast<T>(sum + from[k][i]);
    to[i] = sum;
  }
}

/// One row of y from x's row (or its single element) and the sources in its bucket.
template <class T>
CR_INLINE void scatter_row(T* to, const RowSet<const T>& x, int64_t row, const RowSet<const T>& source, const Buckets& buckets, int64_t n,
                           bool stream) {
  const T* start = x.single ? nullptr : x.data + row * x.step;
  const T fill = x.single ? *x.data : T{};
  int32_t k = buckets.head[row];
  if (k < 0) {
    if (stream) return start != nullptr ? stream_copy(to, start, n) : stream_fill(to, fill, n);
    return start != nullptr ? copy_contiguous(to, start, n) : fill_run(to, fill, n);
  }
  stream = stream && reinterpret_cast<uintptr_t>(to) % kVecBytes == 0;
  while (k >= 0) {
    const T* from[kBatch];
    int64_t count = 0;
    for (; k >= 0 && count < kBatch; k = buckets.next[k]) from[count++] = source.data + k * source.step;
    if (stream && k < 0) {
      sum_rows<T, true>(to, start, fill, from, count, n);
    } else {
      sum_rows<T, false>(to, start, fill, from, count, n);
    }
    start = to;
  }
}

/// y = x, and y[position[k]] += source[k] for k in order; positions are checked. `size` rows of n elements, y's one after the other.
template <class T>
CR_INLINE void scatter_rows(Context& ctx, T* y, RowSet<const T> x, RowSet<const T> source, Buckets buckets, int64_t size, int64_t n) {
  const int64_t bytes = n * static_cast<int64_t>(sizeof(T)), batch = bytes < 4096 ? 4096 / bytes : 1;
  const bool stream = size * bytes >= kStreamBytes;
  parallel_range(ctx, size, kGrainElements / (n + 1) + 1, [&](int64_t begin, int64_t end) {
    int64_t asked = begin;
    for (int64_t row = begin; row < end; ++row) {
      for (; asked < end && asked <= row + batch; ++asked) {
        for (int32_t k = buckets.head[asked]; k >= 0; k = buckets.next[k]) prefetch_run(source.data + k * source.step, bytes);
      }
      scatter_row(y + row * n, x, row, source, buckets, n, stream);
    }
    if (stream) stream_fence();
  });
}

/// Sorts `count` positions into buckets, from the last to the first, so that each bucket begins with its first source.
template <class I>
CR_INLINE Buckets make_buckets(Context& ctx, const I* position, int64_t stride, int64_t count, int64_t size, int64_t skip) {
  auto* head = scratch<int32_t>(ctx, size);
  auto* next = scratch<int32_t>(ctx, count);
  fill_run(head, int32_t{-1}, size);
  for (int64_t k = count - 1; k >= 0; --k) {
    const int64_t row = position[k * stride];
    if (row == skip) continue;
    next[k] = head[row];
    head[row] = static_cast<int32_t>(k);
  }
  return {head, next};
}

}  // namespace chainrule::CR_ISA
