#pragma once
// The driver of all reductions: any axes, any strides. Axes are sorted into kept and reduced, by stride, and merged; what remains is one
// of two forms:
//   rows     the innermost reduced axis is contiguous (or nothing is): blocks of up to 4096 elements, read in place or gathered
//   columns  the innermost kept axis is contiguous: strips of columns, blocks of 128 rows added row by row
// Both put a binary tree over the blocks (simd/lanes.h), so a result depends on shapes and strides alone, never on threads.
#include "kernels/reduce/columns.h"
#include "kernels/reduce/plan.h"
#include "kernels/reduce/rows.h"

namespace chainrule::CR_ISA {

/// y = finish(join of map(x, c) over the axes where y has size 1 and x has not), all of one rank. c, optional, is shaped as y.
///
/// Op: identity<V>(), join(V, V), map(V x, V c) and finish(V joined, V count), on vectors of A. T is x's type, Y is y's.
template <class Op, class A, class T, class Y>
CR_INLINE void reduce(Context& ctx, const TensorView& x, const TensorView* c, const TensorView& y) {
  const Reduction plan = make_reduction(x, c, y);
  const T* from = static_cast<const T*>(x.data);
  const A* constants = c == nullptr ? nullptr : static_cast<const A*>(c->data);
  Y* to = static_cast<Y*>(y.data);
  if (plan.outputs == 0) return;
  if (is_columns(plan)) {
    reduce_columns<Op, A>(ctx, plan, from, constants, to);
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
  static V finish(V joined, V) {
    return joined;
  }
};

}  // namespace chainrule::CR_ISA
