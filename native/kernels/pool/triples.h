#pragma once
// Windows 3 x 3 at stride 2 with padding 1, over planes without gaps whose height and width are even: only the first row and the first
// column of windows are cut. As in pairs.h all planes are one run of rows of windows, short rows share a vector, and vectors may read on.
#include "kernels/pool/pairs.h"
#include "simd/unordered.h"

namespace chainrule::CR_ISA {

/// Whether `large` is cut into such windows.
template <class A, class B>
CR_INLINE bool is_triple_run(const PoolAxis& h, const PoolAxis& w, const Planes<A>& large, const Planes<B>& small) {
  return is_triples(h) && is_triples(w) && is_halving(h, w, large, small);
}

/// What is computed: merge(a, b) of vectors of inputs, a being above or to the left; `edge` stands for inputs outside; finish(merged, first
/// window, tops) gives the results, tops having bit 0 (1) set where the vector's second (first) row of windows is the first of its plane.
template <class T, class Merge, class Finish>
struct TripleWork {
  const T* x;
  T* y;
  T edge;
  Merge merge;
  Finish finish;
};

/// Where rows first..past-1 of windows have been worked on, and what they leave for the next one.
template <class T>
struct TripleWalk {
  int64_t first, past, line;  // line: of the plane
  Vec<T> carried[2] = {};     // the row of inputs above, where a row of windows is not longer than a vector
  Unordered<T> found{};       // a NaN in the last rows of inputs
};
template <class T>
CR_INLINE bool next_line(const PairRows& run, TripleWalk<T>& walk) {
  const bool top = walk.line == 0;
  walk.line = walk.line + 1 == run.per_plane ? 0 : walk.line + 1;
  return top;
}

/// Two rows of windows in one vector. `left` says where the columns before the windows' are; a row's first one is outside.
template <bool Watch, class T, class Work>
CR_INLINE void narrow_triples(const PairRows& run, const PairLanes<T>& at, const Work& work, TripleWalk<T>& walk, int64_t row) {
  using V = Vec<T>;
  using I = IntVec<V>;
  const int64_t n = run.width, in = 2 * n;
  const auto& merge = work.merge;
  const T* p = work.x + 2 * row * in;
  const V t0 = load(p), b0 = load(p + in), t1 = load(p + 2 * in), b1 = load(p + 3 * in);
  const bool top = next_line(run, walk), next_top = next_line(run, walk);
  if (row == walk.first && !top) walk.carried[0] = load(p - in);
  if constexpr (Watch) walk.found = unordered(t0, b0) | unordered(t1, b1);
  const V a = top ? merge(t0, b0) : merge(merge(walk.carried[0], t0), b0), b = next_top ? merge(t1, b1) : merge(merge(b0, t1), b1);
  const V before = select<V>(at.column == I{}, splat<V>(work.edge), pick(a, b, at.odd - splat<I>(2)));
  const V merged = merge(merge(before, pick(a, b, at.even)), pick(a, b, at.odd));
  put(work.y + row * n, work.finish(merged, 0, 2 * top + next_top), 2 * n, (walk.past - row) * n);
  walk.carried[0] = b1;
}

/// One row of windows, not longer than a vector.
template <bool Watch, class T, class Work>
CR_INLINE void single_triples(const PairRows& run, const Work& work, TripleWalk<T>& walk, int64_t row) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = run.width, in = 2 * n;
  const auto& merge = work.merge;
  const T* p = work.x + 2 * row * in;
  const V t0 = load(p), t1 = load(p + lanes), b0 = load(p + in), b1 = load(p + in + lanes);
  const bool top = next_line(run, walk);
  if (row == walk.first && !top) walk.carried[0] = load(p - in), walk.carried[1] = load(p - in + lanes);
  if constexpr (Watch) walk.found = unordered(t0, t1) | unordered(b0, b1);
  const V a = top ? merge(t0, b0) : merge(merge(walk.carried[0], t0), b0), b = top ? merge(t1, b1) : merge(merge(walk.carried[1], t1), b1);
  const V odd = odds(a, b), merged = merge(merge(shift_in(splat<V>(work.edge), odd), evens(a, b)), odd);
  put(work.y + row * n, work.finish(merged, 0, 3 * top), n, (walk.past - row) * n);
  walk.carried[0] = b0;
  walk.carried[1] = b1;
}

/// One row of windows, of any length.
template <class T, class Work>
CR_INLINE void wide_triples(const PairRows& run, const Work& work, TripleWalk<T>& walk, int64_t row) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t n = run.width, in = 2 * n;
  const auto& merge = work.merge;
  const T *p = work.x + 2 * row * in, *below = p + in;
  const bool top = next_line(run, walk);
  V last = splat<V>(work.edge);
  const auto along = [&](auto has_above) CR_INLINE_LAMBDA {
    const auto column = [&](int64_t i, V t, V b) CR_INLINE_LAMBDA {
      if constexpr (decltype(has_above)::value) t = merge(load(p - in + i), t);
      return merge(t, b);
    };
    for (int64_t o = 0; o < n; o += lanes) {
      const int64_t i = 2 * o, j = i + lanes;
      const V t0 = load(p + i), t1 = load(p + j), b0 = load(below + i), b1 = load(below + j);
      const V a = column(i, t0, b0), b = column(j, t1, b1), odd = odds(a, b);
      put(work.y + row * n + o, work.finish(merge(merge(shift_in(last, odd), evens(a, b)), odd), o, 3 * top), n - o,
          (walk.past - row) * n - o);
      last = odd;
    }
  };
  if (top) {
    along(std::false_type{});
  } else {
    along(std::true_type{});
  }
}

/// Rows begin..past-1 of windows: down the columns, then along the row. careful(row, line of its plane) does a row at the end, and with
/// Watch, which takes rows of at most a vector, one that has a NaN, which merge need not care for.
template <bool Watch, class T, class Merge, class Finish, class Careful>
CR_INLINE void triple_values(const PairRows& run, const T* x, T* y, int64_t begin, int64_t past, T edge, Merge merge, Finish finish,
                             Careful careful) {
  const TripleWork<T, Merge, Finish> work{x, y, edge, merge, finish};
  const PairLanes<T> at = pair_lanes<T>(run.width);
  TripleWalk<T> walk{begin, past, begin % run.per_plane};
  const bool single = run.width <= kLanes<T>;
  bool suspicious = true;  // the row above may have a NaN
  const auto watch = [&](int64_t row, int64_t rows) CR_INLINE_LAMBDA {
    if constexpr (Watch) {
      const bool found = any_unordered(walk.found);
      for (int64_t i = row; i < row + rows && (found || suspicious); ++i) careful(i, i % run.per_plane);
      suspicious = found;
    }
  };
  walk_pair_rows<T>(
      run, begin, past,
      [&](int64_t row) CR_INLINE_LAMBDA {
        narrow_triples<Watch>(run, at, work, walk, row);
        watch(row, 2);
      },
      [&](int64_t row) CR_INLINE_LAMBDA {
        if (single) {
          single_triples<Watch>(run, work, walk, row);
        } else if constexpr (!Watch) {
          wide_triples(run, work, walk, row);
        }
        watch(row, 1);
      },
      [&](int64_t row) CR_INLINE_LAMBDA { careful(row, row % run.per_plane); });
}

}  // namespace chainrule::CR_ISA
