#pragma once
// A matrix times a vector: every element of the matrix is used once, so that the speed is that of reading it.
//
// There are two orders, so that each matrix is read as it lies. Where columns neighbour (row == 1), a few rows at a time are added to all
// sums: each is the chain of fma of any product (blocked.h). Else rows are read along: element i of a sum goes to virtual lane i % 16; a
// lane is one chain of fma, the lanes are folded by the tree of lanes.h, and blocks of 4096 elements are added in order.
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

inline constexpr int64_t kGemvUnit = 1 << 16;    // elements of w in a unit, at least: about 3 us
inline constexpr int64_t kGemvFinish = 1 << 14;  // elements of y
inline constexpr int64_t kGemvFar = 20 << 20;    // bytes of w that do not come from a cache
inline constexpr int64_t kPageBytes = 4096;
inline constexpr int kGemvStreams = 8;  // rows of columns that are read side by side
/// With AVX2, fewer where rows are whole pages apart: eight would fill all ways of their sets of L1 and push out the sums.
inline constexpr int kGemvCrowd = kLanes<float> == 8 ? 6 : kGemvStreams;
inline constexpr int64_t kGemvNear = 1 << 20;  // bytes of w that L2 holds
/// With AVX2, rows that come from beyond L2 are asked for so many bytes ahead: what the prefetcher has brought to L2 goes on to L1.
inline constexpr int64_t kGemvAhead = kLanes<float> == 8 ? 256 : 0;
/// Rows that are read side by side: few, for the prefetcher follows few streams, and as many as registers allow.
template <class T>
inline constexpr int kGemvRows = Lanes<T>::kParts <= 2   ? 4
                                 : Lanes<T>::kParts == 4 ? 2
                                                         : 1;

/// Asks for what follows the next lines of Rows rows.
template <int Rows, class W>
CR_INLINE void ask_rows(const W* w, int64_t row) {
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(W)), ahead = kGemvAhead / static_cast<int64_t>(sizeof(W));
  CR_UNROLL for (int r = 0; r < Rows; ++r) {
    CR_UNROLL for (int64_t i = 0; i < kVirtualLanes; i += line) __builtin_prefetch(w + r * row + ahead + i);
  }
}

