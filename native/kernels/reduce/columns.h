#pragma once
// Reductions along an outer axis: whole strips of columns at a time, so that memory is read in order.
#include "kernels/reduce/strip.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Rows narrower than kNarrow columns are joined to rows of kJoined at least.
inline constexpr int64_t kNarrow = 64;
inline constexpr int64_t kJoined = 128;

/// How many rows make one row of a strip: for narrow ones a multiple of what fills 16 lanes.
CR_INLINE int64_t fold_of(const Reduction& plan) {
  if (plan.width >= kNarrow || plan.count * plan.width < 4 * kJoined) return 1;
  int64_t whole = 1;
  while (whole * plan.width % kVirtualLanes != 0) whole *= 2;
  int64_t fold = whole;
  while (fold * plan.width < kJoined) fold += whole;
  return fold;
}

/// How columns are shared among units.
struct ColumnCut {
  int64_t fold;                       // rows that make one row of a strip
  int64_t rows_per_block;             // reduced rows, a multiple of the fold
  int64_t strips;                     // of kStripColumns columns, the last one narrower
  int64_t blocks, segment, segments;  // blocks of rows, how many one unit takes, and how many such segments there are
  int64_t results;                    // strips of all outer kept positions
  int64_t grain;                      // segments per unit
  int depth;                          // levels of the tree
};
CR_INLINE ColumnCut cut_columns(const Reduction& plan) {
  ColumnCut cut;
  const int64_t widest = plan.width < kStripColumns ? plan.width : kStripColumns;
  cut.fold = fold_of(plan);
  cut.rows_per_block = kRowsPerBlock * cut.fold;
  cut.strips = (plan.width + kStripColumns - 1) / kStripColumns;
  cut.results = plan.outputs / plan.width * cut.strips;
  cut.blocks = (plan.count + cut.rows_per_block - 1) / cut.rows_per_block;
  cut.segment = segment_blocks(cut.blocks, cut.rows_per_block * widest, cut.results);
  cut.segments = (cut.blocks + cut.segment - 1) / cut.segment;
  const int64_t elements = plan.count * widest;
  cut.grain = cut.segments > 1 || elements >= kReduceGrain ? 1 : kReduceGrain / (elements + 16) + 1;
  cut.depth = tree_depth(cut.segment > cut.segments ? cut.segment : cut.segments);
  return cut;
}

/// Where one strip's columns lie, and memory to reduce it in.
template <class T, class A>
struct StripMemory {
  A *levels, *constants;
  int64_t* offsets;
  T* buffer;
};
template <class T, class A>
CR_INLINE StripMemory<T, A> strip_memory(Context& ctx, int worker, int depth) {
  const int64_t accumulators = (depth + 2) * kStripColumns;
  char* memory = worker_scratch<char>(
      ctx, worker,
      accumulators * static_cast<int64_t>(sizeof(A)) + kStripColumns * static_cast<int64_t>(sizeof(int64_t) + kRowsAtOnce * sizeof(T)));
  A* levels = reinterpret_cast<A*>(memory);
  auto* offsets = reinterpret_cast<int64_t*>(levels + accumulators);
  return {levels, levels + (depth + 1) * kStripColumns, offsets, reinterpret_cast<T*>(offsets + kStripColumns)};
}

/// Calls body(i, x, y, c) with the offsets of columns first..first+n-1.
template <class Body>
CR_INLINE void each_column(const AxisGroup& inner, int64_t first, int64_t n, Body body) {
  if (inner.rank == 1) {
    for (int64_t i = 0; i < n; ++i) body(i, (first + i) * inner.x[0], (first + i) * inner.y[0], (first + i) * inner.c[0]);
    return;
  }
  Position at = position_at(inner, inner.rank, first);
  for (int64_t i = 0; i < n; ++i, advance(inner, inner.rank, at)) body(i, at.x, at.y, at.c);
}

/// The constants of a strip's columns, once for each of the rows that make one.
template <class A>
CR_INLINE void copy_constants(const Reduction& plan, const A* c, int64_t column, int64_t width, int64_t fold, A* constants) {
  each_column(plan.inner, column, width, [&](int64_t i, int64_t, int64_t, int64_t from) { constants[i] = c[from]; });
  for (int64_t f = 1; f < fold; ++f) std::memcpy(constants + f * width, constants, static_cast<size_t>(width) * sizeof(A));
}

