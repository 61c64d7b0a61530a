#pragma once
// The GEMM's tile for a weight that is packed once a call: its rows are neighbours in memory, and rows of the next panel are asked for as
// it goes, one at a time.
#include "kernels/conv/geometry.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// The tile's shape. Of the GEMM's it differs with AVX2: rows of three vectors end within a cache line. Where C is
/// streamed, 1 x 1 took 1.14 times as long with them; where not, 0.96.
inline constexpr int kPointVecs = kAvx2Tile ? 2 : kTileVecs;
inline constexpr int kPointRows = tile_rows(kPointVecs);
template <class T>
inline constexpr int kPointCols = kPointVecs* kLanes<T>;

/// A tile like TileArgs', of whole panels, for rows of A that are packed side by side: a[k][Rows]. Row k of B is at b + k b_k, or at
/// b + offset[k].
template <class T>
struct PointTile {
  int64_t k;
  const T* a;
  const T* b;
  int64_t b_k;
  T* c;
  int64_t c_row;
  bool accumulate;
  bool streamed;   // C is sent past the caches
  const T* asked;  // otherwise: where lines are asked for to be written, as far apart as C's
  const T* bias;   // added at the end; or nullptr
  int64_t bias_row;
  const T* ahead;  // rows that are asked for
  int64_t ahead_k, ahead_rows;
  const int64_t* offset = nullptr;
};

/// rows <= kPointRows.
void multiply_points(int64_t rows, const PointTile<float>& tile);
void multiply_points(int64_t rows, const PointTile<double>& tile);

inline constexpr int64_t kSliverElements = 1 << 14;  // in a unit of packing

/// Element (i, k) of group g is data[g group + i row + k col]; bias[i bias_stride], unless it is nullptr, is added to row i of the product.
template <class T>
struct PointwiseWeight {
  const T* data;
  int64_t group, row, col;
  const T* bias;
  int64_t bias_stride;
};
/// [group][sliver][k][rows of the sliver].
template <class T, class Slivers>
CR_INLINE const T* pack_slivers(Context& ctx, const PointwiseWeight<T>& w, int64_t groups, const Slivers& rows, int64_t k) {
  T* packed = scratch<T>(ctx, groups * rows.rows * k);
  parallel_range(ctx, groups * rows.slivers, max_of(1, kSliverElements / max_of(1, k * kPointRows)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t group = n / rows.slivers, i = rows.at(n % rows.slivers), height = rows.at(n % rows.slivers + 1) - i;
      const T* from = w.data + group * w.group + i * w.row;
      T* to = packed + (group * rows.rows + i) * k;
      if (w.col == 1) {
        pack_transposed(from, w.row, k, height, to, height);
      } else if (w.row == 1) {
        pack_rows(from, w.col, k, height, to, height);
      } else {
        for (int64_t c = 0; c < k; ++c) {
          for (int64_t r = 0; r < height; ++r) to[c * height + r] = from[r * w.row + c * w.col];
        }
      }
    }
  });
  return packed;
}

/// y = a x (+ bias), a being packed slivers.
template <class T>
struct PointProduct {
  Rows rows;
  int64_t k;
  const T* a;
  StridedB<T> x;
  StridedC<T> y;
  bool streamed;
};

/// Whether so many rows, `stride` apart, push each other out of an L1 cache of 8 ways.
template <class T>
CR_INLINE bool crowd(int64_t stride, int64_t rows) {
  const int64_t bytes = stride * static_cast<int64_t>(sizeof(T)), apart = min_of(bytes & -bytes, 4096);
  return rows * apart > 4 * 4096;
}

/// Columns col..col+width, at most a panel, for one block of k. next: whether another panel follows. Rows of x are far apart as a rule,
/// which no prefetcher follows: each tile asks for some rows of the next panel.
template <class T>
CR_INLINE void multiply_panel(const PointProduct<T>& p, int64_t col, int64_t width, const Slab& slab, bool next, T* buffer) {
  const bool here = p.x.in_place(width, p.rows.slivers) && !(p.rows.slivers > 8 && crowd<T>(p.x.row, slab.count));
  const Panel<T> panel = here ? Panel<T>{p.x.data + slab.begin * p.x.row + col, p.x.row}
                              : p.x.template pack<kPointCols<T>>(buffer, slab.begin, slab.count, col, width);
  for (int64_t s = 0; s < p.rows.slivers; ++s) {
    const int64_t i = p.rows.at(s), height = p.rows.at(s + 1) - i;
    const T* a = p.a + i * p.k + slab.begin * height;
    if (width < kPointCols<T>) {
      TileArgs<T> tile;
      multiply_some(Sliver<T>{a, 1, height}, panel, 1, 0, slab, p.y, Rect{i, height, col, width}, tile, buffer + kPanelSize<T>);
      continue;
    }
    const int64_t ask = s * slab.count / p.rows.slivers, ask_end = (s + 1) * slab.count / p.rows.slivers;
    multiply_points(height, PointTile<T>{slab.count, a, panel.b, panel.k, p.y.data + i * p.y.row + col, p.y.row, !slab.first, p.streamed,
                                         p.y.data + i * p.y.row + col,
                                         slab.last && p.y.bias != nullptr ? p.y.bias + i * p.y.bias_row : nullptr, p.y.bias_row,
                                         p.x.data + (slab.begin + ask) * p.x.row + col + kPointCols<T>, p.x.row, next ? ask_end - ask : 0});
  }
}

/// Elements of scratch that multiply_panel needs.
template <class T>
inline constexpr int64_t kPointScratch = kPanelSize<T> + kTileSize<T>;

}  // namespace chainrule::CR_ISA
