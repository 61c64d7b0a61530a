#pragma once
// What crossEntropy and nllLoss share: scores [N, C, d...] with a class axis, labels [N, d...], and how losses are reduced.
#include "core/error.h"
#include "core/view.h"
#include "kernels/norm/softmax_rows.h"
#include "kernels/norm/write_row.h"
#include "simd/parallel.h"
#include "simd/row_lanes.h"
#include "simd/transpose.h"
#include "simd/views.h"

namespace chainrule::CR_ISA {

enum class LossReduction { none = 0, mean = 1, sum = 2 };

/// One row is the scores of all classes for one label.
struct LabelRows {
  int64_t rows, classes;
  int64_t inner;                                                                          // product of the axes behind the class axis
  int64_t outer_stride[2], inner_rank, inner_shape[kMaxRank], inner_stride[2][kMaxRank];  // of operand 0, scores, and 1, labels
  int64_t class_stride;
  bool wide;  // labels are i64
  const void* labels;
};

/// scores [N, C, d...] or [C]; labels [N, d...] or [].
CR_INLINE LabelRows make_label_rows(const TensorView& scores, const TensorView& labels) {
  const int32_t axis = scores.rank == 1 ? 0 : 1;
  CR_CHECK(scores.rank >= 1 && labels.rank == scores.rank - 1);
  LabelRows r;
  r.rows = 1;
  r.inner = 1;
  r.inner_rank = 0;
  r.outer_stride[0] = axis == 1 ? scores.strides[0] : 0;
  r.outer_stride[1] = axis == 1 ? labels.strides[0] : 0;
  r.classes = scores.shape[axis];
  r.class_stride = scores.strides[axis];
  for (int32_t d = 0; d < labels.rank; ++d) {
    const int32_t own = d < axis ? d : d + 1;
    CR_CHECK(labels.shape[d] == scores.shape[own]);
    r.rows *= labels.shape[d];
    if (d == 0) continue;
    const int64_t n = labels.shape[d], before = r.inner_rank - 1, stride[2] = {scores.strides[own], labels.strides[d]};
    const bool merge = before >= 0 && r.inner_stride[0][before] == n * stride[0] && r.inner_stride[1][before] == n * stride[1];
    const int64_t at = merge ? before : r.inner_rank++;
    r.inner *= n;
    r.inner_shape[at] = merge ? r.inner_shape[at] * n : n;
    for (int k = 0; k < 2; ++k) r.inner_stride[k][at] = stride[k];
  }
  r.wide = labels.dtype == DType::i64;
  r.labels = labels.data;
  return r;
}

CR_INLINE int64_t label_row_offset(const LabelRows& r, int operand, int64_t row) {
  int64_t offset = row / r.inner * r.outer_stride[operand];
  int64_t rest = row % r.inner;
  for (int64_t d = r.inner_rank - 1; d >= 0; --d) {
    offset += rest % r.inner_shape[d] * r.inner_stride[operand][d];
    rest /= r.inner_shape[d];
  }
  return offset;
}

/// The label of a row, whose offset is given, or -1 when it is to be ignored. Fails on a label that is no class.
CR_INLINE int64_t checked_label_at(const LabelRows& r, int64_t row, int64_t offset, int64_t ignored) {
  const int64_t label = r.wide ? static_cast<const int64_t*>(r.labels)[offset] : static_cast<const int32_t*>(r.labels)[offset];
  if (label == ignored) return -1;
  if (label < 0 || label >= r.classes) {
    fail("label %lld is out of range for %lld classes (row %lld)", static_cast<long long>(label), static_cast<long long>(r.classes),
         static_cast<long long>(row));
  }
  return label;
}
CR_INLINE int64_t checked_label(const LabelRows& r, int64_t row, int64_t ignored) {
  return checked_label_at(r, row, label_row_offset(r, 1, row), ignored);
}

/// Offset of the element with row-major number `flat`.
CR_INLINE int64_t view_offset(const TensorView& view, int64_t flat) {
  int64_t offset = 0;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    offset += flat % view.shape[d] * view.strides[d];
    flat /= view.shape[d];
  }
  return offset;
}

/// A result shaped as the scores.
template <class T>
struct GradRows {
  LabelRows rows;
  T* data;
};

/// Elements between a row and the next: along the last axis, or along the first when there is no other.
CR_INLINE int64_t next_row_stride(const LabelRows& r, int operand) {
  return r.inner_rank > 0 ? r.inner_stride[operand][r.inner_rank - 1] : r.outer_stride[operand];
}

/// How many rows from `row` on (before `end`, at most `most`) lie evenly spaced in the scores and the labels.
CR_INLINE int64_t even_rows(const LabelRows& r, int64_t row, int64_t end, int64_t most) {
  const int64_t last = r.inner_rank > 0 ? r.inner_shape[r.inner_rank - 1] : r.rows;
  const int64_t left = last - row % last, wanted = end - row < most ? end - row : most;
  return left < wanted ? left : wanted;
}

/// The row `offset` elements from p; none where there is no result.
template <class T>
CR_INLINE T* row_of(T* p, int64_t offset) {
  return p == nullptr ? nullptr : p + offset;
}

