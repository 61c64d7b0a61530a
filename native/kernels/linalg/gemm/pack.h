#pragma once
// Packers of plain matrices with any strides. A transposed matrix is a matrix with its strides exchanged.
#include "kernels/linalg/gemm/blocked.h"
#include "simd/masked.h"
#include "simd/pieces.h"

namespace chainrule::CR_ISA {

/// to[k * ld + j] = from[j * stride + k] for k < ks and N values of j.
template <int N, class T>
CR_INLINE void pack_transposed_strip(const T* from, int64_t stride, int64_t ks, T* to, int64_t ld) {
  int64_t k = 0;
  if constexpr (N == kLanes<T>) {
    for (; k + N <= ks; k += N) {
      Vec<T> columns[N];
      load_square<T>(from + k, stride, columns);
      CR_UNROLL for (int i = 0; i < N; ++i) store(to + (k + i) * ld, columns[i]);
    }
  }
  for (; k + kSide<T> <= ks; k += kSide<T>) {
    typename VecType<T, N* static_cast<int>(sizeof(T))>::type columns[kSide<T>];
    load_transposed<N>(from + k, stride, columns);
    CR_UNROLL for (int i = 0; i < kSide<T>; ++i) std::memcpy(to + (k + i) * ld, &columns[i], sizeof columns[i]);
  }
  for (; k < ks; ++k) {
    for (int64_t j = 0; j < N; ++j) to[k * ld + j] = from[j * stride + k];
  }
}
/// to[k * ld + j] = from[j * stride + k] for k < ks, j < js. The last strip may repeat some of the one before it.
template <class T>
CR_INLINE void pack_transposed(const T* from, int64_t stride, int64_t ks, int64_t js, T* to, int64_t ld) {
  int64_t j = 0;
  for (; j + kLanes<T> <= js; j += kLanes<T>) pack_transposed_strip<kLanes<T>>(from + j * stride, stride, ks, to + j, ld);
  if (js < kSide<T>) {
    for (; j < js; ++j) {
      for (int64_t k = 0; k < ks; ++k) to[k * ld + j] = from[j * stride + k];
    }
  }
  for (; j < js; j += kSide<T>) {
    j = j < js - kSide<T> ? j : js - kSide<T>;
    pack_transposed_strip<kSide<T>>(from + j * stride, stride, ks, to + j, ld);
  }
}

/// to[r * ld + c] = from[r * stride + c]. Nothing behind the last column is touched, unless it is to be filled with zeros up to the end of
/// its vector.
template <bool Fill = false, class T>
CR_INLINE void pack_rows(const T* from, int64_t stride, int64_t rows, int64_t cols, T* to, int64_t ld) {
  const int64_t tail = cols % kLanes<T>;
  for (int64_t r = 0; r < rows; ++r, from += stride, to += ld) {
    int64_t c = 0;
    for (int64_t p = 0; p < cols; p += kLanes<T>) __builtin_prefetch(from + 16 * stride + p, 0, 2);
    for (; c + kLanes<T> <= cols; c += kLanes<T>) store(to + c, load(from + c));
    if (tail == 0) continue;
    const Vec<T> v = load_partial(from + c, tail);
    if constexpr (Fill) {
      store(to + c, v);
    } else {
      store_partial(to + c, v, tail);
    }
  }
}

/// The columns begin.. of a panel whose rows are `ld` apart: zeros up to the end of their vector. Vectors behind it are not read.
template <class T>
CR_INLINE void zero_columns(T* panel, int64_t ld, int64_t ks, int64_t begin) {
  const int64_t used = begin % kLanes<T>;
  if (used == 0) return;
  panel += begin - used;
  for (int64_t k = 0; k < ks; ++k, panel += ld) store(panel, load_partial(panel, used));
}

/// Whether rows so far apart fall into the same cache sets, each pushing out the others.
template <class T>
CR_INLINE bool collide(int64_t stride) {
  return stride * static_cast<int64_t>(sizeof(T)) % 4096 == 0;
}

/// The lines of a matrix whose elements neighbour along one axis.
template <class T>
CR_INLINE Ahead ahead_of(const T* from, int64_t rows, int64_t row, int64_t cols, int64_t col) {
  constexpr int64_t size = static_cast<int64_t>(sizeof(T)), line = 64 / size;
  if (col == 1) return {from, row * size, rows, (cols + line - 1) / line};
  if (row == 1) return {from, col * size, cols, (rows + line - 1) / line};
  return {};
}

static_assert(kGroupSlivers * kTileRows % kLanes<float> == 0);  // a group of slivers in whole vectors fits its buffer
inline constexpr int64_t kNearColumns = 128;                    // of a transposed A: so many cache lines of a sliver stay in L1
inline constexpr int64_t kFewUses = 4;                          // that do not pay for a copy of so few columns

/// Element (i, k) is data[i * row + k * col].
template <class T>
struct StridedA {
  const T* data;
  int64_t row, col;

