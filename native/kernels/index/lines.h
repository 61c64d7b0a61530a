#pragma once
// Ops along one axis: the other axes are walked as lines, in blocks, with several tensors in step. Index values are checked here.
#include "kernels/elementwise/loops.h"
#include "simd/gather.h"

namespace chainrule::CR_ISA {

/// `view` with its axis reduced to the first element: what is left has the same shape for all tensors of the op.
CR_INLINE TensorView without_axis(const TensorView& view, int32_t axis) {
  TensorView rest = view;
  rest.shape[axis] = 1;
  rest.strides[axis] = 0;
  return rest;
}

CR_INLINE int32_t axis_param(const TensorView& view, double axis) {
  const auto value = static_cast<int32_t>(axis);
  CR_CHECK(value >= 0 && value < view.rank);
  return value;
}

/// Lines per unit of work, so that a unit touches about kGrainElements: whole cache lines where several share one.
CR_INLINE int64_t line_grain(int64_t elements_per_line) {
  const int64_t lines = kGrainElements / (elements_per_line > 0 ? elements_per_line : 1);
  return lines < 16 ? 16 : lines / 16 * 16;
}

/// Number of the element at row-major position `flat` of an index, for messages: an index repeated along an axis (stride 0) counts once.
CR_INLINE long long own_number(const TensorView& view, int64_t flat) {
  int64_t number = 0, scale = 1;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    const int64_t at = flat % view.shape[d];
    flat /= view.shape[d];
    if (view.strides[d] == 0) continue;
    number += at * scale;
    scale *= view.shape[d];
  }
  return number;
}

/// As own_number, of position `along` on the axis in line number `line`.
CR_INLINE long long element_number(const TensorView& view, int32_t axis, int64_t line, int64_t along) {
  int64_t number = 0, scale = 1;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    const int64_t at = d == axis ? along : line % view.shape[d];
    if (d != axis) line /= view.shape[d];
    if (view.strides[d] == 0) continue;
    number += at * scale;
    scale *= view.shape[d];
  }
  return number;
}

[[noreturn]] CR_INLINE void fail_index(int64_t index, int32_t axis, int64_t size, long long element) {
  fail("index %lld is out of range for axis %d of size %lld (element %lld)", static_cast<long long>(index), axis,
       static_cast<long long>(size), element);
}

/// Calls bad(position, i) for the first of n positions that is not in 0..size-1 (or `skip`).
template <class I, class Bad>
CR_INLINE void check_positions(const I* position, int64_t stride, int64_t n, int64_t size, Bad bad, int64_t skip = INT64_MIN) {
  if (stride == 1 && !any_outside(position, n, size, skip)) return;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = position[i * stride];
    if (static_cast<uint64_t>(k) >= static_cast<uint64_t>(size) && k != skip) bad(k, i);
  }
}

/// body<I>() with the C++ type of an index tensor.
template <class Body>
CR_INLINE void with_index_type(DType dtype, Body body) {
  if (dtype == DType::i32) return body(int32_t{0});
  CR_CHECK(dtype == DType::i64);
  body(int64_t{0});
}

}  // namespace chainrule::CR_ISA
