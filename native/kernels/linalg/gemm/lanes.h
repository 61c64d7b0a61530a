#pragma once
// Small products of a batch, as many at once as a vector has lanes, each in a lane of its own: no vector is left half empty, and factors in
// any order are packed alike. Sums are those of multiply_block.
#include "kernels/linalg/gemm/cut.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/lanes.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kLaneSize = 256;                   // numbers of a matrix, at most: three in all lanes fit L1
inline constexpr int64_t kLaneVectors = 64;                 // fma of whole vectors that a tile does as fast, reading factors where they lie
inline constexpr int64_t kLaneFarSize = 36;                 // numbers of a matrix, at most, where the batch does not fit L3
inline constexpr int64_t kLaneFarBytes = int64_t{8} << 20;  // of such a batch
inline constexpr int64_t kLaneUnit = int64_t{1} << 16;      // of what lane_work counts: about 4 us, twice the price of a fork

/// A matrix in each lane of its vectors. Element (i, j) is vector i * row + j * col, or element i * row + j * col of the matrix in memory.
template <class T>
struct LaneMatrix {
  T* data;  // lane 0
  int64_t next, rows, cols, row, col;

  [[nodiscard]] int64_t size() const { return rows * cols; }
  /// Whether it is small and has no gaps, whatever the order of its axes.
  [[nodiscard]] bool fits() const {
    const bool by_rows = (cols == 1 || col == 1) && (rows == 1 || row == cols);
    const bool by_cols = (rows == 1 || row == 1) && (cols == 1 || col == rows);
    return size() <= kLaneSize && (by_rows || by_cols);
  }
};

/// What a product of a lane costs: its multiply-adds, and twice that for each number which is turned on its way to its lane or back.
CR_INLINE int64_t lane_work(int64_t m, int64_t n, int64_t k) { return m * n * k + 2 * (m * k + k * n + m * n); }

/// c[j] = sum of a[i] b[i, j] over i < k in each lane, for Cols values of j. Strides count vectors.
template <int Cols, class V>
CR_INLINE void multiply_lane_row(int64_t k, const V* a, int64_t a_k, const V* b, int64_t b_k, int64_t b_col, V* c, int64_t c_col) {
  V sum[Cols];
  CR_UNROLL for (int j = 0; j < Cols; ++j) sum[j] = V{};
  for (; k > 0; --k, a += a_k, b += b_k) {
    CR_UNROLL for (int j = 0; j < Cols; ++j) sum[j] = fma(*a, b[j * b_col], sum[j]);
  }
  CR_UNROLL for (int j = 0; j < Cols; ++j) c[j * c_col] = sum[j];
}

/// c = a b in each lane; `room` holds the three of them in vectors.
template <class T>
void multiply_in_lanes(const LaneMatrix<const T>& a, const LaneMatrix<const T>& b, const LaneMatrix<T>& c, T* room) {
  constexpr int64_t lanes = kLanes<T>;
  T *left = room, *right = left + kLaneSize * lanes, *result = right + kLaneSize * lanes;
  pack_transposed(a.data, a.next, a.size(), lanes, left, lanes);
  pack_transposed(b.data, b.next, b.size(), lanes, right, lanes);
  const auto *x = reinterpret_cast<const Vec<T>*>(left), *y = reinterpret_cast<const Vec<T>*>(right);
  auto* z = reinterpret_cast<Vec<T>*>(result);
  for (int64_t i = 0; i < c.rows; ++i) {
    int64_t j = 0;
    const auto row = [&]<int Cols>() CR_INLINE_LAMBDA {
      multiply_lane_row<Cols>(a.cols, x + i * a.row, a.col, y + j * b.col, b.row, b.col, z + i * c.row + j * c.col, c.col);
      j += Cols;
    };
    while (j + 4 <= c.cols) row.template operator()<4>();
    if (j + 2 <= c.cols) row.template operator()<2>();
    if (j < c.cols) row.template operator()<1>();
  }
  pack_transposed<T>(result, lanes, lanes, c.size(), c.data, c.next);
}

}  // namespace chainrule::CR_ISA
