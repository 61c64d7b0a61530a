#pragma once
// Reductions whose innermost axis is reduced, and those where nothing is contiguous.
#include "kernels/reduce/bytes.h"
#include "kernels/reduce/plan.h"
#include "simd/parallel.h"
#include "simd/poly.h"
#include "simd/row_lanes.h"

namespace chainrule::CR_ISA {

/// Shorter runs are reduced in one sequence with their neighbours.
inline constexpr int64_t kShortestRun = 64;

/// How the elements of one result are cut into blocks: every run by itself, or all in one sequence. Contiguous runs are read in place.
struct RowCut {
  bool by_run, in_place;
  int64_t sequence;  // elements of a run, or all
  int64_t blocks_per_sequence;
  int64_t blocks;
};
CR_INLINE RowCut cut_rows(const Reduction& plan) {
  const AxisGroup& reduced = plan.reduced;
  const int32_t last = reduced.rank - 1;
  RowCut cut;
  cut.by_run = plan.run >= kShortestRun;
  cut.sequence = cut.by_run ? plan.run : plan.count;
  cut.in_place = reduced.x[last] == 1 && reduced.shape[last] == cut.sequence;
  cut.blocks_per_sequence = (cut.sequence + kBlockElements - 1) / kBlockElements;
  cut.blocks = plan.count == 0 ? 0 : plan.count / cut.sequence * cut.blocks_per_sequence;
  return cut;
}

/// Copies `n` elements of the reduced axes, from the `first` on, to `buffer`.
template <class T>
CR_INLINE void gather(const AxisGroup& reduced, const T* x, int64_t first, int64_t n, T* buffer) {
  const int32_t last = reduced.rank - 1;
  const int64_t run = reduced.shape[last], stride = reduced.x[last];
  Position at = position_at(reduced, last, first / run);
  int64_t skip = first % run;
  for (int64_t done = 0; done < n;) {
    const int64_t piece = run - skip < n - done ? run - skip : n - done;
    const T* from = x + at.x + skip * stride;
    for (int64_t i = 0; i < piece; ++i) buffer[done + i] = from[i * stride];
    done += piece;
    skip = 0;
    advance(reduced, last, at);
  }
}

/// Lanes of map(x[i]) for i < n, at most kBlockElements.
template <class Op, class A, class T, class Map>
CR_INLINE Lanes<A> block_lanes(const T* x, int64_t n, Map map) {
  if constexpr (kSumsBytes<A, T>) {
    Lanes<A> sum = {};
    sum.part[0][0] = sum_bytes(x, n);
    return sum;
  } else {
    return reduce_lanes<Op, A>(x, n, map);
  }
}

/// The tree over blocks begin..end-1 of the result whose elements begin at x; `c` is its constant.
template <class Op, class A, class T>
Lanes<A> reduce_blocks(const Reduction& plan, const RowCut& cut, const T* x, A c, int64_t begin, int64_t end) {
  if (begin == end) return identity_lanes<Op, A>();
  const auto map = [c](Vec<A> v) CR_INLINE_LAMBDA { return Op::map(v, splat<Vec<A>>(c)); };
  const int32_t last = plan.reduced.rank - 1;
  BlockTree<Op, A> tree;
  tree.pushed = 0;
  T buffer[kBlockElements];
  int64_t sequence = begin / cut.blocks_per_sequence;
  int64_t start = begin % cut.blocks_per_sequence * kBlockElements;
  Position at = position_at(plan.reduced, last, sequence);
  // From one run to the next: hardware foresees no such step.
  const int64_t ahead = cut.in_place && cut.blocks_per_sequence == 1 && last > 0 ? plan.reduced.x[last - 1] : 0;
  for (int64_t b = begin; b < end; ++b) {
    const int64_t n = cut.sequence - start < kBlockElements ? cut.sequence - start : kBlockElements;
    const T* block = x + at.x + start;
    if (!cut.in_place) {
      gather(plan.reduced, x, sequence * cut.sequence + start, n, buffer);
      block = buffer;
    }
    if (ahead == 0 || kSumsBytes<A, T>) {
      tree_push(tree, block_lanes<Op, A>(block, n, map));
    } else {
      tree_push(tree, reduce_range<Op, A>(0, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
                  __builtin_prefetch(block + ahead + i);
                  return map(load_some_as<A>(block + i, m));
                }));
    }
    start += n;
    if (start < cut.sequence) continue;
    start = 0;
    ++sequence;
    if (cut.in_place) advance(plan.reduced, last, at);
  }
  return tree_total(tree);
}

