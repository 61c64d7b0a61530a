#pragma once
// The driver of all reductions: any axes, any strides. What is reduced in which order follows from shapes alone:
//   rows     the last axis is reduced: blocks of up to 4096 elements, in sixteen lanes (planes: the same, read in the order of memory)
//   columns  the last axis is kept: strips of columns, blocks of 128 rows added row by row
// and a binary tree over the blocks (simd/lanes.h). So a result has the same bits for any layout, any number of threads and any instruction
// set. Neighbouring axes are merged; what is not contiguous is gathered block by block.
#include "kernels/reduce/columns.h"
#include "kernels/reduce/plan.h"
#include "kernels/reduce/planes.h"
#include "kernels/reduce/rows.h"

namespace chainrule::CR_ISA {

/// y = finish(join of map(x, c), divisor, c) over the axes where y has size 1 and x has not), all of one rank. c, optional, is shaped as y.
/// The divisor is the count unless given.
///
/// Op: identity<V>(), join(V, V), map(V x, V c) and finish(V joined, V divisor, V c), on vectors of A. T is x's type, Y is y's.
template <class Op, class A, class T, class Y>
CR_INLINE void reduce(Context& ctx, const TensorView& x, const TensorView* c, const TensorView& y, double divisor = -1) {
  Reduction plan = make_reduction(x, c, y);
  if (divisor >= 0) plan.divisor = divisor;
  const T* from = static_cast<const T*>(x.data);
  const A* constants = c == nullptr ? nullptr : static_cast<const A*>(c->data);
  Y* to = static_cast<Y*>(y.data);
  if (plan.outputs == 0) return;
  if (plan.columns) {
    reduce_columns<Op, A>(ctx, plan, from, constants, to);
  } else if (const RowCut cut = cut_rows(plan); has_planes<A, T>(plan, cut)) {
    reduce_planes<Op, A>(ctx, plan, cut, from, constants, to);
  } else {
    reduce_rows<Op, A>(ctx, plan, from, constants, to);
  }
}

template <class Op, class A, class T, class Y>
void run_reduce(Context& ctx, const Args& args) {
  reduce<Op, A, T, Y>(ctx, args.in[0], args.ins > 1 ? &args.in[1] : nullptr, args.out[0]);
}

/// Defaults of an Op: elements as they are, result as it is.
struct Plain {
  template <class V>
  static V map(V x, V) {
    return x;
  }
  template <class V>
  static V finish(V joined, V, V) {
    return joined;
  }
};

/// Sum over the divisor.
struct Mean : JoinSum {
  template <class V>
  static V map(V x, V) {
    return x;
  }
  template <class V>
  static V finish(V sum, V count, V) {
    return sum / count;
  }
};

}  // namespace chainrule::CR_ISA
