#pragma once
// Kernels that work on whole rows along one axis (softmax and its kin): rows are handed over contiguous, whatever the strides are, so the
// arithmetic and its order do not depend on the layout.
#include "core/error.h"
#include "core/view.h"
#include "kernels/norm/softmax_rows.h"
#include "kernels/norm/write_row.h"
#include "simd/parallel.h"
#include "simd/row_lanes.h"

namespace chainrule::CR_ISA {

/// Work per unit, in elements, for kernels that take a few nanoseconds an element.
inline constexpr int64_t kRowGrain = 16384;

/// Rows along `axis` of an output (operand 0) and N - 1 inputs, all of one shape.
template <int N>
struct RowLoop {
  int32_t rank;  // without the axis
  int64_t shape[kMaxRank], strides[N][kMaxRank];
  int64_t length, step[N];  // elements of a row, and the stride along it
  int64_t rows;
};

template <int N>
CR_INLINE RowLoop<N> make_row_loop(const TensorView* const (&views)[N], double axis_param) {
  const TensorView& y = *views[0];
  const auto axis = static_cast<int32_t>(axis_param);
  CR_CHECK(axis >= 0 && axis < y.rank);
  RowLoop<N> loop;
  loop.rank = 0;
  loop.rows = 1;
  loop.length = y.shape[axis];
  for (int n = 0; n < N; ++n) {
    CR_CHECK(views[n]->rank == y.rank);
    loop.step[n] = views[n]->strides[axis];
    for (int32_t d = 0; d < y.rank; ++d) CR_CHECK(views[n]->shape[d] == y.shape[d]);
  }
  for (int32_t d = 0; d < y.rank; ++d) {
    if (d == axis) continue;
    loop.rows *= y.shape[d];
    bool merge = loop.rank > 0;
    for (int n = 0; n < N && merge; ++n) merge = loop.strides[n][loop.rank - 1] == views[n]->strides[d] * y.shape[d];
    const int32_t at = merge ? loop.rank - 1 : loop.rank++;
    loop.shape[at] = merge ? loop.shape[at] * y.shape[d] : y.shape[d];
    for (int n = 0; n < N; ++n) loop.strides[n][at] = views[n]->strides[d];
  }
  return loop;
}

/// Offset of row `row` in operand n.
template <int N>
CR_INLINE int64_t row_offset(const RowLoop<N>& loop, int n, int64_t row) {
  int64_t offset = 0;
  for (int32_t d = loop.rank - 1; d >= 0; --d) {
    offset += row % loop.shape[d] * loop.strides[n][d];
    row /= loop.shape[d];
  }
  return offset;
}

/// How many rows from `row` on (before `end`, at most `most`) lie evenly spaced in every operand.
template <int N>
CR_INLINE int64_t even_rows(const RowLoop<N>& loop, int64_t row, int64_t end, int64_t most) {
  const int64_t last = loop.rank > 0 ? loop.shape[loop.rank - 1] : 1;
  const int64_t left = last - row % last, wanted = end - row < most ? end - row : most;
  return left < wanted ? left : wanted;
}

/// Where a row goes. `line` is memory for what comes before the result: the row itself or, when the result is streamed, a buffer.
template <class T>
struct RowTarget {
  T *y, *line;
  bool streamed;
};

/// Calls body(target, inputs) for every row, all rows contiguous. Rows that are not are copied in groups.
template <class T, int N, class Body>
CR_INLINE void for_rows(Context& ctx, const RowLoop<N>& loop, T* y, const T* const (&x)[N - 1], Body body) {
  const int64_t n = loop.length, pitch = row_pitch(n), most = row_group(n);
  int64_t grain = n >= kRowGrain ? 1 : kRowGrain / (n + 8) + 1;
  bool copies = false;
  for (int k = 0; k < N; ++k) copies = copies || loop.step[k] != 1;
  const bool streamed = loop.step[0] == 1 && is_streamed<T>(loop.rows, n);
  if (copies) grain = (grain + most - 1) / most * most;
  const int32_t last = loop.rank - 1;
  parallel_units(ctx, (loop.rows + grain - 1) / grain, [&](int64_t unit, int worker) {
    T* buffer = copies || streamed ? worker_scratch<T>(ctx, worker, (copies ? N * most : 1) * pitch) : nullptr;
    const int64_t end = (unit + 1) * grain < loop.rows ? (unit + 1) * grain : loop.rows;
    for (int64_t row = unit * grain; row < end;) {
      const int64_t group = even_rows(loop, row, end, most);
      const T* inputs[N - 1];
      int64_t next[N], input_next[N - 1];
      for (int k = 0; k < N; ++k) next[k] = last >= 0 ? loop.strides[k][last] : 0;
      for (int k = 1; k < N; ++k) {
        inputs[k - 1] = x[k - 1] + row_offset(loop, k, row);
        input_next[k - 1] = next[k];
        if (loop.step[k] == 1) continue;
        T* copy = buffer + k * most * pitch;
        gather_rows(inputs[k - 1], next[k], loop.step[k], group, n, copy, pitch);
        inputs[k - 1] = copy;
        input_next[k - 1] = pitch;
      }
      T* to = y + row_offset(loop, 0, row);
      const bool in_place = loop.step[0] == 1;
      for (int64_t r = 0; r < group; ++r) {
        const T* own[N - 1];
        for (int k = 0; k < N - 1; ++k) own[k] = inputs[k] + r * input_next[k];
        T* target = in_place ? to + r * next[0] : buffer + r * pitch;
        body(RowTarget<T>{target, streamed ? buffer : target, streamed}, own);
      }
      if (!in_place) scatter_rows(buffer, pitch, group, n, to, next[0], loop.step[0]);
      row += group;
    }
    if (streamed) stream_fence();
  });
}

/// Whether the rows of every operand lie side by side, and are not too long to be taken so.
template <int N>
CR_INLINE bool side_by_side(const RowLoop<N>& loop) {
  bool all = loop.rank > 0 && loop.length <= kSideBySide;
  for (int n = 0; n < N && all; ++n) all = loop.step[n] != 1 && loop.strides[n][loop.rank - 1] == 1;
  return all;
}

/// Vectors of rows side by side that are taken at once: few elements a row leave room for long runs of each ([8,21,16384]: 0.80 to 0.90 of
/// the time with AVX2; of 64 elements and more 1.04 to 1.07).
template <class T>
CR_INLINE int64_t vectors_together(int64_t n) {
  return kVecBytes == 32 && n <= 32 ? 2048 / kVecBytes : row_vectors<T>(n);
}

/// The same for rows of at most kShortRow elements, or side by side, as many at a time as a vector has lanes: body(v) has v[k][j] with
/// element j of the rows of input k, and leaves the results in v[0].
template <class T, int N, class Body>
CR_INLINE void for_row_lanes(Context& ctx, const RowLoop<N>& loop, T* y, const T* const (&x)[N - 1], Body body) {
  const int64_t n = loop.length, most = (side_by_side(loop) ? vectors_together<T>(n) : 1) * kLanes<T>;
  const int64_t grain = (kRowGrain / (n + 8) / most + 1) * most;
  const int32_t last = loop.rank - 1;
  parallel_units(ctx, (loop.rows + grain - 1) / grain, [&](int64_t unit, int worker) {
    const int64_t end = (unit + 1) * grain < loop.rows ? (unit + 1) * grain : loop.rows;
    const int64_t own = most / kLanes<T> * (n < kShortRow ? kShortRow : n);  // vectors of an input
    Vec<T>* buffer = worker_scratch<Vec<T>>(ctx, worker, (N - 1) * own);
    for (int64_t row = unit * grain; row < end;) {
      const int64_t group = even_rows(loop, row, end, most);
      const auto place = [&](int k) { return RowPlace{last >= 0 ? loop.strides[k][last] : 0, loop.step[k]}; };
      for (int k = 1; k < N; ++k) load_row_lanes(x[k - 1] + row_offset(loop, k, row), place(k), group, n, buffer + (k - 1) * own);
      for (int64_t r = 0; r * kLanes<T> < group; ++r) {
        Vec<T>* v[N - 1];
        for (int k = 0; k < N - 1; ++k) v[k] = buffer + k * own + r * n;
        body(v);
      }
      store_row_lanes(buffer, group, n, y + row_offset(loop, 0, row), place(0));
      row += group;
    }
  });
}

}  // namespace chainrule::CR_ISA