/// body(x, row, y, streamed) for every row, x and y contiguous: rows that are not are copied in groups. A large result is to be streamed.
template <class T, class Body>
CR_INLINE void for_label_rows(Context& ctx, const LabelRows& r, const T* scores, const GradRows<T>& result, Body body) {
  const int64_t n = r.classes, pitch = row_pitch(n), most = row_group(n);
  const bool copy_x = r.class_stride != 1, copy_y = result.data != nullptr && result.rows.class_stride != 1, copies = copy_x || copy_y;
  const bool streamed = result.data != nullptr && !copy_y && is_streamed<T>(r.rows, n);
  const int64_t small = n >= 8192 ? 1 : 8192 / (n + 8) + 1, grain = copies ? (small + most - 1) / most * most : small;
  const int64_t x_next = next_row_stride(r, 0), y_next = next_row_stride(result.rows, 0);
  parallel_units(ctx, (r.rows + grain - 1) / grain, [&](int64_t unit, int worker) {
    T* buffer = copies ? worker_scratch<T>(ctx, worker, 2 * most * pitch) : nullptr;
    T* buffer_y = copies ? buffer + most * pitch : nullptr;
    const int64_t end = r.rows < (unit + 1) * grain ? r.rows : (unit + 1) * grain;
    for (int64_t row = unit * grain; row < end;) {
      const int64_t group = even_rows(result.rows, row, end, even_rows(r, row, end, most));
      const T* from = scores + label_row_offset(r, 0, row);
      T* to = result.data == nullptr ? nullptr : result.data + label_row_offset(result.rows, 0, row);
      if (copy_x) gather_rows(from, x_next, r.class_stride, group, n, buffer, pitch);
      for (int64_t i = 0; i < group; ++i) {
        body(copy_x ? buffer + i * pitch : from + i * x_next, row + i, copy_y ? buffer_y + i * pitch : row_of(to, i * y_next), streamed);
      }
      if (copy_y) scatter_rows(buffer_y, pitch, group, n, to, y_next, result.rows.class_stride);
      row += group;
    }
    if (streamed) stream_fence();
  });
}
/// Whether rows, and those of the result, lie side by side and are not too long to be taken so.
template <class T>
CR_INLINE bool side_by_side(const LabelRows& r, const GradRows<T>& result) {
  const auto all = [](const LabelRows& rows) { return rows.class_stride != 1 && next_row_stride(rows, 0) == 1; };
  return r.classes <= kSideBySide && all(r) && all(result.rows);
}

/// The same for rows of at most kShortRow classes, or side by side, as many at a time as a vector has lanes: body(row, group, v) has
/// v[c][i] with the score of class c in row + i, i < group. Where there is a result, what the body leaves in v is stored there.
template <class T, class Body>
CR_INLINE void for_label_lanes(Context& ctx, const LabelRows& r, const T* scores, const GradRows<T>& result, Body body) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = r.classes, most = (side_by_side(r, result) ? row_vectors<T>(n) : 1) * lanes;
  const int64_t grain = (8192 / (n + 8) / most + 1) * most;
  const RowPlace from = {next_row_stride(r, 0), r.class_stride}, to = {next_row_stride(result.rows, 0), result.rows.class_stride};
  parallel_units(ctx, (r.rows + grain - 1) / grain, [&](int64_t unit, int worker) {
    const int64_t end = r.rows < (unit + 1) * grain ? r.rows : (unit + 1) * grain;
    Vec<T>* v = worker_scratch<Vec<T>>(ctx, worker, most / lanes * (n < kShortRow ? kShortRow : n));
    for (int64_t row = unit * grain; row < end;) {
      const int64_t group = even_rows(result.rows, row, end, even_rows(r, row, end, most));
      load_row_lanes(scores + label_row_offset(r, 0, row), from, group, n, v);
      for (int64_t i = 0; i < group; i += lanes) body(row + i, group - i < lanes ? group - i : lanes, v + i / lanes * n);
      if (result.data != nullptr) store_row_lanes(v, group, n, result.data + label_row_offset(result.rows, 0, row), to);
      row += group;
    }
  });
}
template <class T, class Body>
CR_INLINE void for_label_rows(Context& ctx, const LabelRows& r, const T* scores, Body body) {
  for_label_rows<T>(ctx, r, scores, GradRows<T>{r, nullptr}, [&](const T* x, int64_t row, T*, bool) { body(x, row); });
}

/// Reduces per-row losses and weights to what the op returns: `norm` is the sum of weights.
template <class T>
CR_INLINE void reduce_losses(const T* losses, const T* weights, int64_t rows, LossReduction reduction, T* loss, T* norm) {
  const auto total = [rows](const T* x) {
    return reduce_each<JoinSum, T>(rows, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(x + i, m); });
  };
  *norm = total(weights);
  if (reduction == LossReduction::mean) *loss = total(losses) / *norm;
  if (reduction == LossReduction::sum) *loss = total(losses);
}

}  // namespace chainrule::CR_ISA