/// Finishes the results of one strip and stores them. `constants` holds what c, if any, has for them.
template <class Op, class A, class Y>
void store_strip(const Reduction& plan, A* total, const A* constants, int64_t column, int64_t width, int64_t fold, Y* y) {
  unfold<Op>(total, width, fold);
  const Vec<A> count = splat<Vec<A>>(static_cast<A>(plan.divisor));
  for (int64_t i = 0; i < width; i += kLanes<A>) store(total + i, Op::finish(load(total + i), count, load(constants + i)));
  each_column(plan.inner, column, width, [&](int64_t i, int64_t, int64_t to, int64_t) { y[to] = static_cast<Y>(total[i]); });
}

/// One segment of one strip; returns where its total stands.
template <class Op, class A, class T>
A* reduce_strip(const Reduction& plan, const ColumnCut& cut, const StripMemory<T, A>& memory, const T* x, const A* c, int64_t column,
                int64_t width, int64_t segment) {
  const AxisGroup &inner = plan.inner, &reduced = plan.reduced;
  const bool side_by_side = inner.rank == 1 && inner.x[0] == 1;
  const bool in_place = side_by_side && (cut.fold == 1 || (reduced.rank == 1 && reduced.x[0] == width));
  if (!in_place) each_column(inner, column, width, [&](int64_t i, int64_t from, int64_t, int64_t) { memory.offsets[i] = from; });
  if (c != nullptr) copy_constants(plan, c, column, width, cut.fold, memory.constants);
  const Strip<T, A> strip = {in_place ? x + column : x,           memory.constants, cut.fold, cut.fold * width,
                             in_place ? nullptr : memory.offsets, memory.buffer};
  ColumnTree<Op, A> tree = {memory.levels, cut.depth, strip.width, 0};
  const int64_t end = (segment + 1) * cut.segment < cut.blocks ? (segment + 1) * cut.segment : cut.blocks;
  for (int64_t b = segment * cut.segment; b < end; ++b) {
    const int64_t rows = (b + 1) * cut.rows_per_block < plan.count ? (b + 1) * cut.rows_per_block : plan.count;
    reduce_row_block<Op>(reduced, strip, b * cut.rows_per_block, rows, next_block(tree));
    push_block(tree);
  }
  return column_total(tree);
}

template <class Op, class A, class T, class Y>
CR_INLINE void reduce_columns(Context& ctx, const Reduction& plan, const T* x, const A* c, Y* y) {
  const ColumnCut cut = cut_columns(plan);
  const AxisGroup& kept = plan.kept;
  const auto width_at = [&](int64_t column) { return plan.width - column < kStripColumns ? plan.width - column : kStripColumns; };
  A* parts = cut.segments > 1 ? scratch<A>(ctx, cut.results * cut.segments * kStripColumns) : nullptr;
  const int64_t tasks = cut.results * cut.segments;
  parallel_units(ctx, (tasks + cut.grain - 1) / cut.grain, [&](int64_t unit, int worker) {
    const StripMemory<T, A> memory = strip_memory<T, A>(ctx, worker, cut.depth);
    fill_identity<JoinSum>(memory.constants, kStripColumns);
    for (int64_t task = unit * cut.grain; task < tasks && task < (unit + 1) * cut.grain; ++task) {
      const int64_t result = task / cut.segments, column = result % cut.strips * kStripColumns, width = width_at(column);
      const Position at = position_at(kept, kept.rank, result / cut.strips);
      A* total = reduce_strip<Op, A>(plan, cut, memory, x + at.x, c == nullptr ? nullptr : c + at.c, column, width, task % cut.segments);
      if (parts == nullptr) {
        store_strip<Op>(plan, total, memory.constants, column, width, cut.fold, y + at.y);
      } else {
        std::memcpy(parts + task * kStripColumns, total, static_cast<size_t>(cut.fold * width) * sizeof(A));
      }
    }
  });
  if (parts == nullptr) return;
  parallel_units(ctx, cut.results, [&](int64_t result, int worker) {
    const StripMemory<T, A> memory = strip_memory<T, A>(ctx, worker, cut.depth);
    const int64_t column = result % cut.strips * kStripColumns, width = width_at(column), wide = cut.fold * width;
    const Position at = position_at(kept, kept.rank, result / cut.strips);
    fill_identity<JoinSum>(memory.constants, kStripColumns);
    if (c != nullptr) copy_constants(plan, c + at.c, column, width, 1, memory.constants);
    ColumnTree<Op, A> tree = {memory.levels, cut.depth, wide, 0};
    for (int64_t s = 0; s < cut.segments; ++s) {
      std::memcpy(next_block(tree), parts + (result * cut.segments + s) * kStripColumns, static_cast<size_t>(wide) * sizeof(A));
      push_block(tree);
    }
    store_strip<Op>(plan, column_total(tree), memory.constants, column, width, cut.fold, y + at.y);
  });
}

}  // namespace chainrule::CR_ISA
