#pragma once
// Reductions over the innermost axes and one that is further out, [N, C, S] over N and S: the runs of one result lie far apart. Memory is
// read in order, run after run, whatever result they belong to; the tree over a result's blocks comes afterwards.
#include "kernels/reduce/rows.h"

namespace chainrule::CR_ISA {

/// Runs of fewer bytes go one result after the other: the lanes of all blocks would be more than an eighth of what is reduced.
template <class A>
inline constexpr int64_t kShortestPlane = 8 * sizeof(Lanes<A>);

/// Bytes of lanes at most. Scratch memory of 4 MiB is granted even where tensors fill the budget, which must not stop a sum.
inline constexpr int64_t kMostPlaneLanes = int64_t{3} << 20;

/// Whether plan is one of them, contiguous runs of at least kShortestPlane bytes.
template <class A, class T>
CR_INLINE bool has_planes(const Reduction& plan, const RowCut& cut) {
  const AxisGroup &kept = plan.kept, &reduced = plan.reduced;
  if (!cut.by_run || !cut.in_place || reduced.rank != 2 || kept.rank != 1 || kept.shape[0] == 1) return false;
  if (plan.run * static_cast<int64_t>(sizeof(T)) < kShortestPlane<A>) return false;
  if (plan.outputs * cut.blocks * static_cast<int64_t>(sizeof(Lanes<A>)) > kMostPlaneLanes) return false;
  return kept.x[0] >= plan.run && reduced.x[0] >= kept.shape[0] * kept.x[0];
}

template <class Op, class A, class T, class Y>
CR_INLINE void reduce_planes(Context& ctx, const Reduction& plan, const RowCut& cut, const T* x, const A* c, Y* y) {
  const AxisGroup &kept = plan.kept, &reduced = plan.reduced;
  const int64_t results = plan.outputs, blocks = cut.blocks_per_sequence;
  const auto constant_of = [&](int64_t result) { return c == nullptr ? A{} : c[result * kept.c[0]]; };
  Lanes<A>* parts = scratch<Lanes<A>>(ctx, results * cut.blocks);  // [result, outer, block of the run]
  parallel_range(ctx, reduced.shape[0] * results, kReduceGrain / plan.run + 1, [&](int64_t begin, int64_t end) {
    int64_t outer = begin / results, result = begin % results;
    for (int64_t run = begin; run < end; ++run) {
      const Vec<A> constant = splat<Vec<A>>(constant_of(result));
      const auto map = [constant](Vec<A> v) CR_INLINE_LAMBDA { return Op::map(v, constant); };
      const T* from = x + outer * reduced.x[0] + result * kept.x[0];
      Lanes<A>* own = parts + result * cut.blocks + outer * blocks;
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t start = b * kBlockElements, left = plan.run - start;
        own[b] = block_lanes<Op, A>(from + start, left < kBlockElements ? left : kBlockElements, map);
      }
      if (++result < results) continue;
      result = 0;
      ++outer;
    }
  });
  parallel_range(ctx, results, kReduceGrain / (kVirtualLanes * cut.blocks + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t result = begin; result < end; ++result) {
      const Lanes<A> total = join_parts<Op, A>(parts + result * cut.blocks, cut.blocks);
      store_result<Op, A>(plan, total, constant_of(result), y + result * kept.y[0]);
    }
  });
}

}  // namespace chainrule::CR_ISA
