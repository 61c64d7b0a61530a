#pragma once
// Products with few columns, which would leave most of a vector empty: vectors run down the rows of A instead, which are turned in
// registers, a square at a time. The units that shuffle are others than those that multiply. Sums are those of multiply_block.
#include "kernels/linalg/gemm/cut.h"
#include "kernels/linalg/gemm/kept.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Columns whose sums fit the registers beside a square of A, and a tile; an even number.
template <class T>
inline constexpr int kFree = kVecBytes == 32   ? 12 - kLanes<T>
                             : kVecBytes == 64 ? 12
                                               : 8;
template <class T>
inline constexpr int kNarrow = kFree<T> < kTileCols<T> ? kFree<T> : kTileCols<T>;
inline constexpr int64_t kNarrowUnit = int64_t{1} << 16;  // multiply-adds of a unit: about 1.5 us

/// sums[j * lanes + r] = sum of a[r * row + i] b[i * Cols + j] over i < k, for as many rows r as a vector has lanes.
template <int Cols, class T>
CR_INLINE void multiply_strip(const T* a, int64_t row, const T* b, int64_t k, T* sums) {
  using V = Vec<T>;
  constexpr int lanes = kLanes<T>;
  const KBlocks blocks = k_blocks(k);
  for (int64_t begin = 0; begin < k; begin += blocks.size) {
    const int64_t end = min_of(k, begin + blocks.size);
    V sum[Cols], column[lanes];
    CR_UNROLL for (int j = 0; j < Cols; ++j) sum[j] = V{};
    const auto add = [&](int64_t i, int c) CR_INLINE_LAMBDA {
      CR_UNROLL for (int j = 0; j < Cols; ++j) sum[j] = fma(splat<V>(b[(i + c) * Cols + j]), column[c], sum[j]);
    };
    int64_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      load_square<T>(a + i, row, column);
      CR_UNROLL for (int c = 0; c < lanes; ++c) add(i, c);
    }
    for (; i + kSide<T> <= end; i += kSide<T>) {
      load_transposed<lanes>(a + i, row, column);
      CR_UNROLL for (int c = 0; c < kSide<T>; ++c) add(i, c);
    }
    for (; i < end; ++i) {
      T one[lanes];
      for (int64_t r = 0; r < lanes; ++r) one[r] = a[r * row + i];
      column[0] = load(one);
      add(i, 0);
    }
    CR_UNROLL for (int j = 0; j < Cols; ++j) store(sums + j * lanes, begin == 0 ? sum[j] : load(sums + j * lanes) + sum[j]);
  }
}

/// Rows begin..end of C, at least as many as a vector has lanes; the last strip repeats rows of the one before.
template <int Cols, class T>
void multiply_strips(int64_t begin, int64_t end, int64_t n, int64_t k, const StridedA<T>& a, const T* b, const StridedC<T>& c) {
  constexpr int64_t lanes = kLanes<T>;
  alignas(64) T tile[lanes * kTileCols<T>], sums[lanes * kNarrow<T>];
  for (int64_t i = begin; i < end; i += lanes) {
    i = min_of(i, end - lanes);
    multiply_strip<Cols>(a.data + i * a.row, a.row, b, k, sums);
    pack_transposed<T>(sums, lanes, lanes, n, tile, kTileCols<T>);
    c.finish(tile, kTileCols<T>, i, 0, lanes, n);
    c.write(tile, i, 0, lanes, n);
  }
}

/// multiply_strips for `cols` columns, the even number that is not below n.
template <int Cols, class T>
CR_INLINE void multiply_even(int64_t cols, int64_t begin, int64_t end, int64_t n, int64_t k, const StridedA<T>& a, const T* b,
                             const StridedC<T>& c) {
  if (cols == Cols) return multiply_strips<Cols>(begin, end, n, k, a, b, c);
  if constexpr (Cols > 2) multiply_even<Cols - 2>(cols, begin, end, n, k, a, b, c);
}

template <class T>
CR_INLINE bool is_narrow(int64_t m, int64_t n, int64_t k, const StridedA<T>& a) {
  return n <= kNarrow<T> && m >= kLanes<T> && k >= 2 * kLanes<T> && a.col == 1;
}

/// `input` is the kernel's operand that B lies in, -1 if B is not worth keeping.
template <class T>
void multiply_narrow(Context& ctx, int64_t m, int64_t n, int64_t k, const StridedA<T>& a, const StridedB<T>& b, const StridedC<T>& c,
                     int32_t input) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t cols = ceil_div(n, 2) * 2;
  const T* packed = b.data;
  if (b.col != 1 || b.row != cols) {
    const auto pack = [&](T* to) {
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t j = 0; j < cols; ++j) to[i * cols + j] = j < n ? b.data[i * b.row + j * b.col] : T(0);
      }
    };
    packed = input < 0 ? nullptr : kept(ctx, input, b, k, n, kOrderNarrow, k * cols, kPatience, pack);
    if (packed == nullptr) {
      T* to = scratch<T>(ctx, k * cols);
      pack(to);
      packed = to;
    }
  }
  const int64_t strips = m / lanes, grain = ceil_div(kNarrowUnit, lanes * cols * k);
  parallel_range(ctx, strips, grain, [&](int64_t begin, int64_t end) {
    multiply_even<kNarrow<T>>(cols, begin * lanes, end == strips ? m : end * lanes, n, k, a, packed, c);
  });
}

}  // namespace chainrule::CR_ISA