template <class Op, class A, class Y>
CR_INLINE void store_result(const Reduction& plan, const Lanes<A>& lanes, A c, Y* y) {
  const Vec<A> value = splat<Vec<A>>(fold_lanes<Op, A>(lanes));
  *y = static_cast<Y>(Op::finish(value, splat<Vec<A>>(static_cast<A>(plan.divisor)), splat<Vec<A>>(c))[0]);
}

/// Lane r is x[r * step], for r < n; zeros after.
template <class A>
CR_INLINE Vec<A> load_lanes(const A* x, int64_t n, int64_t step) {
  if (step == 1) return load_some(x, n);
  Vec<A> v = {};
  for (int64_t r = 0; r < n; ++r) v[r] = x[r * step];
  return v;
}
template <class V, class Y>
CR_INLINE void store_lanes(V v, int64_t n, Y* y, int64_t step) {
  if constexpr (kDTypeOf<Y> == kDTypeOf<Scalar<V>>) {
    if (step == 1) return store_some(y, v, n);
  }
  for (int64_t r = 0; r < n; ++r) y[r * step] = static_cast<Y>(v[r]);
}

/// Results begin..end-1 of short rows, evenly spaced ones side by side in the lanes of vectors.
template <class Op, class A>
void reduce_short_rows(const Reduction& plan, const A* x, const A* c, A* y, int64_t begin, int64_t end) {
  using V = Vec<A>;
  const AxisGroup& kept = plan.kept;
  const int32_t last = kept.rank - 1;
  const int64_t n = plan.count, lanes = kLanes<A>;
  V v[kShortRow];
  for (int64_t i = begin; i < end;) {
    const int64_t left = kept.shape[last] - i % kept.shape[last], wanted = end - i < lanes ? end - i : lanes;
    const int64_t group = left < wanted ? left : wanted;
    const Position at = position_at(kept, kept.rank, i);
    load_row_lanes(x + at.x, {kept.x[last], plan.reduced.x[0]}, group, n, v);
    const V constants = c == nullptr ? V{} : load_lanes(c + at.c, group, kept.c[last]);
    for (int64_t j = 0; j < n; ++j) v[j] = Op::map(v[j], constants);
    const V result = Op::finish(fold_row_lanes<Op>(v, n), splat<V>(static_cast<A>(plan.divisor)), constants);
    store_lanes(result, group, y + at.y, kept.y[last]);
    i += group;
  }
}

/// A row of at most sixteen elements in one vector, as reduce_lanes and fold_parts make it of longer ones but for the sign of a zero.
template <class Op, class A, class T>
CR_INLINE Vec<A> short_row(const T* x, int64_t n, Vec<A> constant) {
  Lanes<A> all = identity_lanes<Op, A>();
#pragma GCC unroll 8
  for (int k = 0; k < Lanes<A>::kParts; ++k) {
    const int64_t left = n - k * kLanes<A>;
    if (left <= 0) break;
    const Vec<A> value = Op::map(load_some_as<A>(x + k * kLanes<A>, left < kLanes<A> ? left : kLanes<A>), constant);
    const Vec<A> taken = select<Vec<A>>(lanes_below<Vec<A>>(left), value, Op::template identity<Vec<A>>());
    if constexpr (requires { Op::take(taken, taken); }) {
      all.part[k] = Op::take(all.part[k], taken);
    } else {
      all.part[k] = taken;
    }
  }
  return fold_parts<Op, A>(all);
}

/// Results begin..end-1 of rows that are contiguous and one block each: a vector for each row, and the lanes of as many rows as a vector
/// has are folded together.
template <class Op, class A, class T, class Y>
void reduce_whole_rows(const Reduction& plan, const T* x, const A* c, Y* y, int64_t begin, int64_t end) {
  using V = Vec<A>;
  constexpr int64_t lanes = kLanes<A>;
  const AxisGroup& kept = plan.kept;
  const int32_t last = kept.rank - 1;
  const int64_t n = plan.count, next = kept.x[last];
  Position at = position_at(kept, last, begin / kept.shape[last]);
  for (int64_t i = begin, inside = begin % kept.shape[last]; i < end;) {
    const int64_t left = kept.shape[last] - inside, wanted = end - i < lanes ? end - i : lanes, group = left < wanted ? left : wanted;
    const T* from = x + at.x + inside * next;
    const V constants = c == nullptr ? V{} : load_lanes(c + at.c + inside * kept.c[last], group, kept.c[last]);
    V result;
    if (kIsFloat<V> && group == lanes && n <= kShortRow) {
      result = fold_vectors<Op, V>([&](int r) CR_INLINE_LAMBDA { return short_row<Op, A>(from + r * next, n, splat<V>(constants[r])); });
    } else {
      V rows[lanes];
      for (int64_t r = group; r < lanes; ++r) rows[r] = V{};
      for (int64_t r = 0; r < group; ++r) {
        const V constant = splat<V>(constants[r]);
        const auto map = [constant](V v) CR_INLINE_LAMBDA { return Op::map(v, constant); };
        rows[r] = fold_parts<Op, A>(block_lanes<Op, A>(from + r * next, n, map));
      }
      result = fold_vectors<Op, V>([&](int r) CR_INLINE_LAMBDA { return rows[r]; });
    }
    result = Op::finish(Op::join(Op::template identity<V>(), result), splat<V>(static_cast<A>(plan.divisor)), constants);
    store_lanes(result, group, y + at.y + inside * kept.y[last], kept.y[last]);
    i += group;
    inside += group;
    if (inside < kept.shape[last]) continue;
    inside = 0;
    advance(kept, last, at);
  }
}

