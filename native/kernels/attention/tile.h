#pragma once
// Tiles of the attention matrix. They are kept transposed, keys down and queries across the lanes of the vectors: maxima and sums over the
// keys are then plain vertical operations, and keys are read where they lie (as left factors of the micro-kernel, which takes any strides).
// The products with values (and, for dQ, with keys) have the queries down: the transposed weights are a left factor too. Only the queries
// are packed, once a tile.
//
// Queries come in groups: a panel [.., kGroup] of which fills two registers of AVX-512. Of a causal matrix, what lies above the diagonal is
// left out: by halves of a group in scores, exponentials and their gradients, by kDiagonalRows in the products along the other way. Group
// and tiles have the same size on every instruction set, so that results are the same bits.
#include "kernels/attention/shape.h"
#include "simd/exp.h"
#include "simd/lanes.h"
#include "simd/log.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

template <class T>
inline constexpr int64_t kGroup = 128 / static_cast<int64_t>(sizeof(T));
inline constexpr int64_t kKeyTile = 128;

/// Rows of copies are padded to this many elements, whole vectors on every instruction set.
CR_INLINE int64_t padded(int64_t n) { return ceil_div(n, 16) * 16; }

/// Memory that is asked for during a product, by its tiles in turn: without it the first touch of each head waits for every line.
struct Asks {
  Ahead one = {}, other = {};
};

/// Rows first..first+count-1 of m, of `cols` elements each; nothing where the elements of a row do not lie side by side.
template <class T>
CR_INLINE Ahead rows_ahead(const Matrix<const T>& m, int64_t first, int64_t count, int64_t cols) {
  constexpr auto size = static_cast<int64_t>(sizeof(T));
  if (m.col != 1 || count <= 0) return {};
  return {m.data + first * m.row, m.row * size, count, ceil_div(cols * size, 64)};
}

/// C = A B or C += A B for any number of rows and columns, by micro-kernels of nearly equal height. Columns are written in whole vectors.
template <class T>
CR_INLINE void multiply_all(int64_t rows, int64_t cols, const TileArgs<T>& args, const Asks& asks = {}) {
  if (rows <= 0) return;
  const int64_t all = ceil_div(cols, kLanes<T>), panels = ceil_div(all, kTileVecs);
  int64_t p = 0;
  TileArgs<T> panel = args;
  for (int64_t v = 0, vecs = 0; v < all; v += vecs, ++p, panel.b += vecs * kLanes<T>, panel.c += vecs * kLanes<T>) {
    vecs = tile_vecs(all - v);
    const int64_t slivers = ceil_div(rows, tile_rows(vecs));
    TileArgs<T> run = panel;
    for_heights(rows, tile_rows(vecs), [&](int64_t first, int64_t height, int64_t count) {
      const int64_t from = p * slivers + first;
      run.ahead = asks.one.slice(from, from + count, panels * slivers);
      run.also = asks.other.slice(from, from + count, panels * slivers);
      run.far = args.far || run.ahead.rows > 0 || run.also.rows > 0;
      run.count = count;
      run.a_next = height * run.a_row;
      run.c_next = height * run.c_row;
      multiply_tile(height, vecs, run);
    });
  }
}

/// A square of whole vectors turned: to[j * ld + i] = factor[j] * from[i * stride + j]. Each step interleaves row i with row i + n / 2;
/// after log2(n) steps rows have become columns.
template <class T>
CR_INLINE void turn_square(const T* from, int64_t stride, Vec<T> factor, T* to, int64_t ld) {
  constexpr int n = kLanes<T>;
  Vec<T> rows[n];
  CR_UNROLL for (int i = 0; i < n; ++i) rows[i] = load(from + i * stride) * factor;
  CR_UNROLL for (int width = 1; width < n; width *= 2) {
    Vec<T> mixed[n];
    CR_UNROLL for (int i = 0; i < n / 2; ++i) {
      mixed[2 * i] = zip_low(rows[i], rows[i + n / 2]);
      mixed[2 * i + 1] = zip_high(rows[i], rows[i + n / 2]);
    }
    CR_UNROLL for (int i = 0; i < n; ++i) rows[i] = mixed[i];
  }
  CR_UNROLL for (int j = 0; j < n; ++j) store(to + j * ld, rows[j]);
}

