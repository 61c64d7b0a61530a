#pragma once
// Reductions along an outer axis: whole strips of columns at a time, so that memory is read in order.
#include "kernels/reduce/plan.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kRowsPerBlock = 128;  // added one after the other; the tree is above
inline constexpr int64_t kStripColumns = 512;

/// sum[i] = join(sum[i], map(x[i], c[i])) for i < n; sum and c are padded to whole vectors.
template <class Op, class A, class T>
CR_INLINE void add_row(const T* x, const A* c, int64_t n, A* sum) {
  constexpr int64_t lanes = kLanes<A>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(sum + i, Op::join(load(sum + i), Op::map(load_as<A>(x + i), load(c + i))));
  if (i < n) store(sum + i, Op::join(load(sum + i), Op::map(load_some_as<A>(x + i, n - i), load(c + i))));
}
/// Four rows in turn, with one load and store of the sums.
template <class Op, class A, class T>
CR_INLINE void add_four_rows(const T* const (&x)[4], const A* c, int64_t n, A* sum) {
  constexpr int64_t lanes = kLanes<A>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec<A> k = load(c + i);
    Vec<A> total = Op::join(load(sum + i), Op::map(load_as<A>(x[0] + i), k));
    total = Op::join(total, Op::map(load_as<A>(x[1] + i), k));
    total = Op::join(total, Op::map(load_as<A>(x[2] + i), k));
    store(sum + i, Op::join(total, Op::map(load_as<A>(x[3] + i), k)));
  }
  if (i < n) {
    for (int r = 0; r < 4; ++r) add_row<Op>(x[r] + i, c + i, n - i, sum + i);
  }
}

/// One strip of columns.
template <class T, class A>
struct Strip {
  const T* x;  // its first column
  const A* c;  // padded to whole vectors
  int64_t width;
  const int64_t* offsets;  // of the columns from x; null when they are contiguous
  T* buffer;               // four rows, for columns that are not
};

/// Row `r` (0..3) of the four at hand, contiguous.
template <class T, class A>
CR_INLINE const T* strip_row(const Strip<T, A>& strip, int64_t offset, int r) {
  const T* from = strip.x + offset;
  if (strip.offsets == nullptr) return from;
  T* row = strip.buffer + r * kStripColumns;
  for (int64_t i = 0; i < strip.width; ++i) row[i] = from[strip.offsets[i]];
  return row;
}

template <class Op, class A>
CR_INLINE void fill_identity(A* sum, int64_t width) {
  for (int64_t i = 0; i < width; i += kLanes<A>) store(sum + i, Op::template identity<Vec<A>>());
}

/// sum = rows begin..end-1 of the strip, in order.
template <class Op, class A, class T>
CR_INLINE void reduce_row_block(const AxisGroup& reduced, const Strip<T, A>& strip, int64_t begin, int64_t end, A* sum) {
  fill_identity<Op>(sum, strip.width);
  Position at = position_at(reduced, reduced.rank, begin);
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) {
    const T* rows[4];
    for (int r = 0; r < 4; ++r, advance(reduced, reduced.rank, at)) rows[r] = strip_row(strip, at.x, r);
    add_four_rows<Op>(rows, strip.c, strip.width, sum);
  }
  for (; row < end; ++row, advance(reduced, reduced.rank, at)) add_row<Op>(strip_row(strip, at.x, 0), strip.c, strip.width, sum);
}

/// The tree over blocks of rows: level d of `levels` is kStripColumns wide, the last level is where a new block is computed.
template <class Op, class A>
struct ColumnTree {
  A* levels;
  int depth;
  int64_t width, pushed;
};
CR_INLINE int tree_depth(int64_t blocks) {
  int depth = 1;
  while (blocks >> depth) ++depth;
  return depth;
}
template <class Op, class A>
CR_INLINE A* next_block(const ColumnTree<Op, A>& tree) {
  return tree.levels + tree.depth * kStripColumns;
}
template <class Op, class A>
CR_INLINE void join_strips(const A* a, const A* b, int64_t width, A* sum) {
  for (int64_t i = 0; i < width; i += kLanes<A>) store(sum + i, Op::join(load(a + i), load(b + i)));
}
template <class Op, class A>
CR_INLINE void push_block(ColumnTree<Op, A>& tree) {
  A* block = next_block(tree);
  int d = 0;
  for (int64_t i = tree.pushed++; i & 1; i >>= 1) join_strips<Op>(tree.levels + d++ * kStripColumns, block, tree.width, block);
  std::memcpy(tree.levels + d * kStripColumns, block, static_cast<size_t>(tree.width) * sizeof(A));
}
/// Where the total stands afterwards.
template <class Op, class A>
CR_INLINE A* column_total(ColumnTree<Op, A>& tree) {
  int d = __builtin_ctzll(static_cast<unsigned long long>(tree.pushed));
  A* total = tree.levels + d * kStripColumns;
  for (++d; tree.pushed >> d; ++d) {
    if (tree.pushed >> d & 1) join_strips<Op>(tree.levels + d * kStripColumns, total, tree.width, total);
  }
  return total;
}

