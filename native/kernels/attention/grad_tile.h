#pragma once
// The gradients of one tile. With P the weights, P' those after dropout (P' = f P), dP = f (g V^T) and delta = rowsum(g Y):
//   dV += P'^T g    dS = scale P (dP - delta)    dQ += dS K    dK += dS^T Q
#include "kernels/attention/mask.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kGradGroups = 4;
template <class T>
inline constexpr int64_t kGradTile = kGradGroups* kGroup<T>;  // queries
/// Distance of the rows of a tile of weights: neighbours begin in different sets of the cache.
template <class T>
inline constexpr int64_t kTileStride = kGradTile<T> + 64 / static_cast<int64_t>(sizeof(T));

template <class T>
struct Gradient {
  Attention<T> forward;
  HeadMatrix<const T> g;
  const T *lse, *delta;       // [heads, queries]
  T *dquery, *dkey, *dvalue;  // row-major
};

/// Scratch of one unit.
template <class T>
struct GradScratch {
  T *query, *g;            // [groups][depth or width][kGroup]
  T* dquery;               // [kGradTile][padded(depth)]
  T *lse, *delta;          // [kGradTile]
  T *weights, *slopes;     // [kKeyTile][kTileStride]: P', dS
  T* extra;                // [kKeyTile][kGroup]
  T *key, *value;          // copies of a tile of rows
  T *query_rows, *g_rows;  // the same
  T *dkey, *dvalue;        // [rows][padded], where rows of the results are no whole vectors

  static int64_t size(const Attention<T>& a, int64_t rows) {
    const int64_t wide = padded(a.depth) + padded(a.width);
    return kGradTile<T> * (a.depth + a.width + padded(a.depth) + 2 + wide) + kKeyTile * (2 * kTileStride<T> + kGroup<T> + wide) +
           rows * wide;
  }
  GradScratch(const Attention<T>& a, T* at, int64_t rows) {
    const auto take = [&at](int64_t n) {
      T* part = at;
      at += n;
      return part;
    };
    weights = take(kKeyTile * kTileStride<T>);
    slopes = take(kKeyTile * kTileStride<T>);
    query = take(kGradTile<T> * a.depth);
    g = take(kGradTile<T> * a.width);
    dquery = take(kGradTile<T> * padded(a.depth));
    lse = take(kGradTile<T>);
    delta = take(kGradTile<T>);
    extra = take(kKeyTile * kGroup<T>);
    key = take(kKeyTile * padded(a.depth));
    value = take(kKeyTile * padded(a.width));
    query_rows = take(kGradTile<T> * padded(a.depth));
    g_rows = take(kGradTile<T> * padded(a.width));
    dkey = take(rows * padded(a.depth));
    dvalue = take(rows * padded(a.width));
  }
};

/// A tile of queries, ready for use: packed by groups in the scratch, and as rows.
template <class T>
struct QueryTile {
  int64_t head, first, count;
  Matrix<const T> query, g;
};

template <class T>
QueryTile<T> prepare_queries(const Gradient<T>& grad, int64_t head, int64_t first, bool with_rows, const GradScratch<T>& buffer) {
  const Attention<T>& a = grad.forward;
  const int64_t count = min_of(kGradTile<T>, a.queries - first);
  const auto query = matrix_of(a, a.query, head), g = matrix_of(a, grad.g, head);
  for (int64_t at = 0; at < count; at += kGroup<T>) {
    const int64_t queries = min_of(kGroup<T>, count - at);
    pack_group({query.data + (first + at) * query.row, query.row, query.col}, queries, a.depth, a.scale2, buffer.query + at * a.depth);
    pack_group({g.data + (first + at) * g.row, g.row, g.col}, queries, a.width, T{1}, buffer.g + at * a.width);
  }
  for (int64_t i = 0; i < kGradTile<T>; ++i) {
    buffer.lse[i] = i < count ? grad.lse[head * a.queries + first + i] : T{0};
    buffer.delta[i] = i < count ? grad.delta[head * a.queries + first + i] : T{0};
  }
  QueryTile<T> tile{head, first, count, {}, {}};
  if (with_rows) {
    tile.query = whole_rows(query, first, count, a.depth, buffer.query_rows);
    tile.g = whole_rows(g, first, count, a.width, buffer.g_rows);
  }
  return tile;
}