/// to[j * ld + i] = factor(j) * from(i, j) for i < rows, j < cols. factor(j) gives the factors of kLanes columns.
template <class T, class Factor>
CR_INLINE void turn(const Matrix<const T>& from, int64_t rows, int64_t cols, Factor factor, T* to, int64_t ld) {
  constexpr int64_t n = kLanes<T>;
  const int64_t square_rows = from.col == 1 ? rows / n * n : 0, square_cols = cols / n * n;
  for (int64_t j = 0; j < cols; j += n) {
    const Vec<T> factors = factor(j);
    if (j < square_cols) {
      for (int64_t i = 0; i < square_rows; i += n) turn_square(from.data + i * from.row + j, from.row, factors, to + j * ld + i, ld);
    }
    for (int64_t i = j < square_cols ? square_rows : 0; i < rows; ++i) {
      for (int64_t d = 0; d < min_of(n, cols - j); ++d) to[(j + d) * ld + i] = from.data[i * from.row + (j + d) * from.col] * factors[d];
    }
  }
}

/// to[d * kGroup + i] = scale * from(i, d) for a group of `count` queries; zeros behind them.
template <class T>
CR_INLINE void pack_group(const Matrix<const T>& from, int64_t count, int64_t depth, T scale, T* to) {
  turn(
      from, count, depth, [=](int64_t) CR_INLINE_LAMBDA { return splat<Vec<T>>(scale); }, to, kGroup<T>);
  for (int64_t d = 0; count < kGroup<T> && d < depth; ++d) {
    for (int64_t i = count; i < kGroup<T>; ++i) to[d * kGroup<T> + i] = T{0};
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
  if (cols % kLanes<T> == 0) return near_rows(m, first, count, cols, buffer);
  const int64_t ld = padded(cols);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t d = 0; d < cols; ++d) buffer[i * ld + d] = m.data[(first + i) * m.row + d * m.col];
    for (int64_t d = cols; d < ld; ++d) buffer[i * ld + d] = T{0};
  }
  return {buffer, ld, 1};
}

/// Keys of a tile that a group of queries can see: all, or in whole blocks up to the diagonal.
template <class T>
CR_INLINE int64_t visible_keys(bool causal, int64_t query, int64_t first, int64_t keys) {
  return causal ? max_of(0, min_of(keys, query + kGroup<T> - first)) : keys;
}

/// Keys of a tile that both halves of a group see.
template <class T>
CR_INLINE int64_t keys_of_both(bool causal, int64_t query, int64_t first, int64_t keys) {
  return causal ? min_of(keys, query + kGroup<T> / 2 - first) : keys;
}

/// Scores of a group: C = A B with the keys down. Where the diagonal ends, the later half of a block of keys is seen by the later half of
/// the queries alone: the rest of that block is not computed.
template <class T>
CR_INLINE void multiply_visible(int64_t both, int64_t keys, int64_t queries, const TileArgs<T>& args, const Asks& asks) {
  constexpr int64_t half = kGroup<T> / 2;
  multiply_all(min_of(both, keys), queries, args, asks);
  if (both >= keys || queries <= half) return;
  TileArgs<T> late = args;
  late.a += both * args.a_row;
  late.b += half;
  late.c += both * args.c_row + half;
  multiply_all(keys - both, queries - half, late);
}

/// At the diagonal of a causal matrix, products that run along it go by so many rows: all that one micro-kernel takes. What a row does not
/// see has weight zero, so that leaving it out changes no sum.
inline constexpr int64_t kDiagonalRows = 12;

/// C = W^T B or C += W^T B for `queries` rows of C, where W has the keys down: args.a and a_k say where it lies. `ahead` is how many keys
/// the first query sees beside itself, negative where all see all.
template <class T>
CR_INLINE void mix_visible(int64_t ahead, int64_t queries, int64_t cols, const TileArgs<T>& args, const Asks& asks) {
  if (ahead < 0 || ahead >= args.k - 1) return multiply_all(queries, cols, args, asks);
  TileArgs<T> part = args;
  for (int64_t at = 0; at < queries; at += kDiagonalRows) {
    const int64_t rows = min_of(kDiagonalRows, queries - at), blocks = ceil_div(queries, kDiagonalRows), i = at / kDiagonalRows;
    part.k = min_of(args.k, ahead + at + rows);
    multiply_all(rows, cols, part, Asks{asks.one.part(i, blocks), asks.other.part(i, blocks)});
    part.a += rows * args.a_row;
    part.c += rows * args.c_row;
  }
}

}  // namespace chainrule::CR_ISA
