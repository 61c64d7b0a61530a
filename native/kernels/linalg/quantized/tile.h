#pragma once
// The two inner loops of int8 products, for any form of dot.h: a tile over packed weights, and a few rows of weights read where they lie.
// Sums are exact integers: how the work is cut changes nothing.
#include "kernels/linalg/gemm/micro.h"
#include "simd/dot.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kQuad = 4;  // bytes of k in one 32-bit lane

/// Columns of a tile: one 32-bit lane each.
template <class Dot>
inline constexpr int64_t kByteCols = Dot::kVecs* kLanes<int32_t>;

CR_INLINE int64_t quads_of(int64_t k) { return (k + kQuad - 1) / kQuad; }

/// Packed weights: panels of kByteCols columns, the last filled up with zeros.
template <class Dot>
CR_INLINE int64_t panel_count(int64_t n) {
  return (n + kByteCols<Dot> - 1) / kByteCols<Dot>;
}
template <class Dot>
CR_INLINE int64_t panel_bytes(int64_t k) {
  return quads_of(k) * kQuad * kByteCols<Dot>;
}

/// Quads of k in rows padded to whole vectors.
CR_INLINE int64_t padded(int64_t k) { return (k + 63) / 64 * 64; }

/// Four bytes of x in every lane.
CR_INLINE VS splat_quad(const int8_t* p) {
  int32_t quad;
  std::memcpy(&quad, p, sizeof quad);
  return (VS)splat<VI>(quad);
}

/// sums[i][j] = x row i . column j of the panel, for Rows rows; panel[(q * cols + j) * 4 ...] holds quad q of column j.
template <class Dot, int Rows>
void multiply_bytes(const int8_t* x, int64_t ld, const int8_t* panel, int64_t quads, int32_t* sums) {
  constexpr int groups = (Rows + 2) / 3, vecs = Dot::kVecs;  // rows are addressed as in micro.cc
  const int8_t* group[groups];
  CR_UNROLL for (int g = 0; g < groups; ++g) group[g] = x + 3 * g * ld;
  VI sum[Rows][vecs];
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < vecs; ++v) sum[i][v] = VI{}; }
  for (int64_t q = quads; q > 0; --q) {
    typename Dot::Weights w[vecs];
    CR_UNROLL for (int v = 0; v < vecs; ++v) w[v] = Dot::weights(load(panel + v * kVecBytes));
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const VS quad = splat_quad(group[i / 3] + i % 3 * ld);
      CR_UNROLL for (int v = 0; v < vecs; ++v) sum[i][v] = Dot::dot(sum[i][v], w[v], quad);
    }
    CR_UNROLL for (int g = 0; g < groups; ++g) group[g] += kQuad;
    panel += vecs * kVecBytes;
  }
  CR_UNROLL for (int i = 0; i < Rows; ++i) {
    CR_UNROLL for (int v = 0; v < vecs; ++v) store(sums + i * kByteCols<Dot> + v * kLanes<int32_t>, sum[i][v]);
  }
}

template <class Dot, int Rows = Dot::kRows>
CR_INLINE void multiply_byte_tile(int64_t rows, const int8_t* x, int64_t ld, const int8_t* panel, int64_t quads, int32_t* sums) {
  if (rows == Rows) return multiply_bytes<Dot, Rows>(x, ld, panel, quads, sums);
  if constexpr (Rows > 1) multiply_byte_tile<Dot, Rows - 1>(rows, x, ld, panel, quads, sums);
}

/// A square of quads, transposed: to[q * ld + j] = from[j * stride + q], in quads for `to` and bytes for `from`.
CR_INLINE void transpose_quads(const int8_t* from, int64_t stride, int32_t* to, int64_t ld) {
  constexpr int n = kLanes<int32_t>;
  VI rows[n], next[n];
  CR_UNROLL for (int i = 0; i < n; ++i) rows[i] = (VI)load(from + i * stride);
  // Interleaving the first half of the rows with the second, log2(n) times, is a transposition.
  CR_UNROLL for (int width = n; width > 1; width /= 2) {
    CR_UNROLL for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = zip_low(rows[i], rows[i + n / 2]);
      next[2 * i + 1] = zip_high(rows[i], rows[i + n / 2]);
    }
    CR_UNROLL for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
  CR_UNROLL for (int q = 0; q < n; ++q) store(to + q * ld, rows[q]);
}

/// Packs `cols` rows of weights [.., k] into a panel of quads; what is missing of k and of the columns is zero.
template <class Dot>
CR_INLINE void pack_bytes(const int8_t* w, int64_t stride, int64_t cols, int64_t k, int32_t* panel) {
  constexpr int64_t lanes = kLanes<int32_t>, width = kByteCols<Dot>;
  const int64_t quads = (k + kQuad - 1) / kQuad, blocks = k / kVecBytes;
  int64_t j = 0;
  for (; j + lanes <= cols; j += lanes) {
    for (int64_t b = 0; b < blocks; ++b) transpose_quads(w + j * stride + b * kVecBytes, stride, panel + b * lanes * width + j, width);
  }
  for (int64_t c = 0; c < width; ++c) {
    for (int64_t q = c < j ? blocks * lanes : 0; q < quads; ++q) {
      int32_t quad = 0;
      if (c < cols) std::memcpy(&quad, w + c * stride + q * kQuad, static_cast<size_t>(k - q * kQuad < kQuad ? k - q * kQuad : kQuad));
      panel[q * width + c] = quad;
    }
  }
}

/// sums[i * rows + r] = x row i . weight row r, for Xs rows of x (padded with zeros to whole vectors) and Rows rows of weights.
template <class Dot, int Rows, int Xs>
CR_INLINE void dot_rows(const int8_t* w, int64_t stride, const int8_t* x, int64_t ld, int64_t k, int32_t* sums) {
  VI sum[Xs][Rows];
  CR_UNROLL for (int i = 0; i < Xs; ++i) { CR_UNROLL for (int r = 0; r < Rows; ++r) sum[i][r] = VI{}; }
  const auto step = [&](int64_t at, auto bytes) __attribute__((always_inline)) {
    VS part[Xs];
    CR_UNROLL for (int i = 0; i < Xs; ++i) part[i] = load(x + i * ld + at);
    CR_UNROLL for (int r = 0; r < Rows; ++r) {
      const auto ready = Dot::weights(bytes(w + r * stride + at));
      CR_UNROLL for (int i = 0; i < Xs; ++i) sum[i][r] = Dot::dot(sum[i][r], ready, part[i]);
    }
  };
  int64_t at = 0;
  for (; at + kVecBytes <= k; at += kVecBytes)
    step(
        at, [](const int8_t* p) __attribute__((always_inline)) { return load(p); });
  if (at < k)
    step(
        at, [&](const int8_t* p) __attribute__((always_inline)) { return load_partial(p, k - at); });
  CR_UNROLL for (int i = 0; i < Xs; ++i) { CR_UNROLL for (int r = 0; r < Rows; ++r) sums[i * Rows + r] = add_lanes(sum[i][r]); }
}

}  // namespace chainrule::CR_ISA