/// weights: scores -> P'. slopes: g V^T -> dS. factors are those of dropout.
template <class T, bool Dropped>
CR_INLINE void slope(const Attention<T>& a, const TilePlace& at, const T* lse, const T* delta, const T* factors, T* weights, T* slopes) {
  using V = Vec<T>;
  const V scale = splat<V>(a.scale);
  // Rows of the diagonal begin in one group and end in the next: they read zeros behind what a group sees.
  const int64_t end = a.causal ? min_of(kKeyTile, at.keys + kDiagonalRows) : at.keys;
  for (int64_t i = 0; i < at.queries; i += kLanes<T>) {
    const V level = load(lse + i), mean = load(delta + i);
    const int64_t seen = at.seen<T>(i);
    for (int64_t k = seen; k < end; ++k) {
      store(weights + k * at.stride + i, V{});
      store(slopes + k * at.stride + i, V{});
    }
    for (int64_t k = 0; k < seen; ++k) {
      T *p = weights + k * at.stride + i, *s = slopes + k * at.stride + i;
      const V weight = exp2_flushed(load(p) - level);
      V gain = load(s);
      V kept = weight;
      if constexpr (Dropped) {
        const V factor = load(factors + k * kGroup<T> + i);
        gain = gain * factor;
        kept = kept * factor;
      }
      store(p, kept);
      store(s, weight * scale * (gain - mean));
    }
  }
}

/// Rows of the four operands that are needed next.
struct GradAhead {
  Ahead query, g, key, value;

  [[nodiscard]] GradAhead part(int64_t i, int64_t parts) const {
    return {query.part(i, parts), g.part(i, parts), key.part(i, parts), value.part(i, parts)};
  }
};

/// The first tile of queries and the first of keys of a head; nothing behind the last head.
template <class T>
CR_INLINE GradAhead head_ahead(const Gradient<T>& grad, int64_t head) {
  const Attention<T>& a = grad.forward;
  if (head >= a.heads) return {};
  const int64_t queries = min_of(kGradTile<T>, a.queries), keys = min_of(kKeyTile, a.keys);
  return {rows_ahead(matrix_of(a, a.query, head), 0, queries, a.depth), rows_ahead(matrix_of(a, grad.g, head), 0, queries, a.width),
          rows_ahead(matrix_of(a, a.key, head), 0, keys, a.depth), rows_ahead(matrix_of(a, a.value, head), 0, keys, a.width)};
}

/// P' and dS of one group of queries, and its part of dQ.
template <class T>
void group_slopes(const Gradient<T>& grad, const TilePlace& at, const Matrix<const T>& key, const Matrix<const T>& value, int64_t offset,
                  bool with_dquery, const GradAhead& ahead, const GradScratch<T>& buffer) {
  const Attention<T>& a = grad.forward;
  T *weights = buffer.weights + offset, *slopes = buffer.slopes + offset;
  multiply_visible(at.both, at.keys, at.queries,
                   TileArgs<T>{a.depth, key.data, key.row, key.col, buffer.query + offset * a.depth, kGroup<T>, weights, at.stride, false},
                   Asks{ahead.query, ahead.key});
  multiply_visible(at.both, at.keys, at.queries,
                   TileArgs<T>{a.width, value.data, value.row, value.col, buffer.g + offset * a.width, kGroup<T>, slopes, at.stride, false},
                   Asks{ahead.g, ahead.value});
  mask_scores(a, at, weights, buffer.extra);
  if (a.dropping.p > 0) {
    draw_factors(a, at, buffer.extra);
    slope<T, true>(a, at, buffer.lse + offset, buffer.delta + offset, buffer.extra, weights, slopes);
  } else {
    slope<T, false>(a, at, buffer.lse + offset, buffer.delta + offset, nullptr, weights, slopes);
  }
  if (!with_dquery) return;
  const Matrix<const T> result{grad.dquery + at.head * a.queries * a.depth, a.depth, 1};
  const int64_t ld = padded(a.depth);
  mix_visible(at.ahead(a.causal), at.queries, a.depth,
              TileArgs<T>{at.keys, slopes, 1, at.stride, key.data, key.row, buffer.dquery + offset * ld, ld, at.key > 0},
              Asks{rows_ahead(result, at.query, at.queries, a.depth), Ahead{}});
}