  Sliver<T> sliver(T* buffer, int64_t i, int64_t rows, int64_t k, int64_t count, int64_t uses) const {
    const T* from = data + i * row + k * col;
    if (uses <= 1 || (col == 1 && !collide<T>(row))) return {from, row, col};
    if (row == 1 && uses <= kFewUses && count <= kNearColumns && !collide<T>(col)) return {from, row, col};
    if (row == 1) {
      const int64_t ld = (rows + kLanes<T> - 1) / kLanes<T> * kLanes<T>;  // whole vectors: AVX2 stores parts slowly
      pack_rows<true>(from, col, count, rows, buffer, ld);
      return {buffer, 1, ld};
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
  Ahead ahead(int64_t i, int64_t rows, int64_t k, int64_t count) const { return ahead_of(data + i * row + k * col, rows, row, count, col); }
};

/// So few slivers of A do not pay for a copy of a panel. With AVX2 all others do: from L2, tiles read panels of two or three lines a row at
/// 0.87 to 0.98 of the speed of packed ones, the less the busier the core's other thread.
inline constexpr int64_t kFewPanelUses = 8;

/// Element (k, j) is data[k * row + j * col].
template <class T>
struct StridedB {
  const T* data;
  int64_t row, col;

  Panel<T> panel(T* buffer, int64_t k, int64_t count, int64_t j, int64_t cols, int64_t uses) const {
    if (in_place(cols, uses) && (!kAvx2Tile || uses <= kFewPanelUses)) return {data + k * row + j, row};
    return pack(buffer, k, count, j, cols);
  }
  [[nodiscard]] bool in_place(int64_t cols, int64_t uses) const {
    return col == 1 && cols % kLanes<T> == 0 && (uses <= kFewPanelUses || (!collide<T>(row) && row % kLanes<T> == 0));
  }
  Ahead ahead(int64_t k, int64_t count, int64_t j, int64_t cols) const { return ahead_of(data + k * row + j * col, count, row, cols, col); }
  /// The panel in `buffer`, whatever its layout, its rows `ld` >= cols apart.
  template <int64_t ld = kTileCols<T>>
  Panel<T> pack(T* buffer, int64_t k, int64_t count, int64_t j, int64_t cols) const {
    const T* from = data + k * row + j * col;
    if (col == 1) {
      pack_rows<true>(from, row, count, cols, buffer, ld);
      return {buffer, ld};
    }
    if (row == 1) {
      pack_transposed(from, col, count, cols, buffer, ld);
    } else {
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t c = 0; c < cols; ++c) buffer[r * ld + c] = from[r * row + c * col];
      }
    }
    zero_columns(buffer, ld, count, cols);
    return {buffer, ld};
  }
};

/// Rows of a tile, which always has room for whole vectors, to C.
template <class T>
CR_INLINE void write_rows(const T* tile, int64_t rows, int64_t cols, T* to, int64_t row) {
  const int64_t tail = cols % kLanes<T>, whole = cols - tail;
  // Where rows follow each other without a gap, the rest of a row's last vector is where the next rows will be written.
  const int64_t own = row == cols && !kFreeRuns ? rows * cols - whole - kLanes<T> : -1;
  for (int64_t r = 0; r < rows; ++r, tile += kTileCols<T>) {
    T* const y = to + r * row;
    for (int64_t c = 0; c < whole; c += kLanes<T>) store(y + c, load(tile + c));
    if (tail == 0) continue;
    const Vec<T> v = load(tile + whole);
    if (r * row <= own) {
      store(y + whole, v);
    } else {
      store_partial(y + whole, v, tail);
    }
  }
}

/// Element (i, j) is data[i * row + j * col], where row or col is 1; bias[i * bias_row + j * bias_col] is added at the end unless bias is
/// nullptr.
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
    const T* from = data + i * row + j * col;
    if (col == 1) return pack_rows(from, row, rows, cols, tile, kTileCols<T>);
    pack_transposed(from, col, rows, cols, tile, kTileCols<T>);
  }
  void write(const T* tile, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    T* to = data + i * row + j * col;
    if (col == 1) return write_rows(tile, rows, cols, to, row);
    pack_transposed(tile, kTileCols<T>, cols, rows, to, col);
  }
  void finish(T* tile, int64_t row_stride, int64_t i, int64_t j, int64_t rows, int64_t cols) const {
    if (bias == nullptr) return;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {  // a tile always has room for whole vectors
      Vec<T> add = {};
      for (int64_t r = 0; r < rows; ++r) {
        if (bias_col == 0) {
          add = splat<Vec<T>>(bias[(i + r) * bias_row]);
        } else if (r == 0 || bias_row != 0) {
          for (int64_t l = 0; l < kLanes<T> && c + l < cols; ++l) add[l] = bias[(i + r) * bias_row + (j + c + l) * bias_col];
        }
        store(tile + r * row_stride + c, load(tile + r * row_stride + c) + add);
      }
    }
  }
};

}  // namespace chainrule::CR_ISA