/// Results begin..end-1, each as a whole.
template <class Op, class A, class T, class Y>
CR_INLINE void reduce_results(const Reduction& plan, const RowCut& cut, const T* x, const A* c, Y* y, int64_t begin, int64_t end) {
  if (cut.in_place && cut.blocks == 1) return reduce_whole_rows<Op, A>(plan, x, c, y, begin, end);
  if constexpr (kIsFloat<Vec<A>> && sizeof(T) == sizeof(A)) {
    if (plan.count > 0 && plan.count <= kShortRow && plan.reduced.rank == 1) {
      return reduce_short_rows<Op, A>(plan, x, c, y, begin, end);
    }
  }
  const AxisGroup& kept = plan.kept;
  Position at = position_at(kept, kept.rank, begin);
  for (int64_t i = begin; i < end; ++i, advance(kept, kept.rank, at)) {
    const A constant = c == nullptr ? A{} : c[at.c];
    store_result<Op, A>(plan, reduce_blocks<Op, A>(plan, cut, x + at.x, constant, 0, cut.blocks), constant, y + at.y);
  }
}

/// Results of one unit.
CR_INLINE int64_t row_grain(const Reduction& plan) {
  return plan.count >= kReduceGrain ? 1 : (kReduceGrain / (plan.count + 16) + 15) / 16 * 16;
}
/// Blocks of one result that a unit takes; all of them where each result is one unit's.
CR_INLINE int64_t row_segment(const Reduction& plan, const RowCut& cut) {
  return segment_blocks(cut.blocks, plan.count / (cut.blocks > 0 ? cut.blocks : 1), plan.outputs);
}

/// The tree over n blocks, or subtrees, of one result.
template <class Op, class A>
Lanes<A> join_parts(const Lanes<A>* parts, int64_t n) {
  BlockTree<Op, A> tree;
  tree.pushed = 0;
  for (int64_t i = 0; i < n; ++i) tree_push(tree, parts[i]);
  return tree_total(tree);
}

template <class Op, class A, class T, class Y>
CR_INLINE void reduce_rows(Context& ctx, const Reduction& plan, const T* x, const A* c, Y* y) {
  const RowCut cut = cut_rows(plan);
  const AxisGroup& kept = plan.kept;
  const int64_t segment = row_segment(plan, cut);
  if (segment == cut.blocks) {
    return parallel_range(ctx, plan.outputs, row_grain(plan),
                          [&](int64_t begin, int64_t end) { reduce_results<Op, A>(plan, cut, x, c, y, begin, end); });
  }
  const int64_t segments = (cut.blocks + segment - 1) / segment;
  Lanes<A>* parts = scratch<Lanes<A>>(ctx, plan.outputs * segments);
  parallel_units(ctx, plan.outputs * segments, [&](int64_t unit, int) {
    const Position at = position_at(kept, kept.rank, unit / segments);
    const int64_t begin = unit % segments * segment;
    const int64_t end = begin + segment < cut.blocks ? begin + segment : cut.blocks;
    parts[unit] = reduce_blocks<Op, A>(plan, cut, x + at.x, c == nullptr ? A{} : c[at.c], begin, end);
  });
  Position at = position_at(kept, kept.rank, 0);
  for (int64_t i = 0; i < plan.outputs; ++i, advance(kept, kept.rank, at)) {
    store_result<Op, A>(plan, join_parts<Op, A>(parts + i * segments, segments), c == nullptr ? A{} : c[at.c], y + at.y);
  }
}

}  // namespace chainrule::CR_ISA