/// lanes[r][i % 16] = sum of w[r * row + i] x[i], i < n, for Rows rows.
template <int Rows, bool Asks, class W, class T>
CR_INLINE void dot_lanes(const W* w, int64_t row, const T* x, int64_t n, T (*lanes)[kVirtualLanes]) {
  constexpr int parts = Lanes<T>::kParts, size = kLanes<T>;
  Vec<T> sum[Rows][parts];
  CR_UNROLL for (int r = 0; r < Rows; ++r) { CR_UNROLL for (int p = 0; p < parts; ++p) sum[r][p] = Vec<T>{}; }
  int64_t i = 0;
  for (; i + kVirtualLanes <= n; i += kVirtualLanes) {
    if constexpr (Asks) ask_rows<Rows>(w + i, row);
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
CR_INLINE void dot_rows(const W* w, int64_t apart, int64_t col, const T* x, int64_t n, bool far, T (*lanes)[kVirtualLanes]) {
  if (col == 1 && far && kGemvAhead > 0) return dot_lanes<Rows, true>(w, apart, x, n, lanes);
  if (col == 1) return dot_lanes<Rows, false>(w, apart, x, n, lanes);
  W copy[kBlockElements];
  for (int r = 0; r < Rows; ++r) {
    for (int64_t i = 0; i < n; ++i) copy[i] = w[r * apart + i * col];
    dot_lanes<1, false>(copy, 0, x, n, lanes + r);
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
  const bool far = g.n * g.k * static_cast<int64_t>(sizeof(W)) > kGemvNear;
  Vec<T> sum = {};
  for (int64_t at = 0; at < g.k; at += kBlockElements) {
    const int64_t count = min_of(kBlockElements, g.k - at);
    for (int64_t t = 0; t < steps; ++t) {
      dot_rows<Rows>(g.w + (j + t) * g.row + at * g.col, apart * g.row, g.col, x + at, count, far, lanes + t * Rows);
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

/// sum[j] += w[i * step + j] x[i], j < n, for i = 0, 1, .. < Rows in this order: so many streams are read side by side.
template <int Rows, class W, class T>
CR_INLINE void add_rows(const W* w, int64_t step, const T* x, int64_t n, T* sum) {
  using V = Vec<T>;
  V factor[Rows];
  CR_UNROLL for (int i = 0; i < Rows; ++i) factor[i] = splat<V>(x[i]);
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) {
    V v = load(sum + j);
    CR_UNROLL for (int i = 0; i < Rows; ++i) v = fma(load_wide(w + i * step + j), factor[i], v);
    store(sum + j, v);
  }
  if (j == n) return;
  V v = load(sum + j);
  CR_UNROLL for (int i = 0; i < Rows; ++i) v = fma(load_wide_partial(w + i * step + j, n - j), factor[i], v);
  store(sum + j, v);
}

/// How a product down columns is cut: blocks of k, and strips of columns. Strips of two pages (one where rows crowd) keep their sums in L1,
/// and prefetchers begin anew at each page anyhow; a matrix that comes from memory is read in whole rows. Narrower strips where threads
/// would go without.
struct ColumnCut {
  KBlocks blocks;
  int64_t width, strips;
  bool crowded;  // rows compete for the same sets of L1
};
template <class W>
CR_INLINE ColumnCut column_cut(int64_t n, int64_t k, int64_t row, int64_t workers) {
  constexpr int64_t size = sizeof(W), smallest = 64;
  const bool far = n * k * size > kGemvFar, crowded = !far && kGemvCrowd < kGemvStreams && row * size % kPageBytes == 0;
  const int64_t widest = far ? n : (crowded ? 1 : 2) * kPageBytes / size;
  const KBlocks blocks = k_blocks(k);
  const int64_t units = ceil_div(n, max_of(1, widest)) * blocks.count, wanted = ceil_div(units, workers) * workers;
  const bool enough = units == wanted || units >= 4 * workers;
  const int64_t width = enough ? max_of(1, widest) : ceil_div(ceil_div(n * blocks.count, wanted), smallest) * smallest;
  return {blocks, width, ceil_div(n, width), crowded};
}

/// Sums over each block of k. Long ones begin half a page behind the matrix, counted within pages: loads from addresses that differ from
/// that of a store just before by whole pages wait for it.
template <class T>
struct ColumnSums {
  T* data;
  int64_t size;  // of a block's

  ColumnSums(Context& ctx, const void* w, int64_t n, int64_t blocks) {
    constexpr int64_t page = kPageBytes / static_cast<int64_t>(sizeof(T));
    const int64_t unit = n >= page ? page : kLanes<T>, slack = n >= page ? page : 0;
    size = ceil_div(n, unit) * unit;
    data = scratch<T>(ctx, blocks * size + slack);
    const uintptr_t shift = (reinterpret_cast<uintptr_t>(w) + kPageBytes / 2 - reinterpret_cast<uintptr_t>(data)) % kPageBytes / 64 * 64;
    if (slack > 0) data += static_cast<int64_t>(shift) / static_cast<int64_t>(sizeof(T));
  }
};

/// y from its sums over each block of k, `size` from each other.
template <class W, class T>
CR_INLINE void finish_columns(const Gemv<W>& g, const ColumnSums<T>& sums, int64_t blocks, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; j += kLanes<T>) {
    Vec<T> v = load(sums.data + j);
    for (int64_t b = 1; b < blocks; ++b) v += load(sums.data + b * sums.size + j);
    store(sums.data + j, v);
  }
  for (int64_t j = begin; j < end; ++j) finish_gemv(g, j, sums.data[j]);
}

/// y column by column, where columns neighbour: few rows at a time are added to the sums of a strip.
template <class W, class T>
void gemv_down_columns(Context& ctx, const Gemv<W>& g, const T* x) {
  const ColumnCut cut = column_cut<W>(g.n, g.k, g.col, worker_count(ctx));
  const ColumnSums<T> sums(ctx, g.w, g.n, cut.blocks.count);
  const int64_t grain = ceil_div(kGemvUnit, cut.width * max_of(1, cut.blocks.size));
  parallel_range(ctx, cut.blocks.count * cut.strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t block = unit / cut.strips, j = unit % cut.strips * cut.width, n = min_of(cut.width, g.n - j);
      const int64_t last = min_of(g.k, (block + 1) * cut.blocks.size);
      T* sum = sums.data + block * sums.size + j;
      for (int64_t i = 0; i < n; i += kLanes<T>) store(sum + i, Vec<T>{});
      int64_t i = block * cut.blocks.size;
      for (; cut.crowded && i + kGemvCrowd <= last; i += kGemvCrowd) add_rows<kGemvCrowd>(g.w + i * g.col + j, g.col, x + i, n, sum);
      for (; i + kGemvStreams <= last; i += kGemvStreams) add_rows<kGemvStreams>(g.w + i * g.col + j, g.col, x + i, n, sum);
      for (; i + 2 <= last; i += 2) add_rows<2>(g.w + i * g.col + j, g.col, x + i, n, sum);
      if (i < last) add_rows<1>(g.w + i * g.col + j, g.col, x + i, n, sum);
    }
  });
  parallel_range(ctx, g.n, kGemvFinish, [&](int64_t begin, int64_t end) { finish_columns(g, sums, cut.blocks.count, begin, end); });
}

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
  if (g.row == 1 && g.col != 1) return gemv_down_columns(ctx, g, x);
  parallel_range(ctx, g.n, row_grain(g.k), [&](int64_t begin, int64_t end) { gemv_along_rows(g, x, begin, end); });
}

}  // namespace chainrule::CR_ISA
