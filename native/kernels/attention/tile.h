#pragma once
// Tiles of the attention matrix. They are kept transposed, keys down and queries across the lanes of the vectors: maxima and sums over the
// keys are then plain vertical operations, key and value are read where they lie (as left factors of the micro-kernel, which takes any
// strides), and only the queries are packed, once a tile.
//
// Queries come in groups: a panel [.., kGroup] of which fills two registers of AVX-512. Above the diagonal of a causal matrix, blocks of
// kGroup queries x kGroup keys are skipped. Group and tiles have the same size on every instruction set, so that results are the same bits.
#include "kernels/attention/shape.h"
#include "simd/exp.h"
#include "simd/lanes.h"
#include "simd/log.h"

namespace chainrule::CR_ISA {

template <class T>
inline constexpr int64_t kGroup = 128 / static_cast<int64_t>(sizeof(T));
inline constexpr int64_t kKeyTile = 128;

/// Rows of copies are padded to this many elements, whole vectors on every instruction set.
CR_INLINE int64_t padded(int64_t n) { return ceil_div(n, 16) * 16; }

/// C = A B or C += A B for any number of rows and columns, by micro-kernels of nearly equal height. Columns are written in whole vectors.
template <class T>
CR_INLINE void multiply_all(int64_t rows, int64_t cols, const TileArgs<T>& args) {
  if (rows <= 0) return;
  const int64_t slivers = ceil_div(rows, kTileRows), height = rows / slivers, taller = rows % slivers;
  for (int64_t j = 0; j < cols; j += kTileCols<T>) {
    const int64_t vecs = ceil_div(min_of(cols - j, kTileCols<T>), kLanes<T>);
    TileArgs<T> tile = args;
    tile.b += j;
    tile.c += j;
    for (int64_t s = 0; s < slivers; ++s) {
      const int64_t count = s < taller ? height + 1 : height;
      multiply_tile(count, vecs, tile);
      tile.a += count * tile.a_row;
      tile.c += count * tile.c_row;
    }
  }
}

/// to[d * kGroup + i] = scale * from(i, d) for a group of `count` queries; zeros behind them.
template <class T>
CR_INLINE void pack_group(const Matrix<const T>& from, int64_t count, int64_t depth, T scale, T* to) {
  if (from.col == 1) {
    pack_transposed(from.data, from.row, depth, count, to, kGroup<T>);
  } else {
    for (int64_t d = 0; d < depth; ++d) {
      for (int64_t i = 0; i < count; ++i) to[d * kGroup<T> + i] = from.data[i * from.row + d * from.col];
    }
  }
  for (int64_t d = 0; d < depth; ++d) {
    T* line = to + d * kGroup<T>;
    for (int64_t i = count; i < kGroup<T>; ++i) line[i] = T{0};
    for (int64_t i = 0; i < kGroup<T>; i += kLanes<T>) store(line + i, load(line + i) * splat<Vec<T>>(scale));
  }
}

/// Rows of key or value that are far apart would share few sets of the cache.
inline constexpr int64_t kFarBytes = 2048;

/// `count` rows of m from `first` on: where they lie, or copied to `buffer` ([count, padded(cols)]).
template <class T>
CR_INLINE Matrix<const T> near_rows(const Matrix<const T>& m, int64_t first, int64_t count, int64_t cols, T* buffer) {
  const T* from = m.data + first * m.row;
  const int64_t bytes = m.row * static_cast<int64_t>(sizeof(T));
  if (m.col == 1 && bytes < kFarBytes && bytes > -kFarBytes) return {from, m.row, 1};
  const int64_t ld = padded(cols);
  if (m.col == 1) {
    pack_rows(from, m.row, count, cols, buffer, ld);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t d = 0; d < cols; ++d) buffer[i * ld + d] = from[i * m.row + d * m.col];
    }
  }
  return {buffer, ld, 1};
}

/// The same, for rows that are read in whole vectors.
template <class T>
CR_INLINE Matrix<const T> whole_rows(const Matrix<const T>& m, int64_t first, int64_t count, int64_t cols, T* buffer) {
  if (m.col == 1 && cols % kLanes<T> == 0) return {m.data + first * m.row, m.row, 1};
  const int64_t ld = padded(cols);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t d = 0; d < cols; ++d) buffer[i * ld + d] = m.data[(first + i) * m.row + d * m.col];
    for (int64_t d = cols; d < ld; ++d) buffer[i * ld + d] = T{0};
  }
  return {buffer, ld, 1};
}

/// to(i, d) = from[d * kGroup + i] for a group of `count` queries.
template <class T>
CR_INLINE void unpack_group(const T* from, int64_t count, int64_t depth, T* to) {
  pack_transposed(from, kGroup<T>, count, depth, to, depth);
}

/// Keys of a tile that a group of queries can see: all, or in whole blocks up to the diagonal.
template <class T>
CR_INLINE int64_t visible_keys(bool causal, int64_t query, int64_t first, int64_t keys) {
  return causal ? max_of(0, min_of(keys, query + kGroup<T> - first)) : keys;
}

}  // namespace chainrule::CR_ISA
