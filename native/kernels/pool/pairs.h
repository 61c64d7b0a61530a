#pragma once
// Windows 2 x 2 side by side, over planes without gaps whose height and width are even: all planes are one run of rows of windows, with two
// rows of inputs each. Where a row is short, two rows of windows share a vector. Vectors may read past a row's end, as far as the tensor
// goes, and write what the same unit of work writes again later.
#include "kernels/pool/window.h"
#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// Rows of windows of all planes, and windows in a row.
struct PairRows {
  int64_t rows, per_plane, width;
};

template <class T>
CR_INLINE bool in_one_piece(const Planes<T>& p) {
  return p.stride == 1 && p.row_stride == p.width && p.even && (p.count == 1 || p.step == p.height * p.width);
}
/// Whether both axes are twice as long before as behind, and both tensors lie in one piece.
template <class A, class B>
CR_INLINE bool is_halving(const PoolAxis& h, const PoolAxis& w, const Planes<A>& large, const Planes<B>& small) {
  return h.in == 2 * h.out && w.in == 2 * w.out && w.out > 0 && in_one_piece(large) && in_one_piece(small);
}
/// Whether `large` is cut into pairs without a rest.
template <class A, class B>
CR_INLINE bool is_pair_run(const PoolAxis& h, const PoolAxis& w, const Planes<A>& large, const Planes<B>& small) {
  return is_pairs(h) && is_pairs(w) && is_halving(h, w, large, small);
}

/// body(begin, past) for the rows of windows, in units of an even number.
template <class Body>
CR_INLINE void for_each_pair_row(Context& ctx, const PairRows& run, Body body) {
  const int64_t grain = kPoolGrain / (8 * run.width) * 2;
  parallel_range(ctx, run.rows, grain < 2 ? 2 : grain, body);
}

/// Two rows of windows in one vector: the lanes below `width` are the first row's.
template <class T>
struct PairLanes {
  IntVec<Vec<T>> even, odd;  // where the columns of the windows are in two vectors, a row of inputs (or a merged one) in each
  IntVec<Vec<T>> column;     // of the window's first input
  IntVec<Vec<T>> second;     // -1: of the second row
  IntVec<Vec<T>> spread;     // the second row's windows, each twice: from a vector for even and one for odd columns
};
template <class T>
CR_INLINE bool is_narrow(int64_t width) {
  return kLanes<T> >= 4 && 2 * width <= kLanes<T>;
}
template <class T>
CR_INLINE PairLanes<T> pair_lanes(int64_t width) {
  using I = IntFor<T>;
  constexpr int64_t lanes = kLanes<T>;
  PairLanes<T> l{};
  for (int64_t i = 0; i < lanes && is_narrow<T>(width); ++i) {
    const bool second = i >= width;
    const int64_t column = 2 * (second ? i - width : i);
    l.column[i] = static_cast<I>(column);
    l.second[i] = second ? -1 : 0;
    l.even[i] = static_cast<I>((column + (second ? lanes : 0)) % (2 * lanes));
    l.odd[i] = static_cast<I>((column + (second ? lanes : 0) + 1) % (2 * lanes));
    l.spread[i] = static_cast<I>((width + i / 2 + i % 2 * lanes) % (2 * lanes));
  }
  return l;
}

/// Calls narrow(row) for two rows of windows from `row` on, where they share a vector, else wide(row) for one; careful(row) for one when a
/// vector read at the row's inputs or windows could reach past the tensor's end.
template <class T, class Narrow, class Wide, class Careful>
CR_INLINE void walk_pair_rows(const PairRows& run, int64_t begin, int64_t past, Narrow narrow, Wide wide, Careful careful) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t row = begin;
  if (is_narrow<T>(run.width)) {
    const int64_t behind = (lanes - 1) / run.width - 1;  // rows of windows that a vector touches after its own two
    for (; row + 2 + behind <= run.rows && row + 2 <= past; row += 2) narrow(row);
  } else {
    const int64_t touched = (run.width + lanes - 1) / lanes * lanes, behind = (touched - 1) / run.width;
    for (; row + 1 + behind <= run.rows && row < past; ++row) wide(row);
  }
  for (; row < past; ++row) careful(row);
}

/// y = finish(merge of each window's inputs): down the columns, then along the row.
template <class T, class Merge, class Finish, class Careful>
CR_INLINE void pair_values(const PairRows& run, const T* x, T* y, int64_t begin, int64_t past, Merge merge, Finish finish,
                           Careful careful) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = run.width, in = 2 * n;
  const PairLanes<T> at = pair_lanes<T>(n);
  walk_pair_rows<T>(
      run, begin, past,
      [&](int64_t row) CR_INLINE_LAMBDA {
        const T* p = x + 2 * row * in;
        const V a = merge(load(p), load(p + in)), b = merge(load(p + 2 * in), load(p + 3 * in));
        put(y + row * n, finish(merge(pick(a, b, at.even), pick(a, b, at.odd))), 2 * n, (past - row) * n);
      },
      [&](int64_t row) CR_INLINE_LAMBDA {
        const T* p = x + 2 * row * in;
        for (int64_t o = 0; o < n; o += lanes) {
          const V a = merge(load(p + 2 * o), load(p + 2 * o + in)), b = merge(load(p + 2 * o + lanes), load(p + 2 * o + in + lanes));
          put(y + row * n + o, finish(merge(evens(a, b), odds(a, b))), n - o, (past - row) * n - o);
        }
      },
      careful);
}

/// gx of rows of windows begin..past-1: value(row, o, here, line) gives, for a vector of windows o.. of row `row` (and of the next, where
/// they share one), what the inputs (line, 0) and (line, 1) get, line being 0 or 1.
template <class T, class Value, class Careful>
CR_INLINE void pair_gradients(const PairRows& run, T* gx, int64_t begin, int64_t past, Value value, Careful careful) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = run.width, in = 2 * n;
  const auto spread = pair_lanes<T>(n).spread;
  walk_pair_rows<T>(
      run, begin, past,
      [&](int64_t row) CR_INLINE_LAMBDA {
        T* to = gx + 2 * row * in;
        const auto top = value(row, 0, 0), bottom = value(row, 0, 1);
        const int64_t room = 2 * (past - row) * in;  // each row may spill into those behind it, which come later
        put(to, zip_low(top.even, top.odd), in, room);
        put(to + in, zip_low(bottom.even, bottom.odd), in, room - in);
        put(to + 2 * in, pick(top.even, top.odd, spread), in, room - 2 * in);
        put(to + 3 * in, pick(bottom.even, bottom.odd, spread), in, room - 3 * in);
      },
      [&](int64_t row) CR_INLINE_LAMBDA {
        for (int line = 0; line < 2; ++line) {
          T* to = gx + (2 * row + line) * in;
          const int64_t room = (2 * (past - row) - line) * in;
          for (int64_t o = 0; o < n; o += lanes) {
            const auto v = value(row, o, line);
            put(to + 2 * o, zip_low(v.even, v.odd), in - 2 * o, room - 2 * o);
            if (in - 2 * o > lanes) put(to + 2 * o + lanes, zip_high(v.even, v.odd), in - 2 * o - lanes, room - 2 * o - lanes);
          }
        }
      },
      careful);
}

/// A vector for the even columns and one for the odd ones.
template <class V>
struct Columns {
  V even, odd;
};

}  // namespace chainrule::CR_ISA
