#pragma once
// Packers of plain matrices with any strides. A transposed matrix is a matrix with its strides exchanged.
#include "kernels/linalg/gemm/blocked.h"

namespace chainrule::CR_ISA {

template <class T>
using Quad = typename VecType<T, 16>::type;

/// A square of 16-byte rows, transposed: to[k * ld + j] = from[j * stride + k].
CR_INLINE void transpose_square(const float* from, int64_t stride, float* to, int64_t ld) {
  Quad<float> r[4];
  for (int j = 0; j < 4; ++j) std::memcpy(&r[j], from + j * stride, 16);
  const Quad<float> a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const Quad<float> c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
  for (int k = 0; k < 4; ++k) std::memcpy(to + k * ld, &r[k], 16);
}
CR_INLINE void transpose_square(const double* from, int64_t stride, double* to, int64_t ld) {
  Quad<double> r[2];
  for (int j = 0; j < 2; ++j) std::memcpy(&r[j], from + j * stride, 16);
  const Quad<double> a = __builtin_shufflevector(r[0], r[1], 0, 2), b = __builtin_shufflevector(r[0], r[1], 1, 3);
  std::memcpy(to, &a, 16);
  std::memcpy(to + ld, &b, 16);
}

/// to[k * ld + j] = from[j * stride + k] for k < ks, j < js.
template <class T>
CR_INLINE void pack_transposed(const T* from, int64_t stride, int64_t ks, int64_t js, T* to, int64_t ld) {
  constexpr int64_t side = 16 / static_cast<int64_t>(sizeof(T));
  int64_t j = 0;
  for (; j + side <= js; j += side) {
    int64_t k = 0;
    for (; k + side <= ks; k += side) transpose_square(from + j * stride + k, stride, to + k * ld + j, ld);
    for (; k < ks; ++k) {
      for (int64_t d = 0; d < side; ++d) to[k * ld + j + d] = from[(j + d) * stride + k];
    }
  }
  for (; j < js; ++j) {
    for (int64_t k = 0; k < ks; ++k) to[k * ld + j] = from[j * stride + k];
  }
}

/// to[r * ld + c] = from[r * stride + c]; rows of 16 bytes or more go by vectors.
template <class T>
CR_INLINE void pack_rows(const T* from, int64_t stride, int64_t rows, int64_t cols, T* to, int64_t ld) {
  constexpr int64_t quad = 16 / static_cast<int64_t>(sizeof(T));
  for (int64_t r = 0; r < rows; ++r, from += stride, to += ld) {
    int64_t c = 0;
    for (; c + kLanes<T> <= cols; c += kLanes<T>) store(to + c, load(from + c));
    for (; c + quad <= cols; c += quad) std::memcpy(to + c, from + c, 16);
    for (; c < cols; ++c) to[c] = from[c];
  }
}

template <class T>
CR_INLINE void zero_columns(T* panel, int64_t ks, int64_t begin) {
  if (begin == kTileCols<T>) return;
  for (int64_t k = 0; k < ks; ++k) {
    for (int64_t j = begin; j < kTileCols<T>; ++j) panel[k * kTileCols<T> + j] = T{};
  }
}

/// Element (i, k) is data[i * row + k * col].
template <class T>
struct StridedA {
  const T* data;
  int64_t row, col;

  Sliver<T> sliver(T* buffer, int64_t i, int64_t rows, int64_t k, int64_t count, int64_t uses) const {
    const T* from = data + i * row + k * col;
    if (uses <= 2) return {from, row, col};
    if (row == 1) {
      pack_rows(from, col, count, rows, buffer, kTileRows);
      return {buffer, 1, kTileRows};
    }
    const int64_t ld = count + 4;  // neighbouring rows start in different cache sets
    if (col == 1) {
      pack_rows(from, row, rows, count, buffer, ld);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < count; ++c) buffer[r * ld + c] = from[r * row + c * col];
      }
    }
    return {buffer, ld, 1};
  }
  /// Asks for part `part` of `parts` of a sliver that is packed soon.
  void prefetch(int64_t i, int64_t rows, int64_t k, int64_t count, int64_t part, int64_t parts) const {
    if (parts <= 2) return;
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    const T* from = data + i * row + k * col;
    if (col == 1) {
      for (int64_t r = part * rows / parts; r < (part + 1) * rows / parts; ++r) {
        for (int64_t c = 0; c < count; c += line) __builtin_prefetch(from + r * row + c);
      }
    } else if (row == 1) {
      for (int64_t c = part * count / parts; c < (part + 1) * count / parts; ++c) __builtin_prefetch(from + c * col);
    }
  }
};

/// Element (k, j) is data[k * row + j * col].
template <class T>
struct StridedB {
  const T* data;
  int64_t row, col;

  Panel<T> panel(T* buffer, int64_t k, int64_t count, int64_t j, int64_t cols, int64_t uses) const {
    const T* from = data + k * row + j * col;
    constexpr int64_t ld = kTileCols<T>;
    const bool whole = cols == ld || (cols % kLanes<T> == 0);
    if (col == 1 && whole && uses <= 2) return {from, row};
    if (col == 1) {
      pack_rows(from, row, count, cols, buffer, ld);
    } else if (row == 1) {
      pack_transposed(from, col, count, cols, buffer, ld);
    } else {
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t c = 0; c < cols; ++c) buffer[r * ld + c] = from[r * row + c * col];
      }
    }
    zero_columns(buffer, count, cols);
    return {buffer, ld};
  }
};

/// Element (i, j) is data[i * row + j * col]; bias[i * bias_row + j * bias_col] is added at the end unless bias is nullptr.
template <class T>
struct StridedC {
  T* data;
  int64_t row, col;
  const T* bias = nullptr;
  int64_t bias_row = 0, bias_col = 0;

  T* at(int64_t i, int64_t j, int64_t cols, int64_t whole, int64_t& row_stride) const {
    row_stride = row;
    return col == 1 && cols == whole ? data + i * row + j : nullptr;
  }
  void read(T* tile, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) tile[r * kTileCols<T> + c] = data[(i + r) * row + (j + c) * col];
    }
  }
  void write(const T* tile, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) data[(i + r) * row + (j + c) * col] = tile[r * kTileCols<T> + c];
    }
  }
  void finish(T* tile, int64_t row_stride, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    if (bias == nullptr) return;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {  // a tile always has room for whole vectors
      Vec<T> add = {};
      for (int64_t r = 0; r < rows; ++r) {
        if (r == 0 || bias_row != 0) {
          for (int64_t l = 0; l < kLanes<T> && c + l < cols; ++l) add[l] = bias[(i + r) * bias_row + (j + c + l) * bias_col];
        }
        store(tile + r * row_stride + c, load(tile + r * row_stride + c) + add);
      }
    }
  }
};

}  // namespace chainrule::CR_ISA
