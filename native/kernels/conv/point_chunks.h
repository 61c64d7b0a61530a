#pragma once
// 1 x 1 convolutions with AVX2's tile. A chunk of x's columns is packed, row by row (a panel alone would read two lines of each page), into
// panels that stay in L2; each of them goes past the whole weight in one run of tiles. The result is stored, not streamed: rows of three
// vectors end within a line.
#include "kernels/conv/point_tile.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Slivers as high as the tile, which one run goes through, and one of what is left.
struct WholeSlivers {
  int64_t rows, slivers;
  [[nodiscard]] int64_t at(int64_t sliver) const { return min_of(rows, sliver * kTileRows); }
};

/// [group][sliver][k][rows of the sliver]. A line of a weight that is read transposed belongs to several slivers, which are written at
/// once.
template <class T>
CR_INLINE const T* pack_whole_slivers(Context& ctx, const PointwiseWeight<T>& w, int64_t groups, int64_t rows, int64_t k) {
  const WholeSlivers slivers{rows, ceil_div(rows, kTileRows)};
  if (w.row != 1) return pack_slivers(ctx, w, groups, slivers, k);
  constexpr int64_t most = 4 * kTileRows;
  const int64_t blocks = ceil_div(rows, most);
  T* packed = scratch<T>(ctx, groups * rows * k);
  parallel_range(ctx, groups * blocks, max_of(1, kSliverElements / max_of(1, k * most)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t i = n % blocks * most, height = min_of(most, rows - i), whole = height / kTileRows * kTileRows;
      const T* from = w.data + n / blocks * w.group + i;
      T* to = packed + (n / blocks * rows + i) * k;
      for (int64_t c = 0; c < k; ++c) {
        for (int64_t r = 0; r < whole; r += kTileRows) std::memcpy(to + r * k + c * kTileRows, from + c * w.col + r, kTileRows * sizeof(T));
      }
      pack_rows(from + whole, w.col, k, height - whole, to + whole * k, height - whole);
    }
  });
  return packed;
}

inline constexpr int64_t kAskedBytes = int64_t{2} << 20;  // smaller inputs arrive in time unasked
inline constexpr int64_t kBiasSlivers = 8;                // whose tiles are in L1 when the bias is added
/// Between panels: their rows, written in turn, fall into different cache sets.
template <class T>
inline constexpr int64_t kPanelGap = kCacheLine / static_cast<int64_t>(sizeof(T));
/// Elements of scratch that multiply_chunks needs.
template <class T>
inline constexpr int64_t kChunkScratch = kChunkPanels<T>*(kPanelSize<T> + kPanelGap<T>)+kTileSize<T>;

/// y [rows, columns] = a x (+ bias), a being packed slivers.
template <class T>
struct ChunkProduct {
  int64_t rows, k;
  const T* a;
  StridedB<T> x;
  StridedC<T> y;
  bool asks;  // for what is multiplied next
};

/// `count` rows of x as `panels` whole panels, `each` elements apart.
template <class T>
CR_INLINE void pack_chunk(const T* x, int64_t row, int64_t count, int64_t panels, T* to, int64_t each) {
  for (int64_t k = 0; k < count; ++k, x += row, to += kTileCols<T>) {
    for (int64_t p = 0; p < panels; ++p) {
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) store(to + p * each + v * kLanes<T>, load(x + p * kTileCols<T> + v * kLanes<T>));
    }
  }
}

/// Columns col..col+width, a panel or less, of all rows of y for one block of k.
template <class T>
CR_INLINE void multiply_down(const ChunkProduct<T>& p, const Slab& slab, int64_t col, int64_t width, const Panel<T>& panel,
                             const Ahead& next, T* buffer) {
  const bool direct = width % kLanes<T> == 0, biased = slab.last && p.y.bias != nullptr;
  const int64_t most = !direct ? 1 : biased ? kBiasSlivers : p.rows;
  TileArgs<T> tile;
  tile.far = p.asks;
  for (int64_t i = 0, done = 0; i < p.rows; i += done) {
    const int64_t height = min_of(kTileRows, p.rows - i), count = min_of(most, (p.rows - i) / height);
    const T* a = p.a + i * p.k + slab.begin * height;
    done = height * count;
    tile.ahead = next.slice(i, i + done, p.rows);
    if (!direct) {
      multiply_some(Sliver<T>{a, 1, height}, panel, 1, 0, slab, p.y, Rect{i, height, col, width}, tile, buffer);
      continue;
    }
    T* c = p.y.data + i * p.y.row + col;
    tile.k = slab.count;
    tile.a = a;
    tile.a_row = 1;
    tile.a_k = height;
    tile.a_next = height * p.k;
    tile.b = panel.b;
    tile.b_k = panel.k;
    tile.c = c;
    tile.c_row = p.y.row;
    tile.c_next = height * p.y.row;
    tile.accumulate = !slab.first;
    tile.count = count;
    multiply_tile(height, width / kLanes<T>, tile);
    if (biased) p.y.finish(c, p.y.row, i, col, done, width);
  }
}

/// Columns first..end of y; `then`, unless it is nullptr, points to the columns that are likely to follow.
template <class T>
CR_INLINE void multiply_chunks(const ChunkProduct<T>& p, int64_t first, int64_t end, const T* then, T* buffer) {
  constexpr int64_t size = static_cast<int64_t>(sizeof(T));
  const KBlocks blocks = k_blocks(p.k);
  const int64_t slivers = ceil_div(p.rows, kTileRows);
  T* tile = buffer + kChunkScratch<T> - kTileSize<T>;
  for (int64_t col = first, cols = 0; col < end; col += cols) {
    cols = chunk_cols<T>(end - col);
    const int64_t panels = ceil_div(cols, kTileCols<T>);
    cols = min_of(cols, end - col);
    for (int64_t block = 0; block < blocks.count; ++block) {
      const int64_t at = block * blocks.size, count = min_of(blocks.size, p.k - at), each = count * kTileCols<T> + kPanelGap<T>;
      const Slab slab{at, count, block == 0, block == blocks.count - 1};
      const T* x = p.x.data + at * p.x.row;
      const T* following = !slab.last ? x + count * p.x.row + col : col + cols < end ? p.x.data + col + cols : then;
      Ahead next;
      if (p.asks && following != nullptr) next = {following, p.x.row * size, min_of(blocks.size, p.k), ceil_div(cols * size, kCacheLine)};
      const bool in_place = slivers <= kFewPanelUses;
      const int64_t whole = in_place ? 0 : cols / kTileCols<T> - (ceil_div(cols % kTileCols<T>, kLanes<T>) == 1 && cols > kTileCols<T>);
      pack_chunk(x + col, p.x.row, count, whole, buffer, each);
      for (int64_t n = 0, j = 0, width = 0; j < cols; ++n, j += width) {
        width = min_of(tile_vecs(ceil_div(cols - j, kLanes<T>)) * kLanes<T>, cols - j);
        T* to = buffer + n * each;
        const Panel<T> panel = n < whole ? Panel<T>{to, kTileCols<T>} : p.x.panel(to, at, count, col + j, width, slivers);
        multiply_down(p, slab, col + j, width, panel, next.part(n, panels), tile);
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
