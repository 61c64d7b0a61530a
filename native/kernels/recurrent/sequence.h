#pragma once
// What the recurrent kernels share: sequences seen by step and row, weights packed once per sequence, and the loop over time.
//
// Rows of a batch do not depend on each other: a unit of work is a block of rows, which runs its own loop over all steps with the packed
// weights (shared, read only). The product adds along k in the same order whatever the rows are, so the results are the same bits for any
// number of threads.
#include "core/error.h"
#include "core/view.h"
#include "kernels/linalg/gemm/cut.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/lanes.h"
#include "simd/math.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// A tensor [steps, rows, n], or [rows, steps, n] when the time axis is 1.
template <class T>
struct Sequence {
  T* data;
  int64_t step, row, col;  // strides
  [[nodiscard]] T* at(int64_t t, int64_t b) const { return data + t * step + b * row; }
};

/// Sizes of a sequence, and the order in which its steps are taken.
struct Walk {
  int64_t steps, rows, hidden;
  int32_t time_axis;
  bool reverse;
  /// The i-th step in the order of the recurrence.
  [[nodiscard]] int64_t step(int64_t i) const { return reverse ? steps - 1 - i : i; }
};

/// Checks a view [steps, rows, n]. Outputs and what was saved have contiguous rows (`packed`).
template <class T>
CR_INLINE Sequence<T> sequence(const TensorView& view, const Walk& walk, int64_t n, bool packed = true) {
  const int32_t time = walk.time_axis;
  CR_CHECK(view.rank == 3 && view.shape[time] == walk.steps && view.shape[1 - time] == walk.rows && view.shape[2] == n);
  CR_CHECK(!packed || view.strides[2] == 1 || n <= 1);
  return {static_cast<T*>(view.data), view.strides[time], view.strides[1 - time], view.strides[2]};
}
/// As sequence(), or no data where the caller wanted none (shape [0]).
template <class T>
CR_INLINE Sequence<T> optional_sequence(const TensorView& view, const Walk& walk, int64_t n) {
  if (view.rank == 1 && view.shape[0] == 0) return {nullptr, 0, 0, 0};
  return sequence<T>(view, walk, n);
}

/// Sizes from a sequence [.., .., n gates] whose weight is [n gates, hidden].
CR_INLINE Walk make_walk(const TensorView& view, const TensorView& weight, int64_t gates, double time_axis, double reverse) {
  CR_CHECK(view.rank == 3 && weight.rank == 2 && (time_axis == 0 || time_axis == 1));
  const auto time = static_cast<int32_t>(time_axis);
  CR_CHECK(weight.shape[0] == gates * weight.shape[1]);
  return {view.shape[time], view.shape[1 - time], weight.shape[1], time, reverse != 0};
}

/// A state [rows, hidden] that the kernel keeps up to date: contiguous.
template <class T>
CR_INLINE T* state(const TensorView& view, const Walk& walk) {
  CR_CHECK(view.rank == 2 && view.shape[0] == walk.rows && view.shape[1] == walk.hidden);
  CR_CHECK((view.shape[1] <= 1 || view.strides[1] == 1) && (view.shape[0] <= 1 || view.strides[0] == walk.hidden));
  return static_cast<T*>(view.data);
}
/// Copies a state [rows, hidden] of any strides.
template <class T>
CR_INLINE void copy_state(const TensorView& from, const Walk& walk, T* to) {
  CR_CHECK(from.rank == 2 && from.shape[0] == walk.rows && from.shape[1] == walk.hidden);
  const T* data = static_cast<const T*>(from.data);
  for (int64_t b = 0; b < walk.rows; ++b) {
    for (int64_t j = 0; j < walk.hidden; ++j) to[b * walk.hidden + j] = data[b * from.strides[0] + j * from.strides[1]];
  }
}

/// A right factor packed whole: panels of kTileCols columns, one after the other, each with all of k.
template <class T>
struct PackedB {
  const T* data;
  int64_t k;
  Panel<T> panel(T*, int64_t at, int64_t, int64_t j, int64_t, int64_t) const {
    return {data + (j / kTileCols<T> * k + at) * kTileCols<T>, kTileCols<T>};
  }
};
template <class T>
PackedB<T> pack_whole(Context& ctx, const StridedB<T>& b, int64_t k, int64_t n) {
  const int64_t panels = ceil_div(n, kTileCols<T>);
  T* data = scratch<T>(ctx, max_of(1, panels * k * kTileCols<T>));
  parallel_range(ctx, panels, 4, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t j = p * kTileCols<T>;
      b.pack(data + p * k * kTileCols<T>, 0, k, j, min_of(n - j, kTileCols<T>));
    }
  });
  return {data, k};
}

/// Rows of a block: as few as kFewRows, so that all threads have work, and no more than kMostRows.
inline constexpr int64_t kFewRows = 16, kMostRows = 64;

/// body(first row, rows, scratch of kBlockScratch + rows * `each` elements): one block of rows through all steps. Blocks are as large as
/// there are threads for them: each reads the whole weight in every step.
template <class T, class Body>
CR_INLINE void for_row_blocks(Context& ctx, const Walk& walk, int64_t each, Body body) {
  const int64_t most = max_of(walk.rows >= kFewRows / 2 ? 2 : 1, walk.rows / kFewRows), workers = worker_count(ctx);
  const int64_t blocks = min_of(most, ceil_div(ceil_div(walk.rows, kMostRows), workers) * workers);
  parallel_units(ctx, walk.rows == 0 ? 0 : blocks, [&](int64_t unit, int worker) {
    const int64_t begin = unit * walk.rows / blocks, end = (unit + 1) * walk.rows / blocks;
    body(begin, end - begin, worker_scratch<T>(ctx, worker, kBlockScratch<T> + ceil_div(walk.rows, blocks) * each));
  });
}

/// f(i, m) for 0..n-1: whole vectors, then one of m < lanes elements.
template <class T, class F>
CR_INLINE void for_lanes(int64_t n, F f) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, lanes);
  if (i < n) f(i, n - i);
}

/// m elements of a row of any stride.
template <class T>
CR_INLINE Vec<T> load_col(const T* row, int64_t col, int64_t i, int64_t m) {
  if (col == 1) return load_some(row + i, m);
  Vec<T> v = {};
  for (int64_t l = 0; l < m; ++l) v[l] = row[(i + l) * col];
  return v;
}

}  // namespace chainrule::CR_ISA
