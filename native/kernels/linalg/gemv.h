#pragma once
// A matrix times a vector: every element of the matrix is used once, so that the speed is that of reading it. Sums have the order of
// multiply_block, and therefore its bits.
#include "kernels/linalg/gemm/cut.h"
#include "simd/half.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// y[j * y_step] = sum over k of w[j * row + k * col] x[k * x_step] (+ bias[j * bias_step]), j < n. One of row and col is 1. The matrix may
/// be of a type of 16 bits, W, which is widened as it is read.
template <class W>
struct Gemv {
  using T = Wide<W>;
  const W* w;
  const T *x, *bias;
  T* y;
  int64_t n, k, row, col, x_step, y_step, bias_step;
};

inline constexpr int64_t kGemvCols = 2048;           // sums that a unit keeps in L1
inline constexpr int64_t kGemvUnit = 1 << 16;        // elements of w in a unit along rows, about 5 us
inline constexpr int64_t kGemvColumnUnit = 1 << 20;  // down columns

/// Rows that are read side by side, and columns of each that are read in turn: a cache line. Rows are few, for the prefetcher follows few
/// streams.
template <class T>
inline constexpr int kGemvRows = 64 / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int kStrips = kGemvRows<T> / kLanes<T>;

/// sum[s] += columns begin..end of the rows of strip s times x.
template <class W, class T>
CR_INLINE void add_rows(const W* w, int64_t row, const T* x, int64_t begin, int64_t end, Vec<T>* sum) {
  using V = Vec<T>;
  constexpr int lanes = kLanes<T>, packed = static_cast<int>(sizeof(T)) / static_cast<int>(sizeof(W));
  int64_t i = begin;
  for (; i + packed * lanes <= end; i += packed * lanes) {
    CR_UNROLL for (int s = 0; s < kStrips<T>; ++s) {
      V columns[lanes];
      load_square<T>(w + s * lanes * row + i, row, columns);
      CR_UNROLL for (int c = 0; c < lanes; ++c) {
        V parts[packed] = {columns[c]};
        if constexpr (packed == 2) split_pairs<W, lanes>(columns[c], parts);
        CR_UNROLL for (int h = 0; h < packed; ++h) sum[s] = fma(splat<V>(x[i + packed * c + h]), parts[h], sum[s]);
      }
    }
  }
  for (; i < end; ++i) {
    CR_UNROLL for (int s = 0; s < kStrips<T>; ++s) {
      T column[lanes];
      for (int r = 0; r < lanes; ++r) column[r] = wide(w[(s * lanes + r) * row + i]);
      sum[s] = fma(splat<V>(x[i]), load(column), sum[s]);
    }
  }
}
/// y[0..kGemvRows) = rows of w times x, block after block of k.
template <class W, class T>
CR_INLINE void multiply_rows(const W* w, int64_t row, const T* x, int64_t k, T* y) {
  const KBlocks blocks = k_blocks(k);
  Vec<T> total[kStrips<T>] = {};
  for (int64_t begin = 0; begin < k; begin += blocks.size) {
    Vec<T> sum[kStrips<T>] = {};
    add_rows(w, row, x, begin, min_of(k, begin + blocks.size), sum);
    CR_UNROLL for (int s = 0; s < kStrips<T>; ++s) total[s] = begin == 0 ? sum[s] : total[s] + sum[s];
  }
  CR_UNROLL for (int s = 0; s < kStrips<T>; ++s) store(y + s * kLanes<T>, total[s]);
}
/// The same for fewer rows.
template <class W, class T>
CR_INLINE void multiply_few_rows(const W* w, int64_t row, const T* x, int64_t k, int64_t rows, T* y) {
  const KBlocks blocks = k_blocks(k);
  for (int64_t begin = 0; begin < k; begin += blocks.size) {
    const int64_t end = min_of(k, begin + blocks.size);
    T sum[kGemvRows<T>] = {};
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t r = 0; r < rows; ++r) sum[r] = fma(x[i], wide(w[r * row + i]), sum[r]);
    }
    for (int64_t r = 0; r < rows; ++r) y[r] = begin == 0 ? sum[r] : y[r] + sum[r];
  }
}

