#pragma once
// The inside of a reduction along an outer axis: rows of a strip of columns, added to a row of sums. Eight rows at a time, which are eight
// streams from memory and one load and store of the sums.
#include "kernels/reduce/bytes.h"
#include "kernels/reduce/plan.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kRowsPerBlock = 128;  // added one after the other; the tree is above
inline constexpr int64_t kStripColumns = 2048;
inline constexpr int kRowsAtOnce = 8;

/// sum[i] = join(sum[i], map(x[r][i], c[i])) for i < n and each of the rows in turn; sum and c are padded to whole vectors. What is behind
/// sum[n] stays as it is: when n is the width of some of the rows that a strip's row is made of, it is the sums of the others.
template <class Op, int Rows, class A, class T>
CR_INLINE void add_rows(const T* const* x, const A* c, int64_t n, A* sum) {
  constexpr int64_t lanes = kLanes<A>;
  if constexpr (kSumsBytes<A, T>) {
    if (n >= kByteColumns) return add_byte_rows<Rows>(x, n, sum);
  }
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec<A> constant = load(c + i);
    Vec<A> total = load(sum + i);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) total = take<Op>(total, Op::map(load_as<A>(x[r] + i), constant));
    store(sum + i, total);
  }
  if (i == n) return;
  const Vec<A> constant = load(c + i);
  Vec<A> total = load(sum + i);
  for (int r = 0; r < Rows; ++r) total = take<Op>(total, Op::map(load_some_as<A>(x[r] + i, n - i), constant));
  store_partial(sum + i, total, n - i);
}

/// Vectors of sums that fit registers.
inline constexpr int kRunVectors = sizeof(VF) == 64 ? 16 : 8;
/// Columns of rows that are so narrow that a block of them is read in one go or two, which memory gives faster than eight rows at a time.
template <class A>
inline constexpr int64_t kRunColumns = 16 * kLanes<A>;

/// sum = columns first..n-1 of rows that are `stride` apart, joined one row after the other, at most `Vectors` vectors at a time: sums stay
/// in registers. n is a vector or more; the last columns are computed again rather than in a part of a vector.
template <class Op, int Vectors, class A, class T>
CR_INLINE void add_run(const T* x, int64_t stride, int64_t rows, const A* c, int64_t first, int64_t n, A* sum) {
  constexpr int64_t lanes = kLanes<A>, columns = Vectors * lanes;
  const auto join_columns = [=](int64_t i) CR_INLINE_LAMBDA {
    Vec<A> total[Vectors];
#pragma GCC unroll 16
    for (int k = 0; k < Vectors; ++k) total[k] = Op::template identity<Vec<A>>();
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = x + r * stride + i;
#pragma GCC unroll 16
      for (int k = 0; k < Vectors; ++k) total[k] = take<Op>(total[k], Op::map(load_as<A>(row + k * lanes), load(c + i + k * lanes)));
    }
#pragma GCC unroll 16
    for (int k = 0; k < Vectors; ++k) store(sum + i + k * lanes, total[k]);
  };
  for (; first + columns <= n; first += columns) join_columns(first);
  if (first == n) return;
  if (n >= columns && n - first > columns - lanes) return join_columns(n - columns);
  if constexpr (Vectors > 1) add_run<Op, Vectors / 2>(x, stride, rows, c, first, n, sum);
}

/// One strip of columns. Rows that are narrow are joined: `fold` of them, one after the other, make one row of the strip.
template <class T, class A>
struct Strip {
  const T* x;  // its first column
  const A* c;  // padded to whole vectors
  int64_t fold;
  int64_t width;           // of a row of the strip
  const int64_t* offsets;  // of a row's columns from x; null when rows (all `fold` of them) lie contiguous
  T* buffer;               // kRowsAtOnce rows, for those that do not
};

template <class Op, class A>
CR_INLINE void fill_identity(A* sum, int64_t width) {
  for (int64_t i = 0; i < width; i += kLanes<A>) store(sum + i, Op::template identity<Vec<A>>());
}

/// The next row of the strip, made of `fold` rows; it stands where `at` is or, gathered, in `copy`.
template <class T, class A>
CR_INLINE const T* next_row(const AxisGroup& reduced, const Strip<T, A>& strip, int64_t fold, Position& at, T* copy) {
  const T* row = strip.x + at.x;
  if (strip.offsets == nullptr && reduced.rank == 1) {
    at.x += fold * reduced.x[0];
    return row;
  }
  if (strip.offsets == nullptr) {
    advance(reduced, reduced.rank, at);
    return row;
  }
  const int64_t narrow = strip.width / strip.fold;
  for (int64_t f = 0; f < fold; ++f, advance(reduced, reduced.rank, at)) {
    for (int64_t i = 0; i < narrow; ++i) copy[f * narrow + i] = strip.x[at.x + strip.offsets[i]];
  }
  return copy;
}

/// sum = rows begin..end-1 of those reduced, in order; begin is a multiple of the fold.
template <class Op, class A, class T>
CR_INLINE void reduce_row_block(const AxisGroup& reduced, const Strip<T, A>& strip, int64_t begin, int64_t end, A* sum) {
  fill_identity<Op>(sum, strip.width);
  Position at = position_at(reduced, reduced.rank, begin);
  const int64_t fold = strip.fold, narrow = strip.width / fold;
  int64_t row = begin;
  if (!kSumsBytes<A, T> && strip.offsets == nullptr && reduced.rank == 1 && strip.width <= kRunColumns<A> && strip.width >= kLanes<A>) {
    const int64_t rows = (end - begin) / fold, stride = fold * reduced.x[0];
    add_run<Op, kRunVectors>(strip.x + at.x, stride, rows, strip.c, 0, strip.width, sum);
    at.x += rows * stride;
    row += rows * fold;
  }
  for (; row + kRowsAtOnce * fold <= end; row += kRowsAtOnce * fold) {
    const T* rows[kRowsAtOnce];
    for (int r = 0; r < kRowsAtOnce; ++r) rows[r] = next_row(reduced, strip, fold, at, strip.buffer + r * kStripColumns);
    add_rows<Op, kRowsAtOnce>(rows, strip.c, strip.width, sum);
  }
  while (row < end) {
    const int64_t some = end - row < fold ? end - row : fold;
    const T* last = next_row(reduced, strip, some, at, strip.buffer);
    add_rows<Op, 1>(&last, strip.c, some * narrow, sum);
    row += some;
  }
}

/// The narrow rows that make one wide row, joined in order into the first.
template <class Op, class A>
CR_INLINE void unfold(A* sum, int64_t narrow, int64_t fold) {
  for (int64_t f = 1; f < fold; ++f) {
    for (int64_t i = 0; i < narrow; i += kLanes<A>) {
      const int64_t m = narrow - i < kLanes<A> ? narrow - i : kLanes<A>;
      store_some(sum + i, Op::join(load_some(sum + i, m), load_some(sum + f * narrow + i, m)), m);
    }
  }
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

}  // namespace chainrule::CR_ISA