/// Adds to rows of dK and dV (row-major, in whole vectors) what a tile of queries gives them; the first tile that sees a row sets it.
template <class T>
void add_to_keys(const Attention<T>& a, const QueryTile<T>& tile, int64_t k0, int64_t keys, const Matrix<T>& dkey, const Matrix<T>& dvalue,
                 const GradScratch<T>& buffer) {
  const bool diagonal = a.causal && k0 + keys > tile.first + 1;
  int64_t rows = keys;
  for (int64_t at = 0; at < keys; at += rows) {
    const int64_t before = tile.first - k0 - at;  // the rows that all queries of the tile see
    if (diagonal) rows = min_of(keys - at, before > 0 ? before : kDiagonalRows);
    const int64_t skip = diagonal ? min_of(max_of(0, -before), tile.count) : 0, k = tile.count - skip;
    const bool more = a.causal ? before > 0 : tile.first > 0;
    const int64_t from = at * kTileStride<T> + skip;
    multiply_all(rows, a.width,
                 TileArgs<T>{k, buffer.weights + from, kTileStride<T>, 1, tile.g.data + skip * tile.g.row, tile.g.row,
                             dvalue.data + at * dvalue.row, dvalue.row, more, true});
    multiply_all(rows, a.depth,
                 TileArgs<T>{k, buffer.slopes + from, kTileStride<T>, 1, tile.query.data + skip * tile.query.row, tile.query.row,
                             dkey.data + at * dkey.row, dkey.row, more, true});
  }
}

/// One tile of queries against one of keys. dkey and dvalue are the rows of the tile's keys; without data, only dQ is made.
template <class T>
void grad_tile(const Gradient<T>& grad, const QueryTile<T>& tile, int64_t k0, int64_t keys, bool with_dquery, const Matrix<T>& dkey,
               const Matrix<T>& dvalue, const GradAhead& ahead, const GradScratch<T>& buffer) {
  const Attention<T>& a = grad.forward;
  const auto key = whole_rows(matrix_of(a, a.key, tile.head), k0, keys, a.depth, buffer.key);
  const auto value = near_rows(matrix_of(a, a.value, tile.head), k0, keys, a.width, buffer.value);
  for (int64_t at = 0; at < tile.count; at += kGroup<T>) {
    const int64_t visible = visible_keys<T>(a.causal, tile.first + at, k0, keys);
    if (visible == 0) continue;
    const TilePlace place{tile.head,
                          tile.first + at,
                          k0,
                          min_of(kGroup<T>, tile.count - at),
                          visible,
                          kTileStride<T>,
                          keys_of_both<T>(a.causal, tile.first + at, k0, visible)};
    group_slopes(grad, place, key, value, at, with_dquery, ahead.part(at / kGroup<T>, ceil_div(tile.count, kGroup<T>)), buffer);
  }
  if (dkey.data != nullptr) add_to_keys(a, tile, k0, keys, dkey, dvalue, buffer);
}

/// Writes the rows of dQ of a tile.
template <class T>
void write_dquery(const Gradient<T>& grad, const QueryTile<T>& tile, const GradScratch<T>& buffer) {
  const int64_t depth = grad.forward.depth, ld = padded(depth);
  T* to = grad.dquery + (tile.head * grad.forward.queries + tile.first) * depth;
  if (ld == depth) {
    for (int64_t i = 0; i < tile.count * depth; i += kLanes<T>) store(to + i, load(buffer.dquery + i));
    return;
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    for (int64_t d = 0; d < depth; ++d) to[i * depth + d] = buffer.dquery[i * ld + d];
  }
}

}  // namespace chainrule::CR_ISA
