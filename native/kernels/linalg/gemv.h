#pragma once
// A matrix times a vector: every element of the matrix is used once, so that the speed is that of reading it.
//
// Element i of a sum goes to virtual lane i % 16; a lane is one chain of fma, the lanes are folded by the tree of lanes.h, and blocks of
// 4096 elements are added in order. How the matrix lies in memory changes nothing: rows are read along, lanes side by side in a register;
// columns are read down, one lane after the other.
#include "kernels/linalg/gemm/cut.h"
#include "simd/half.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// y[j * y_step] = sum over k of w[j * row + k * col] x[k * x_step] (+ bias[j * bias_step]), j < n. The matrix may be of a type of 16 bits,
/// W, which is widened as it is read.
template <class W>
struct Gemv {
  using T = Wide<W>;
  const W* w;
  const T *x, *bias;
  T* y;
  int64_t n, k, row, col, x_step, y_step, bias_step;
};

inline constexpr int64_t kGemvBytes = 8192;          // sums of a unit down columns: several such arrays are in use
inline constexpr int64_t kGemvUnit = 1 << 16;        // elements of w in a unit along rows, about 5 us
inline constexpr int64_t kGemvColumnUnit = 1 << 20;  // down columns
template <class T>
inline constexpr int64_t kGemvCols = kGemvBytes / static_cast<int64_t>(sizeof(T));
/// Rows that are read side by side: few, for the prefetcher follows few streams, and as many as registers allow.
template <class T>
inline constexpr int kGemvRows = Lanes<T>::kParts <= 2   ? 4
                                 : Lanes<T>::kParts == 4 ? 2
                                                         : 1;

/// lanes[r][i % 16] = sum of w[r * row + i] x[i], i < n, for Rows rows.
template <int Rows, class W, class T>
CR_INLINE void dot_lanes(const W* w, int64_t row, const T* x, int64_t n, T (*lanes)[kVirtualLanes]) {
  constexpr int parts = Lanes<T>::kParts, size = kLanes<T>;
  Vec<T> sum[Rows][parts];
  CR_UNROLL for (int r = 0; r < Rows; ++r) { CR_UNROLL for (int p = 0; p < parts; ++p) sum[r][p] = Vec<T>{}; }
  int64_t i = 0;
  for (; i + kVirtualLanes <= n; i += kVirtualLanes) {
    CR_UNROLL for (int p = 0; p < parts; ++p) {
      const Vec<T> factor = load(x + i + p * size);
      CR_UNROLL for (int r = 0; r < Rows; ++r) sum[r][p] = fma(load_wide(w + r * row + i + p * size), factor, sum[r][p]);
    }
  }
  CR_UNROLL for (int p = 0; p < parts; ++p) {
    const int64_t at = i + p * size, left = n - at;
    if (left <= 0) break;
    const bool whole = left >= size;
    const Vec<T> factor = whole ? load(x + at) : load_partial(x + at, left);
    CR_UNROLL for (int r = 0; r < Rows; ++r) {
      const W* from = w + r * row + at;
      sum[r][p] = fma(whole ? load_wide(from) : load_wide_partial(from, left), factor, sum[r][p]);
    }
  }
  CR_UNROLL for (int r = 0; r < Rows; ++r) { CR_UNROLL for (int p = 0; p < parts; ++p) store(lanes[r] + p * size, sum[r][p]); }
}

/// The sums of as many rows of lanes as a vector has elements.
template <class T>
CR_INLINE Vec<T> fold_rows(const T (*lanes)[kVirtualLanes]) {
  Vec<T> lane[kVirtualLanes];
  CR_UNROLL for (int p = 0; p < Lanes<T>::kParts; ++p) load_square<T>(lanes[0] + p * kLanes<T>, kVirtualLanes, lane + p * kLanes<T>);
#pragma GCC unroll 4
  for (int half = kVirtualLanes / 2; half > 0; half /= 2) {
    CR_UNROLL for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  return lane[0];
}

/// lanes of Rows rows that are `apart` from each other, n elements from w. Rows whose elements do not neighbour are copied.
template <int Rows, class W, class T>
CR_INLINE void dot_rows(const W* w, int64_t apart, int64_t col, const T* x, int64_t n, T (*lanes)[kVirtualLanes]) {
  if (col == 1) return dot_lanes<Rows>(w, apart, x, n, lanes);
  W copy[kBlockElements];
  for (int r = 0; r < Rows; ++r) {
    for (int64_t i = 0; i < n; ++i) copy[i] = w[r * apart + i * col];
    dot_lanes<1>(copy, 0, x, n, lanes + r);
  }
}

template <class W, class T>
CR_INLINE void finish_gemv(const Gemv<W>& g, int64_t j, T total) {
  g.y[j * g.y_step] = g.bias == nullptr ? total : total + g.bias[j * g.bias_step];
}

/// Elements j + r * apart + t of y, r < Rows, t < steps; at most as many as a vector has. lanes: room for their sums, of any finite values.
template <int Rows, class W, class T>
CR_INLINE void dot_group(const Gemv<W>& g, const T* x, int64_t j, int64_t apart, int64_t steps, T (*lanes)[kVirtualLanes]) {
  alignas(64) T total[kLanes<T>];
  Vec<T> sum = {};
  for (int64_t at = 0; at < g.k; at += kBlockElements) {
    const int64_t count = min_of(kBlockElements, g.k - at);
    for (int64_t t = 0; t < steps; ++t) {
      dot_rows<Rows>(g.w + (j + t) * g.row + at * g.col, apart * g.row, g.col, x + at, count, lanes + t * Rows);
    }
    sum = at == 0 ? fold_rows(lanes) : sum + fold_rows(lanes);
  }
  store(total, sum);
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t r = 0; r < Rows; ++r) finish_gemv(g, j + r * apart + t, total[t * Rows + r]);
  }
}