/// How columns are shared among units.
struct ColumnCut {
  int64_t strips;                     // of kStripColumns columns, the last one narrower
  int64_t blocks, segment, segments;  // blocks of rows, how many one unit takes, and how many such segments there are
  int64_t results;                    // strips of all outer kept positions
  int64_t grain;                      // segments per unit
  int depth;                          // levels of the tree
};
CR_INLINE ColumnCut cut_columns(const Reduction& plan) {
  ColumnCut cut;
  const int64_t widest = plan.width < kStripColumns ? plan.width : kStripColumns;
  cut.strips = (plan.width + kStripColumns - 1) / kStripColumns;
  cut.results = plan.outputs / plan.width * cut.strips;
  cut.blocks = (plan.count + kRowsPerBlock - 1) / kRowsPerBlock;
  cut.segment = segment_blocks(cut.blocks, kRowsPerBlock * widest, cut.results);
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
      ctx, worker, accumulators * static_cast<int64_t>(sizeof(A)) + kStripColumns * static_cast<int64_t>(sizeof(int64_t) + 4 * sizeof(T)));
  A* levels = reinterpret_cast<A*>(memory);
  auto* offsets = reinterpret_cast<int64_t*>(levels + accumulators);
  return {levels, levels + (depth + 1) * kStripColumns, offsets, reinterpret_cast<T*>(offsets + kStripColumns)};
}

/// Calls body(i, x, y, c) with the offsets of columns first..first+n-1.
template <class Body>
CR_INLINE void each_column(const AxisGroup& inner, int64_t first, int64_t n, Body body) {
  Position at = position_at(inner, inner.rank, first);
  for (int64_t i = 0; i < n; ++i, advance(inner, inner.rank, at)) body(i, at.x, at.y, at.c);
}

/// Finishes the results of one strip and stores them. `constants` holds what c, if any, has for them.
template <class Op, class A, class Y>
CR_INLINE void store_strip(const Reduction& plan, A* total, const A* constants, int64_t column, int64_t width, Y* y) {
  const Vec<A> count = splat<Vec<A>>(static_cast<A>(plan.divisor));
  for (int64_t i = 0; i < width; i += kLanes<A>) store(total + i, Op::finish(load(total + i), count, load(constants + i)));
  each_column(plan.inner, column, width, [&](int64_t i, int64_t, int64_t to, int64_t) { y[to] = static_cast<Y>(total[i]); });
}

/// One segment of one strip; returns where its total stands.
template <class Op, class A, class T>
CR_INLINE A* reduce_strip(const Reduction& plan, const ColumnCut& cut, const StripMemory<T, A>& memory, const T* x, const A* c,
                          int64_t column, int64_t width, int64_t segment) {
  const bool contiguous = plan.inner.rank == 1 && plan.inner.x[0] == 1;
  if (!contiguous || c != nullptr) {
    each_column(plan.inner, column, width, [&](int64_t i, int64_t from, int64_t, int64_t constant) {
      memory.offsets[i] = from;
      if (c != nullptr) memory.constants[i] = c[constant];
    });
  }
  const Strip<T, A> strip = {contiguous ? x + column : x, memory.constants, width, contiguous ? nullptr : memory.offsets, memory.buffer};
  ColumnTree<Op, A> tree = {memory.levels, cut.depth, width, 0};
  const int64_t end = (segment + 1) * cut.segment < cut.blocks ? (segment + 1) * cut.segment : cut.blocks;
  for (int64_t b = segment * cut.segment; b < end; ++b) {
    const int64_t rows = (b + 1) * kRowsPerBlock < plan.count ? (b + 1) * kRowsPerBlock : plan.count;
    reduce_row_block<Op>(plan.reduced, strip, b * kRowsPerBlock, rows, next_block(tree));
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
        store_strip<Op>(plan, total, memory.constants, column, width, y + at.y);
      } else {
        std::memcpy(parts + task * kStripColumns, total, static_cast<size_t>(width) * sizeof(A));
      }
    }
  });
  if (parts == nullptr) return;
  parallel_units(ctx, cut.results, [&](int64_t result, int worker) {
    const StripMemory<T, A> memory = strip_memory<T, A>(ctx, worker, cut.depth);
    const int64_t column = result % cut.strips * kStripColumns, width = width_at(column);
    const Position at = position_at(kept, kept.rank, result / cut.strips);
    fill_identity<JoinSum>(memory.constants, kStripColumns);
    if (c != nullptr) {
      each_column(plan.inner, column, width,
                  [&](int64_t i, int64_t, int64_t, int64_t constant) { memory.constants[i] = c[at.c + constant]; });
    }
    ColumnTree<Op, A> tree = {memory.levels, cut.depth, width, 0};
    for (int64_t s = 0; s < cut.segments; ++s) {
      std::memcpy(next_block(tree), parts + (result * cut.segments + s) * kStripColumns, static_cast<size_t>(width) * sizeof(A));
      push_block(tree);
    }
    store_strip<Op>(plan, column_total(tree), memory.constants, column, width, y + at.y);
  });
}

}  // namespace chainrule::CR_ISA