/// The same for a w whose columns are contiguous, Steps of k at a time: so many streams are read side by side.
template <int Steps, class W, class T>
CR_INLINE void add_columns(const W* w, int64_t col, const T* x, int64_t n, T* sum) {
  using V = Vec<T>;
  V factor[Steps];
  CR_UNROLL for (int i = 0; i < Steps; ++i) factor[i] = splat<V>(x[i]);
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) {
    V v = load(sum + j);
    CR_UNROLL for (int i = 0; i < Steps; ++i) v = fma(factor[i], load_wide(w + i * col + j), v);
    store(sum + j, v);
  }
  if (j == n) return;
  V v = load(sum + j);
  for (int i = 0; i < Steps; ++i) v = fma(factor[i], load_wide_partial(w + i * col + j, n - j), v);
  store(sum + j, v);
}
template <class W, class T>
CR_INLINE void add_down_columns(const W* w, int64_t col, const T* x, int64_t k, int64_t n, T* sum) {
  int64_t i = 0;
  for (; i + 8 <= k; i += 8) add_columns<8>(w + i * col, col, x + i, n, sum);
  for (; i < k; ++i) add_columns<1>(w + i * col, col, x + i, n, sum);
}

template <class W, class T>
CR_INLINE void finish_gemv(const Gemv<W>& g, const T* total, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; ++j) {
    g.y[j * g.y_step] = g.bias == nullptr ? total[j - begin] : total[j - begin] + g.bias[j * g.bias_step];
  }
}

/// Elements begin..end of y for a w whose rows are contiguous; the last rows are taken with some of those before, which come out the same
/// again.
template <class W, class T>
CR_INLINE void gemv_along_rows(const Gemv<W>& g, const T* x, int64_t begin, int64_t end) {
  T total[kGemvRows<T>];
  if (end - begin < kGemvRows<T>) {
    multiply_few_rows(g.w + begin * g.row, g.row, x, g.k, end - begin, total);
    return finish_gemv(g, total, begin, end);
  }
  for (int64_t j = begin; j < end; j += kGemvRows<T>) {
    j = min_of(j, end - kGemvRows<T>);
    multiply_rows(g.w + j * g.row, g.row, x, g.k, total);
    finish_gemv(g, total, j, j + kGemvRows<T>);
  }
}

/// The same for a w whose columns are contiguous.
template <class W, class T>
CR_INLINE void gemv_down_columns(const Gemv<W>& g, const T* x, int64_t begin, int64_t end) {
  alignas(64) T sum[kGemvCols + kLanes<T>], total[kGemvCols + kLanes<T>];
  const int64_t n = end - begin;
  const KBlocks blocks = k_blocks(g.k);
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t at = block * blocks.size, count = min_of(g.k - at, blocks.size);
    T* to = block == 0 ? total : sum;
    std::memset(to, 0, static_cast<size_t>(n + kLanes<T>) * sizeof(T));
    add_down_columns(g.w + begin + at * g.col, g.col, x + at, count, n, to);
    if (block == 0) continue;
    for (int64_t j = 0; j < n; j += kLanes<T>) store(total + j, load(total + j) + load(sum + j));
  }
  finish_gemv(g, total, begin, end);
}

/// Elements of y in a unit. Down columns runs should be long: units have about a million elements of w, and a thousand columns or more.
CR_INLINE int64_t column_grain(int64_t n, int64_t k) {
  const int64_t wanted = min_of(n / (kGemvCols / 2), (n * k + kGemvColumnUnit / 2) / kGemvColumnUnit);
  const int64_t parts = max_of(ceil_div(n, kGemvCols), wanted);
  return ceil_div(ceil_div(n, parts), 64) * 64;
}
template <class T>
CR_INLINE int64_t row_grain(int64_t k) {
  constexpr int64_t smallest = 2 * kGemvRows<T>;
  return min_of(kGemvCols, ceil_div(ceil_div(kGemvUnit, max_of(1, k)), smallest) * smallest);
}

template <class W>
void run_gemv(Context& ctx, const Gemv<W>& g) {
  using T = Wide<W>;
  const T* x = g.x;
  if (g.x_step != 1) {
    T* copy = scratch<T>(ctx, g.k);
    for (int64_t i = 0; i < g.k; ++i) copy[i] = g.x[i * g.x_step];
    x = copy;
  }
  const int64_t grain = g.row == 1 ? column_grain(g.n, g.k) : row_grain<T>(g.k);
  parallel_range(ctx, g.n, grain, [&](int64_t begin, int64_t end) {
    if (g.row == 1) {
      gemv_down_columns(g, x, begin, end);
    } else {
      gemv_along_rows(g, x, begin, end);
    }
  });
}

}  // namespace chainrule::CR_ISA