/// Elements begin..end of y, row by row. Rows that are read side by side are far apart, so that each goes on in the next one of its own
/// part: the prefetcher follows few long streams faster than one, and than many short ones.
template <class W, class T>
CR_INLINE void gemv_along_rows(const Gemv<W>& g, const T* x, int64_t begin, int64_t end) {
  constexpr int rows = kGemvRows<T>;
  constexpr int64_t most = kLanes<T> / rows;
  alignas(64) T lanes[kLanes<T>][kVirtualLanes] = {};
  const int64_t part = (end - begin) / rows, rest = begin + rows * part;
  for (int64_t i = 0; i < part; i += most) dot_group<rows>(g, x, begin + i, part, min_of(most, part - i), lanes);
  if (rest < end) dot_group<1>(g, x, rest, 0, end - rest, lanes);
}

/// sum[j] += w[i * step + j] x[16 i], j < n, for Steps values of i: so many streams are read side by side.
template <int Steps, class W, class T>
CR_INLINE void add_columns(const W* w, int64_t step, const T* x, int64_t n, T* sum) {
  using V = Vec<T>;
  V factor[Steps];
  CR_UNROLL for (int i = 0; i < Steps; ++i) factor[i] = splat<V>(x[i * kVirtualLanes]);
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) {
    V v = load(sum + j);
    CR_UNROLL for (int i = 0; i < Steps; ++i) v = fma(load_wide(w + i * step + j), factor[i], v);
    store(sum + j, v);
  }
  if (j == n) return;
  V v = load(sum + j);
  for (int i = 0; i < Steps; ++i) v = fma(load_wide_partial(w + i * step + j, n - j), factor[i], v);
  store(sum + j, v);
}

/// A block of k for columns that neighbour. w and x are those of its first element.
template <class W, class T>
struct Columns {
  const W* w;
  const T* x;
  int64_t col, k, n;

  /// One lane.
  void lane(int64_t first, T* sum) const {
    const int64_t step = kVirtualLanes * col;
    std::memset(sum, 0, static_cast<size_t>(n + kLanes<T>) * sizeof(T));
    int64_t i = first;
    for (; i + 7 * kVirtualLanes < k; i += 8 * kVirtualLanes) add_columns<8>(w + i * col, step, x + i, n, sum);
    for (; i + kVirtualLanes < k; i += 2 * kVirtualLanes) add_columns<2>(w + i * col, step, x + i, n, sum);
    if (i < k) add_columns<1>(w + i * col, step, x + i, n, sum);
  }
  /// Lanes first, first + Step, ... folded; sums has an array for each level of the tree. Lanes without elements add nothing.
  template <int Step>
  void fold(int64_t first, T* sums) const {
    if constexpr (Step == kVirtualLanes) {
      lane(first, sums);
    } else {
      fold<2 * Step>(first, sums);
      if (first + Step >= k) return;
      T* other = sums + kGemvCols<T> + kLanes<T>;
      fold<2 * Step>(first + Step, other);
      for (int64_t j = 0; j < n; j += kLanes<T>) store(sums + j, load(sums + j) + load(other + j));
    }
  }
};

/// Elements begin..end of y, column by column.
template <class W, class T>
CR_INLINE void gemv_down_columns(const Gemv<W>& g, const T* x, int64_t begin, int64_t end) {
  constexpr int64_t size = kGemvCols<T> + kLanes<T>, levels = 5;
  alignas(64) T sums[(1 + levels) * size];
  const int64_t n = end - begin;
  if (g.k == 0) std::memset(sums, 0, sizeof sums);
  for (int64_t at = 0; at < g.k; at += kBlockElements) {
    T* to = at == 0 ? sums : sums + size;
    Columns<W, T>{g.w + begin + at * g.col, x + at, g.col, min_of(kBlockElements, g.k - at), n}.template fold<1>(0, to);
    for (int64_t j = 0; j < n && at > 0; j += kLanes<T>) store(sums + j, load(sums + j) + load(to + j));
  }
  for (int64_t j = 0; j < n; ++j) finish_gemv(g, begin + j, sums[j]);
}

/// Elements of y in a unit. Down columns runs should be long: units have about a million elements of w, and a thousand columns or more.
template <class T>
CR_INLINE int64_t column_grain(int64_t n, int64_t k) {
  const int64_t wanted = min_of(n / (kGemvCols<T> / 2), (n * k + kGemvColumnUnit / 2) / kGemvColumnUnit);
  const int64_t parts = max_of(ceil_div(n, kGemvCols<T>), wanted);
  return ceil_div(ceil_div(n, parts), 64) * 64;
}
template <class T>
CR_INLINE int64_t row_grain(int64_t k) {
  constexpr int64_t smallest = 32;
  return ceil_div(ceil_div(kGemvUnit, max_of(1, k)), smallest) * smallest;
}

template <class W>
void run_gemv(Context& ctx, const Gemv<W>& g) {
  using T = Wide<W>;
  const T* x = g.x;
  if (g.x_step != 1 && g.k > 0) {
    T* copy = scratch<T>(ctx, g.k);
    for (int64_t i = 0; i < g.k; ++i) copy[i] = g.x[i * g.x_step];
    x = copy;
  }
  const bool down = g.row == 1 && g.col != 1;
  parallel_range(ctx, g.n, down ? column_grain<T>(g.n, g.k) : row_grain<T>(g.k), [&](int64_t begin, int64_t end) {
    if (down) {
      gemv_down_columns(g, x, begin, end);
    } else {
      gemv_along_rows(g, x, begin, end);
    }
  });
}

}  // namespace chainrule::CR_ISA
