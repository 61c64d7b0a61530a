#pragma once
// Operands of the blocked driver that lie in memory as f32, bf16 or f16, in any mixture. Halves are widened while they are packed, sums
// stay in f32 through all blocks of k, and a result in halves is rounded once, when its tile is finished: the bits of a product in f32
// between casts, for half the traffic. Types are looked at once for each packed piece, so that the driver is compiled for one kind of
// operand.
#include "core/error.h"
#include "kernels/linalg/product.h"
#include "simd/half.h"

namespace chainrule::CR_ISA {

CR_INLINE bool is_half(DType type) { return type == DType::bf16 || type == DType::f16; }

/// Calls body with a null pointer to the type of the elements.
template <class Body>
CR_INLINE void with_type(DType type, Body body) {
  if (type == DType::bf16) return body(static_cast<const Bf16*>(nullptr));
  if (type == DType::f16) return body(static_cast<const F16*>(nullptr));
  CR_CHECK(type == DType::f32);
  body(static_cast<const float*>(nullptr));
}

/// to[r * ld + c] = from[r * row + c * col], widened; nothing behind the last column is touched.
template <class W>
void widen_matrix(const W* from, int64_t row, int64_t col, int64_t rows, int64_t cols, float* to, int64_t ld) {
  constexpr int64_t lanes = kLanes<float>;
  if (col == 1) {
    for (int64_t r = 0; r < rows; ++r) {
      const W* line = from + r * row;
      int64_t c = 0;
      for (int64_t p = 0; p < cols; p += 64 / static_cast<int64_t>(sizeof(W))) __builtin_prefetch(line + 16 * row + p);
      for (; c + lanes <= cols; c += lanes) store(to + r * ld + c, load_wide(line + c));
      if (c < cols) store_partial(to + r * ld + c, load_wide_partial(line + c, cols - c), cols - c);
    }
    return;
  }
  int64_t c = 0;
  for (; row == 1 && c + lanes <= cols; c += lanes) {
    int64_t r = 0;
    for (; r + kColumns<W> <= rows; r += kColumns<W>) {
      VF columns[kColumns<W>];
      load_columns<kLanes<float>>(from + c * col + r, col, columns);
      CR_UNROLL for (int i = 0; i < kColumns<W>; ++i) store(to + (r + i) * ld + c, columns[i]);
    }
    for (; r < rows; ++r) {
      for (int64_t i = c; i < c + lanes; ++i) to[r * ld + i] = wide(from[r + i * col]);
    }
  }
  for (; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) to[r * ld + c] = wide(from[r * row + c * col]);
  }
}

/// Element (r, c) is data[r * row + c * col], of type `type`.
struct AnyMatrix {
  const void* data;
  DType type;
  int64_t row, col;

  void widen(int64_t r, int64_t rows, int64_t c, int64_t cols, float* to, int64_t ld) const {
    with_type(type, [&](const auto* none) {
      using W = std::remove_cvref_t<decltype(*none)>;
      widen_matrix(static_cast<const W*>(data) + r * row + c * col, row, col, rows, cols, to, ld);
    });
  }
  [[nodiscard]] const float* floats() const { return static_cast<const float*>(data); }
};

struct AnyA {
  AnyMatrix from;

  Sliver<float> sliver(float* buffer, int64_t i, int64_t rows, int64_t k, int64_t count, int64_t uses) const {
    if (!is_half(from.type)) return StridedA<float>{from.floats(), from.row, from.col}.sliver(buffer, i, rows, k, count, uses);
    if (from.row == 1 && from.col != 1) {  // along its lines, which run across the rows
      AnyMatrix{from.data, from.type, from.col, from.row}.widen(k, count, i, rows, buffer, rows);
      return {buffer, 1, rows};
    }
    const int64_t ld = count + 4;  // neighbouring rows start in different cache sets
    from.widen(i, rows, k, count, buffer, ld);
    return {buffer, ld, 1};
  }
  [[nodiscard]] Ahead ahead(int64_t i, int64_t rows, int64_t k, int64_t count) const {
    if (!is_half(from.type)) return StridedA<float>{from.floats(), from.row, from.col}.ahead(i, rows, k, count);
    return ahead_of(static_cast<const uint16_t*>(from.data) + i * from.row + k * from.col, rows, from.row, count, from.col);
  }
};

struct AnyB {
  AnyMatrix from;

  Panel<float> panel(float* buffer, int64_t k, int64_t count, int64_t j, int64_t cols, int64_t uses) const {
    if (!is_half(from.type)) return StridedB<float>{from.floats(), from.row, from.col}.panel(buffer, k, count, j, cols, uses);
    from.widen(k, count, j, cols, buffer, kTileCols<float>);
    zero_columns(buffer, kTileCols<float>, count, cols);
    return {buffer, kTileCols<float>};
  }
};

/// A result in f32 is written as by StridedC. One in halves is summed in `sums` (rows of `ld`, the first for `origin`), or, where k is one
/// block, in the driver's own tile (nullptr), and leaves it rounded.
struct AnyC {
  StridedC<float> to;
  DType type;
  float* sums;
  int64_t ld;
  Rect origin;

  float* at(int64_t i, int64_t j, int64_t cols, int64_t whole, int64_t& row_stride) const {
    if (!is_half(type)) return to.at(i, j, cols, whole, row_stride);
    row_stride = ld;
    return sums == nullptr ? nullptr : sums + (i - origin.row) * ld + (j - origin.col);
  }
  void read(float* tile, int64_t i, int64_t j, int64_t rows, int64_t cols) const { to.read(tile, i, j, rows, cols); }
  void write(const float* tile, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    if (!is_half(type)) to.write(tile, i, j, rows, cols);
  }
  void finish(float* tile, int64_t row_stride, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    to.finish(tile, row_stride, i, j, rows, cols);
    if (type == DType::bf16) round_tile<DType::bf16>(tile, row_stride, i, j, rows, cols);
    if (type == DType::f16) round_tile<DType::f16>(tile, row_stride, i, j, rows, cols);
  }
  template <DType kind>
  void round_tile(const float* tile, int64_t row_stride, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    uint16_t* halves = reinterpret_cast<uint16_t*>(to.data) + i * to.row + j * to.col;
    if (to.col == 1) {
      for (int64_t r = 0; r < rows; ++r) narrow_all<kind>(tile + r * row_stride, halves + r * to.row, cols);
      return;
    }
    float turned[kTileCols<float> * kMostTileRows];
    uint16_t line[kTileCols<float>];
    pack_transposed(tile, row_stride, cols, rows, turned, kMostTileRows);
    for (int64_t c = 0; c < cols; ++c) {
      narrow_all<kind>(turned + c * kMostTileRows, line, rows);
      for (int64_t r = 0; r < rows; ++r) halves[c * to.col + r * to.row] = line[r];
    }
  }
};

}  // namespace chainrule::CR_ISA
