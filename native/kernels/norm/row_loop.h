#pragma once
// Kernels that work on whole rows along one axis (softmax and its kin): rows are handed over contiguous, whatever the strides are, so the
// arithmetic and its order do not depend on the layout.
#include "core/error.h"
#include "core/view.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

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
    loop.shape[loop.rank] = y.shape[d];
    for (int n = 0; n < N; ++n) loop.strides[n][loop.rank] = views[n]->strides[d];
    ++loop.rank;
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

/// Calls body(y, inputs, row) for every row, all rows contiguous; y is the row to be written.
template <class T, int N, class Body>
CR_INLINE void for_rows(Context& ctx, const RowLoop<N>& loop, T* y, const T* const (&x)[N - 1], Body body) {
  const int64_t n = loop.length;
  const int64_t grain = n >= kRowGrain ? 1 : kRowGrain / (n + 8) + 1;
  parallel_units(ctx, (loop.rows + grain - 1) / grain, [&](int64_t unit, int worker) {
    T* buffer = nullptr;
    for (int k = 0; k < N; ++k) {
      if (loop.step[k] != 1 && buffer == nullptr) buffer = worker_scratch<T>(ctx, worker, N * n);
    }
    const int64_t end = (unit + 1) * grain < loop.rows ? (unit + 1) * grain : loop.rows;
    for (int64_t row = unit * grain; row < end; ++row) {
      const T* inputs[N - 1];
      for (int k = 1; k < N; ++k) {
        const T* from = x[k - 1] + row_offset(loop, k, row);
        inputs[k - 1] = from;
        if (loop.step[k] == 1) continue;
        T* copy = buffer + k * n;
        for (int64_t i = 0; i < n; ++i) copy[i] = from[i * loop.step[k]];
        inputs[k - 1] = copy;
      }
      T* to = y + row_offset(loop, 0, row);
      if (loop.step[0] == 1) {
        body(to, inputs, row);
        continue;
      }
      body(buffer, inputs, row);
      for (int64_t i = 0; i < n; ++i) to[i * loop.step[0]] = buffer[i];
    }
  });
}

}  // namespace chainrule::CR_ISA
