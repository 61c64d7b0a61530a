#pragma once
// Reductions along an outer axis: whole strips of columns at a time, so that memory is read in order.
#include "kernels/reduce/plan.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kRowsPerBlock = 128;  // added one after the other; the tree is above
inline constexpr int64_t kStripColumns = 512;

CR_INLINE bool is_columns(const Reduction& plan) {
  const AxisGroup &kept = plan.kept, &reduced = plan.reduced;
  const bool rows = reduced.x[reduced.rank - 1] == 1 && reduced.shape[reduced.rank - 1] > 1;
  return !rows && kept.x[kept.rank - 1] == 1 && kept.shape[kept.rank - 1] >= 8 && plan.count > 1;
}

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

/// One strip: columns begin at x, `width` of them.
template <class T, class A>
struct Strip {
  const T* x;
  const A* c;  // padded to whole vectors
  int64_t width;
};

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
    for (auto& pointer : rows) {
      pointer = strip.x + at.x;
      advance(reduced, reduced.rank, at);
    }
    add_four_rows<Op>(rows, strip.c, strip.width, sum);
  }
  for (; row < end; ++row, advance(reduced, reduced.rank, at)) add_row<Op>(strip.x + at.x, strip.c, strip.width, sum);
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
  int64_t width, strips;              // columns, and strips of them
  int64_t blocks, segment, segments;  // blocks of rows, how many one unit takes, and how many such segments there are
  int64_t outer;                      // kept positions other than columns
};
CR_INLINE ColumnCut cut_columns(const Reduction& plan) {
  ColumnCut cut;
  cut.width = plan.kept.shape[plan.kept.rank - 1];
  cut.strips = (cut.width + kStripColumns - 1) / kStripColumns;
  cut.blocks = (plan.count + kRowsPerBlock - 1) / kRowsPerBlock;
  cut.outer = plan.outputs / cut.width;
  const int64_t strip_width = cut.width < kStripColumns ? cut.width : kStripColumns;
  cut.segment = segment_blocks(cut.blocks, kRowsPerBlock * strip_width, cut.outer * cut.strips);
  cut.segments = (cut.blocks + cut.segment - 1) / cut.segment;
  return cut;
}

/// Results of one strip, finished and stored with y's stride.
template <class Op, class A, class Y>
CR_INLINE void store_strip(const A* total, int64_t width, int64_t count, Y* y, int64_t stride) {
  A finished[kLanes<A>];
  for (int64_t i = 0; i < width; i += kLanes<A>) {
    store(finished, Op::finish(load(total + i), splat<Vec<A>>(static_cast<A>(count))));
    for (int64_t k = 0; k < kLanes<A> && i + k < width; ++k) y[(i + k) * stride] = static_cast<Y>(finished[k]);
  }
}

template <class Op, class A, class T, class Y>
CR_INLINE void reduce_columns(Context& ctx, const Reduction& plan, const T* x, const A* c, Y* y) {
  const ColumnCut cut = cut_columns(plan);
  const AxisGroup &kept = plan.kept, &reduced = plan.reduced;
  const int32_t last = kept.rank - 1;
  const int depth = tree_depth(cut.segment > cut.segments ? cut.segment : cut.segments);
  const int64_t results = cut.outer * cut.strips;
  A* parts = cut.segments > 1 ? scratch<A>(ctx, results * cut.segments * kStripColumns) : nullptr;
  const auto finish = [&](const Position& at, int64_t column, int64_t width, const A* total) {
    store_strip<Op>(total, width, plan.count, y + at.y + column * kept.y[last], kept.y[last]);
  };
  // Small results share a unit.
  const int64_t elements = plan.count * (cut.width < kStripColumns ? cut.width : kStripColumns);
  const int64_t grain = cut.segments > 1 || elements >= kReduceGrain ? 1 : kReduceGrain / (elements + 1);
  const int64_t tasks = results * cut.segments;
  parallel_units(ctx, (tasks + grain - 1) / grain, [&](int64_t unit, int worker) {
    A* memory = worker_scratch<A>(ctx, worker, (depth + 2) * kStripColumns);
    A* constants = memory + (depth + 1) * kStripColumns;
    fill_identity<JoinSum>(constants, kStripColumns);
    for (int64_t task = unit * grain; task < tasks && task < (unit + 1) * grain; ++task) {
      const int64_t segment = task % cut.segments, result = task / cut.segments;
      const int64_t column = result % cut.strips * kStripColumns;
      const int64_t width = cut.width - column < kStripColumns ? cut.width - column : kStripColumns;
      const Position at = position_at(kept, last, result / cut.strips);
      if (c != nullptr) {
        for (int64_t i = 0; i < width; ++i) constants[i] = c[at.c + (column + i) * kept.c[last]];
      }
      const Strip<T, A> strip = {x + at.x + column, constants, width};
      ColumnTree<Op, A> tree = {memory, depth, width, 0};
      const int64_t end = (segment + 1) * cut.segment < cut.blocks ? (segment + 1) * cut.segment : cut.blocks;
      for (int64_t b = segment * cut.segment; b < end; ++b) {
        const int64_t rows = (b + 1) * kRowsPerBlock < plan.count ? (b + 1) * kRowsPerBlock : plan.count;
        reduce_row_block<Op>(reduced, strip, b * kRowsPerBlock, rows, next_block(tree));
        push_block(tree);
      }
      const A* total = column_total(tree);
      if (parts == nullptr) {
        finish(at, column, width, total);
      } else {
        std::memcpy(parts + task * kStripColumns, total, static_cast<size_t>(width) * sizeof(A));
      }
    }
  });
  if (parts == nullptr) return;
  parallel_units(ctx, results, [&](int64_t result, int worker) {
    A* memory = worker_scratch<A>(ctx, worker, (depth + 1) * kStripColumns);
    const int64_t column = result % cut.strips * kStripColumns;
    const int64_t width = cut.width - column < kStripColumns ? cut.width - column : kStripColumns;
    ColumnTree<Op, A> tree = {memory, depth, width, 0};
    for (int64_t s = 0; s < cut.segments; ++s) {
      std::memcpy(next_block(tree), parts + (result * cut.segments + s) * kStripColumns, static_cast<size_t>(width) * sizeof(A));
      push_block(tree);
    }
    finish(position_at(kept, last, result / cut.strips), column, width, column_total(tree));
  });
}

}  // namespace chainrule::CR_ISA
