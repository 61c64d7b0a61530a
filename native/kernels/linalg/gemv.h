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

inline constexpr int64_t kGemvCols = 1024;     // sums that a unit keeps in L1
inline constexpr int64_t kGemvUnit = 1 << 16;  // elements of w in a unit, about 5 us

/// sum[0..N) += N rows of w times x, in the order of k; the rows are transposed in registers, 16 bytes of each at a time.
template <int N, class W, class T>
CR_INLINE void add_rows(const W* w, int64_t row, const T* x, int64_t k, T* sum) {
  using V = typename VecType<T, N* static_cast<int>(sizeof(T))>::type;
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(W));
  V v;
  std::memcpy(&v, sum, sizeof v);
  int64_t i = 0;
  for (; i + kColumns<W> <= k; i += kColumns<W>) {
    if (i % line == 0) {
      for (int r = 0; r < N; ++r) __builtin_prefetch(w + r * row + i + 8 * line);
    }
    V columns[kColumns<W>];
    load_columns<N>(w + i, row, columns);
    CR_UNROLL for (int c = 0; c < kColumns<W>; ++c) {
      if constexpr (N == kLanes<T>) {
        v = fma(splat<V>(x[i + c]), columns[c], v);
      } else {
        for (int r = 0; r < N; ++r) v[r] = fma(x[i + c], columns[c][r], v[r]);
      }
    }
  }
  for (; i < k; ++i) {
    for (int r = 0; r < N; ++r) v[r] = fma(x[i], wide(w[r * row + i]), v[r]);
  }
  std::memcpy(sum, &v, sizeof v);
}

/// sum[0..n) += w x for a w whose rows are contiguous.
template <class W, class T>
CR_INLINE void add_along_rows(const W* w, int64_t row, const T* x, int64_t k, int64_t n, T* sum) {
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) add_rows<kLanes<T>>(w + j * row, row, x, k, sum + j);
  for (; j + kSide<T> <= n; j += kSide<T>) add_rows<kSide<T>>(w + j * row, row, x, k, sum + j);
  for (; j < n; ++j) {
    for (int64_t i = 0; i < k; ++i) sum[j] = fma(x[i], wide(w[j * row + i]), sum[j]);
  }
}

/// The same for a w whose columns are contiguous, Steps of k at a time: so many streams are read side by side.
template <int Steps, class W, class T>
CR_INLINE void add_columns(const W* w, int64_t col, const T* x, int64_t n, T* sum) {
  using V = Vec<T>;
  V factor[Steps];
  for (int i = 0; i < Steps; ++i) factor[i] = splat<V>(x[i]);
  for (int64_t j = 0; j < n; j += kLanes<T>) {
    const int64_t left = n - j;
    V v = load(sum + j);
    for (int i = 0; i < Steps; ++i) {
      const W* from = w + i * col + j;
      v = fma(factor[i], left >= kLanes<T> ? load_wide(from) : load_wide_partial(from, left), v);
    }
    store(sum + j, v);
  }
}
template <class W, class T>
CR_INLINE void add_down_columns(const W* w, int64_t col, const T* x, int64_t k, int64_t n, T* sum) {
  int64_t i = 0;
  for (; i + 8 <= k; i += 8) add_columns<8>(w + i * col, col, x + i, n, sum);
  for (; i < k; ++i) add_columns<1>(w + i * col, col, x + i, n, sum);
}

/// Rows begin..end of y; x is contiguous.
template <class W, class T>
CR_INLINE void gemv_rows(const Gemv<W>& g, const T* x, int64_t begin, int64_t end) {
  alignas(64) T sum[kGemvCols + kLanes<T>], total[kGemvCols + kLanes<T>];
  const int64_t n = end - begin;
  const KBlocks blocks = k_blocks(g.k);
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t at = block * blocks.size, count = min_of(g.k - at, blocks.size);
    T* to = block == 0 ? total : sum;
    std::memset(to, 0, sizeof sum);
    const W* w = g.w + begin * g.row + at * g.col;
    if (g.row == 1) {
      add_down_columns(w, g.col, x + at, count, n, to);
    } else {
      add_along_rows(w, g.row, x + at, count, n, to);
    }
    if (block == 0) continue;
    for (int64_t j = 0; j < n; j += kLanes<T>) store(total + j, load(total + j) + load(sum + j));
  }
  for (int64_t j = 0; j < n; ++j) {
    g.y[(begin + j) * g.y_step] = g.bias == nullptr ? total[j] : total[j] + g.bias[(begin + j) * g.bias_step];
  }
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
  const int64_t wanted = ceil_div(kGemvUnit, max_of(1, g.k)), smallest = 2 * kLanes<T>;
  const int64_t grain = g.row == 1 ? kGemvCols : min_of(kGemvCols, ceil_div(wanted, smallest) * smallest);
  parallel_range(ctx, g.n, grain, [&](int64_t begin, int64_t end) { gemv_rows(g, x, begin, end); });
}

}  // namespace chainrule::CR_ISA
