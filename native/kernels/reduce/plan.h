#pragma once
// Which elements are reduced to which result, as few axes as possible.
#include "core/error.h"
#include "core/view.h"
#include "simd/lanes.h"

namespace chainrule::CR_ISA {

/// One group of axes, outermost first. `x`, `y` and `c` are the strides in the input, the result and the constants.
struct AxisGroup {
  int32_t rank;
  int64_t shape[kMaxRank], x[kMaxRank], y[kMaxRank], c[kMaxRank];
};
/// Rows: the last axis (of a size other than 1) is reduced. Columns: it is kept.
struct Reduction {
  bool columns;
  AxisGroup kept, reduced;
  AxisGroup inner;  // columns: the kept axes after the last reduced one; rows: none
  int64_t outputs;  // results: product of the kept axes, inner ones included
  int64_t count;    // elements per result: product of the reduced axes
  double divisor;   // what finish() is told of their number
  int64_t width;    // results that lie side by side: product of the inner axes
  int64_t run;      // elements that lie side by side: product of the reduced axes after the last kept one
};

CR_INLINE void append_axis(AxisGroup& group, int64_t size, int64_t x, int64_t y, int64_t c) {
  group.shape[group.rank] = size;
  group.x[group.rank] = x;
  group.y[group.rank] = y;
  group.c[group.rank++] = c;
}

/// Joins neighbours that are one axis in every operand; a group without axes gets one of size 1.
CR_INLINE void merge_axes(AxisGroup& group) {
  int32_t rank = 0;
  for (int32_t d = 0; d < group.rank; ++d) {
    const int64_t n = group.shape[d];
    const bool merge =
        rank > 0 && group.x[rank - 1] == group.x[d] * n && group.y[rank - 1] == group.y[d] * n && group.c[rank - 1] == group.c[d] * n;
    const int32_t to = merge ? rank - 1 : rank++;
    group.shape[to] = merge ? group.shape[to] * n : n;
    group.x[to] = group.x[d];
    group.y[to] = group.y[d];
    group.c[to] = group.c[d];
  }
  if (rank == 0) {
    group.shape[0] = 1;
    group.x[0] = group.y[0] = group.c[0] = 1;
    rank = 1;
  }
  group.rank = rank;
}

CR_INLINE int64_t group_size(const AxisGroup& group) {
  int64_t size = 1;
  for (int32_t d = 0; d < group.rank; ++d) size *= group.shape[d];
  return size;
}

/// Axes of size 1 in y are reduced. c may be null. Which form it is, and the order of elements, follow from shapes alone.
CR_INLINE Reduction make_reduction(const TensorView& x, const TensorView* c, const TensorView& y) {
  CR_CHECK(x.rank == y.rank && (c == nullptr || c->rank == y.rank));
  Reduction plan;
  plan.kept.rank = plan.reduced.rank = plan.inner.rank = 0;
  plan.count = plan.width = plan.run = 1;
  int32_t last_kept = -1, last_reduced = -1;
  for (int32_t d = 0; d < x.rank; ++d) {
    CR_CHECK((y.shape[d] == x.shape[d] || y.shape[d] == 1) && (c == nullptr || c->shape[d] == y.shape[d]));
    if (x.shape[d] == 1) continue;
    (y.shape[d] == 1 ? last_reduced : last_kept) = d;
    if (y.shape[d] == 1) plan.count *= x.shape[d];
  }
  plan.columns = last_kept > last_reduced && plan.count > 0;
  for (int32_t d = 0; d < x.rank; ++d) {
    if (x.shape[d] == 1) continue;
    if (y.shape[d] == 1) {
      append_axis(plan.reduced, x.shape[d], x.strides[d], 0, 0);
      if (d > last_kept) plan.run *= x.shape[d];
    } else {
      const bool inner = plan.columns && d > last_reduced;
      append_axis(inner ? plan.inner : plan.kept, x.shape[d], x.strides[d], y.strides[d], c == nullptr ? 0 : c->strides[d]);
      if (inner) plan.width *= x.shape[d];
    }
  }
  plan.divisor = static_cast<double>(plan.count);
  plan.outputs = group_size(plan.kept) * plan.width;
  merge_axes(plan.kept);
  merge_axes(plan.reduced);
  merge_axes(plan.inner);
  return plan;
}

/// A position in the first `rank` axes of a group, with its element offsets.
struct Position {
  int64_t index[kMaxRank];
  int64_t x, y, c;
};
CR_INLINE Position position_at(const AxisGroup& group, int32_t rank, int64_t flat) {
  Position p;
  p.x = p.y = p.c = 0;
  for (int32_t d = rank - 1; d >= 0; --d) {
    p.index[d] = flat % group.shape[d];
    flat /= group.shape[d];
    p.x += p.index[d] * group.x[d];
    p.y += p.index[d] * group.y[d];
    p.c += p.index[d] * group.c[d];
  }
  return p;
}
CR_INLINE void advance(const AxisGroup& group, int32_t rank, Position& p) {
  for (int32_t d = rank - 1; d >= 0; --d) {
    p.x += group.x[d];
    p.y += group.y[d];
    p.c += group.c[d];
    if (++p.index[d] < group.shape[d]) return;
    p.index[d] = 0;
    p.x -= group.x[d] * group.shape[d];
    p.y -= group.y[d] * group.shape[d];
    p.c -= group.c[d] * group.shape[d];
  }
}

/// Work per unit, in elements.
inline constexpr int64_t kReduceGrain = 32768;

/// Blocks (a power of two, so that a segment is a subtree) that one unit reduces when a single result is shared among units; `blocks` when
/// there are enough results to go round.
CR_INLINE int64_t segment_blocks(int64_t blocks, int64_t block_elements, int64_t results) {
  if (results >= 64 || blocks * block_elements < 2 * kReduceGrain) return blocks;
  int64_t segment = 1;
  while (segment * block_elements < kReduceGrain) segment *= 2;
  return segment < blocks ? segment : blocks;
}

}  // namespace chainrule::CR_ISA
