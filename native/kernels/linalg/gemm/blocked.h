#pragma once
// The one blocked driver. A caller names a rectangle of C and three small objects that know where the numbers lie:
//
//   a.sliver(buffer, i, rows, k, count, uses) -> Sliver   rows i.. of A, k.. : packed into buffer, or a pointer into A itself
//   a.prefetch(i, rows, k, count, part, parts)            asks for a part of a sliver that comes next
//   b.panel(buffer, k, count, j, cols, uses)  -> Panel    columns j.. of B, k.. : packed, or a pointer into B itself
//   c.at(i, j, cols, whole, row_stride)       -> T*       where columns j..j+whole (cols, in whole vectors) can be written, or nullptr
//   c.read(tile, i, j, rows, cols), c.write(...)          the same through a small buffer, for everything else
//   c.finish(tile, row_stride, i, j, rows, cols)          applied to each tile after its last k (bias, ...)
//
// `uses` says how often the result will be read, so that what is read once need not be packed. Packing moves numbers and changes none, and
// the order of additions is fixed by k alone: fma in order within a block of k, blocks added in order. Hence C does not depend on how
// it is cut into rectangles, on the packers, or on the width of the vectors.
#include "kernels/linalg/gemm/micro.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kBlockK = 384;     // 12 rows of A (18 KiB) stay in a 32 KiB L1 while panels of B stream past
inline constexpr int64_t kBlockSlack = 96;  // a last block shorter than this is spread over the others
inline constexpr int64_t kMaxBlockK = kBlockK + kBlockSlack;

/// k is cut into `count` blocks of `size` (the last may be shorter), by k alone.
struct KBlocks {
  int64_t count, size;
};
CR_INLINE KBlocks k_blocks(int64_t k) {
  const int64_t count = k <= kMaxBlockK ? 1 : (k - kBlockSlack + kBlockK - 1) / kBlockK;
  return {count, (k + count - 1) / count};
}

template <class T>
struct Sliver {
  const T* a;
  int64_t row, k;  // strides
};
template <class T>
struct Panel {
  const T* b;
  int64_t k;  // stride
};

/// Columns of B packed at a time: at most 480 KiB, half of the L2 of a small core.
template <class T>
inline constexpr int64_t kChunkCols = 1024 / static_cast<int64_t>(sizeof(T));
template <class T>
inline constexpr int64_t kChunkPanels = (kChunkCols<T> + kTileCols<T> - 1) / kTileCols<T>;
template <class T>
inline constexpr int64_t kPanelSize = kMaxBlockK* kTileCols<T>;
template <class T>
inline constexpr int64_t kSliverSize = kMaxBlockK*(kTileRows + 4);
template <class T>
inline constexpr int64_t kTileSize = kTileRows* kTileCols<T>;
/// Elements of worker scratch that multiply_block needs.
template <class T>
inline constexpr int64_t kBlockScratch = kChunkPanels<T>* kPanelSize<T> + kSliverSize<T> + kTileSize<T>;

struct Rect {
  int64_t row, rows, col, cols;
};

inline constexpr int64_t kPrefetchK = 128;  // in less time than this nothing arrives

/// One tile of C, for one block of k.
template <class T, class C>
CR_INLINE void multiply_one(const Sliver<T>& a, const Panel<T>& b, int64_t k, const C& c, const Rect& at, bool first, bool last,
                            T* buffer) {
  const int64_t vecs = (at.cols + kLanes<T> - 1) / kLanes<T>;
  int64_t row_stride = 0;
  T* direct = c.at(at.row, at.col, at.cols, vecs * kLanes<T>, row_stride);
  if (direct == nullptr) {
    row_stride = kTileCols<T>;
    if (!first) c.read(buffer, at.row, at.col, at.rows, at.cols);
  }
  T* to = direct != nullptr ? direct : buffer;
  if (direct != nullptr && k >= kPrefetchK) {  // C is read and written after the product: let it come from L2 or L3 meanwhile
    for (int64_t r = 0; r < at.rows; ++r) {
      for (int64_t v = 0; v < vecs; ++v) __builtin_prefetch(to + r * row_stride + v * kLanes<T>);
    }
  }
  multiply_tile(at.rows, vecs, TileArgs<T>{k, a.a, a.row, a.k, b.b, b.k, to, row_stride, !first});
  if (last) c.finish(to, row_stride, at.row, at.col, at.rows, at.cols);
  if (direct == nullptr) c.write(buffer, at.row, at.col, at.rows, at.cols);
}

/// C[rect] = A B, or C += A B, with k terms each. `scratch` has kBlockScratch<T> elements.
template <class T, class A, class B, class C>
void multiply_block(const Rect& rect, int64_t k, const A& a, const B& b, const C& c, T* scratch, bool accumulate = false) {
  if (rect.rows <= 0 || rect.cols <= 0) return;
  T* panel_buffer = scratch;
  T* sliver_buffer = panel_buffer + kChunkPanels<T> * kPanelSize<T>;
  T* tile_buffer = sliver_buffer + kSliverSize<T>;
  Panel<T> panels[kChunkPanels<T>];
  const KBlocks blocks = k_blocks(k);
  // Slivers of nearly equal height: 64 rows are 4 x 11 + 2 x 10, not 5 x 12 + 4.
  const int64_t slivers = (rect.rows + kTileRows - 1) / kTileRows;
  for (int64_t col = 0; col < rect.cols; col += kChunkCols<T>) {
    const int64_t cols = rect.cols - col < kChunkCols<T> ? rect.cols - col : kChunkCols<T>;
    const int64_t count = (cols + kTileCols<T> - 1) / kTileCols<T>;
    for (int64_t block = 0; block < blocks.count; ++block) {
      const int64_t k0 = block * blocks.size;
      const int64_t k_count = k - k0 < blocks.size ? k - k0 : blocks.size;
      for (int64_t p = 0; p < count; ++p) {
        const int64_t j = p * kTileCols<T>, width = cols - j < kTileCols<T> ? cols - j : kTileCols<T>;
        panels[p] = b.panel(panel_buffer + p * kPanelSize<T>, k0, k_count, rect.col + col + j, width, slivers);
      }
      for (int64_t s = 0; s < slivers; ++s) {
        const int64_t i = rect.row + s * rect.rows / slivers, rows = rect.row + (s + 1) * rect.rows / slivers - i;
        const Sliver<T> sliver = a.sliver(sliver_buffer, i, rows, k0, k_count, count);
        for (int64_t p = 0; p < count; ++p) {
          const int64_t j = p * kTileCols<T>, width = cols - j < kTileCols<T> ? cols - j : kTileCols<T>;
          if (s + 1 < slivers) a.prefetch(i + rows, rows, k0, k_count, p, count);
          multiply_one(sliver, panels[p], k_count, c, Rect{i, rows, rect.col + col + j, width}, block == 0 && !accumulate,
                       block == blocks.count - 1, tile_buffer);
        }
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
