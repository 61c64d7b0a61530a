#pragma once
// The one blocked driver. A caller names a rectangle of C and three small objects that know where the numbers lie:
//
//   a.sliver(buffer, i, rows, k, count, uses) -> Sliver   rows i.. of A, k.. : packed into buffer, or a pointer into A itself
//   a.ahead(i, rows, k, count)                -> Ahead    what a.sliver would read
//   b.panel(buffer, k, count, j, cols, uses)  -> Panel    columns j.. of B, k.. : packed, or a pointer into B itself
//   b.ahead(k, count, j, cols)                -> Ahead    what the panels of these columns would read; need not be there
//   c.at(i, j, cols, whole, row_stride)       -> T*       where columns j..j+whole (cols, in whole vectors) can be written, or nullptr
//   c.read(tile, i, j, rows, cols), c.write(...)          the same through a small buffer, for everything else
//   c.finish(tile, row_stride, i, j, rows, cols)          applied to each tile after its last k (bias, ...)
//
// `uses` says how often the result will be read. Packing is the exception: a tile reads rows where they lie at full speed, as long as they
// do not compete for the same cache sets. What is packed is packed once for each block of k.
//
// Loops, outside in: rows in blocks of kBlockSlivers slivers; blocks of k; chunks of columns, whose part of B stays in L2; slivers of A,
// which stay in L1; panels of B. Packing moves numbers and changes none, and the order of additions is fixed by k alone: fma in order
// within a block of k, blocks added in order. Hence C does not depend on how it is cut into rectangles, on the packers, or on the width
// of the vectors.
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

/// Columns of a chunk of B, in whole panels (three vectors on NEON): at most 500 KiB, half of the L2 of a small core.
template <class T>
inline constexpr int64_t kChunkPanels = (1024 / static_cast<int64_t>(sizeof(T)) + (kAvx2Tile ? 8 : 0)) / kTileCols<T>;
template <class T>
inline constexpr int64_t kChunkCols = kChunkPanels<T>* kTileCols<T>;
template <class T>
inline constexpr int64_t kPanelSize = kMaxBlockK* kTileCols<T>;
inline constexpr int64_t kGroupSlivers = 4;  // packed together: columns of a transposed A are read by whole cache lines
inline constexpr int64_t kBlockGroups = kAvx2Tile ? 32 : 16;
inline constexpr int64_t kAskSlivers = 8;  // so many slivers before it is needed, the next chunk of B is asked for
inline constexpr int64_t kBlockSlivers = kBlockGroups * kGroupSlivers;
inline constexpr int64_t kGroupSize = kMaxBlockK * (kGroupSlivers * kTileRows + 4);
template <class T>
inline constexpr int64_t kTileSize = kMostTileRows* kTileCols<T>;
/// Elements of worker scratch that multiply_block needs.
template <class T>
inline constexpr int64_t kBlockScratch = kChunkPanels<T>* kPanelSize<T> + kTileSize<T> + kBlockGroups* kGroupSize;

struct Rect {
  int64_t row, rows, col, cols;
};

/// A block of k, and whether it is the first and the last that its tiles see.
struct Slab {
  int64_t begin, count;
  bool first, last;
};

/// What comes after a chunk of B: the next chunk and its first group of slivers. Nothing where it has no rows or columns.
struct Following {
  Slab slab;
  int64_t row, rows, col, cols;
};

/// What the caller knows about a product as a whole.
struct Setting {
  bool accumulate = false;  // C += A B
  bool far = true;          // more than L2 holds: ask early for what comes next
  Ahead after[2] = {};      // the factors of the next product, when this one is a single block: small ones are asked for as a whole
  Rect next = {};           // the rectangle that this thread is likely to multiply next

  /// What sliver s of `slivers` asks for.
  [[nodiscard]] Ahead after_part(int64_t s, int64_t slivers) const {
    const int64_t half = slivers / 2;
    return s < half ? after[0].part(s, half) : after[1].part(s - half, slivers - half);
  }
};
/// Whether a product of this size is a single block.
template <class T>
CR_INLINE bool is_single_block(int64_t m, int64_t n, int64_t k) {
  return m <= kBlockSlivers * kTileRows && n <= kChunkCols<T> && k <= kMaxBlockK;
}

/// A sliver of A against neighbouring panels of B, for one block of k: one tile, or several whole ones where C can be written in place.
/// `next` leads from one panel to the next. Returns the columns that are done.
template <class T, class C>
CR_INLINE int64_t multiply_some(const Sliver<T>& a, const Panel<T>& b, int64_t panels, int64_t next, const Slab& slab, const C& c, Rect at,
                                TileArgs<T>& tile, T* buffer) {
  const int64_t all = at.cols;
  at.cols = panels * kTileCols<T>;
  tile.count = panels;
  tile.c = panels > 1 ? c.at(at.row, at.col, at.cols, at.cols, tile.c_row) : nullptr;
  if (tile.c == nullptr) {
    at.cols = all < kTileCols<T> ? all : kTileCols<T>;
    tile.count = 1;
    tile.c = c.at(at.row, at.col, at.cols, (at.cols + kLanes<T> - 1) / kLanes<T> * kLanes<T>, tile.c_row);
  }
  const bool direct = tile.c != nullptr;
  if (!direct) {
    tile.c = buffer;
    tile.c_row = kTileCols<T>;
    if (!slab.first) c.read(buffer, at.row, at.col, at.rows, at.cols);
  }
  T* to = tile.c;
  tile.k = slab.count;
  tile.a = a.a;
  tile.a_row = a.row;
  tile.a_k = a.k;
  tile.b = b.b;
  tile.b_k = b.k;
  tile.b_next = next;
  tile.c_next = kTileCols<T>;
  tile.accumulate = !slab.first;
  multiply_tile(at.rows, at.cols < kTileCols<T> ? (at.cols + kLanes<T> - 1) / kLanes<T> : kTileVecs, tile);
  for (int64_t j = 0; slab.last && j < at.cols; j += kTileCols<T>) {
    c.finish(to + j, tile.c_row, at.row, at.col + j, at.rows, at.cols - j < kTileCols<T> ? at.cols - j : kTileCols<T>);
  }
  if (!direct) c.write(buffer, at.row, at.col, at.rows, at.cols);
  return at.cols;
}

/// Panels at the beginning of a chunk that are whole and lie at equal distances.
template <class T>
CR_INLINE int64_t regular_panels(const Panel<T>* chunk, int64_t cols) {
  const int64_t whole = cols / kTileCols<T>;
  int64_t n = whole < 2 ? whole : 2;
  while (n < whole && chunk[n].b - chunk[n - 1].b == chunk[1].b - chunk[0].b && chunk[n].k == chunk[0].k) ++n;
  return n;
}

/// The part of `cols` columns that slivers go through: all of them, or whole panels where a narrower one has tiles of more rows.
template <class T>
CR_INLINE int64_t whole_columns(int64_t cols) {
  const int64_t rest = cols % kTileCols<T>;
  return tile_rows((rest + kLanes<T> - 1) / kLanes<T>) == kTileRows ? cols : cols - rest;
}

/// Slivers are of nearly equal height: 64 rows are 4 x 11 + 2 x 10, not 5 x 12 + 4.
struct Rows {
  int64_t row, rows, slivers;
  [[nodiscard]] int64_t at(int64_t sliver) const { return row + sliver * rows / slivers; }
};

/// Columns of the next chunk of `cols`. Panels that do not divide (AVX2) make chunks of nearly equal width: 768 columns are 264 + 264 +
/// 240, for a last chunk of two panels would read all of A once more.
template <class T>
CR_INLINE int64_t chunk_cols(int64_t cols) {
  if (cols <= kChunkCols<T>) return cols;
  if constexpr (!kAvx2Tile) return kChunkCols<T>;
  const int64_t panels = (cols + kTileCols<T> - 1) / kTileCols<T>, chunks = (panels + kChunkPanels<T> - 1) / kChunkPanels<T>;
  return (panels + chunks - 1) / chunks * kTileCols<T>;
}

/// Rectangle, rows and operands of a product, and room to work.
template <class T, class A, class B, class C>
struct Block {
  Rect rect;
  Rows rows;
  const A& a;
  const B& b;
  const C& c;
  T *panels, *tile, *groups;
  Setting setting;

  /// Slivers begin..end of a group against a chunk of B. The tiles ask for what comes next.
  void group(const Sliver<T>& group, int64_t begin, int64_t end, const Panel<T>* chunk, int64_t col, int64_t cols, const Slab& slab,
             const Ahead& next_a, const Ahead& next_b) const {
    const int64_t regular = regular_panels(chunk, cols), next = regular > 1 ? chunk[1].b - chunk[0].b : 0, whole = whole_columns<T>(cols);
    TileArgs<T> args;
    args.far = setting.far;
    const bool after = setting.after[0].rows > 0;
    const auto multiply_rows = [&](int64_t i, int64_t height, int64_t from, int64_t to) {
      const Sliver<T> sliver{group.a + (i - rows.at(begin)) * group.row, group.row, group.k};
      for (int64_t j = from; j < to;) {
        const int64_t p = j / kTileCols<T>;
        j += multiply_some(sliver, chunk[p], p < regular ? regular - p : 1, next, slab, c, Rect{i, height, col + j, cols - j}, args, tile);
        args.ahead = args.also = Ahead{};
      }
    };
    for (int64_t s = begin; s < end; ++s) {
      args.ahead = after ? setting.after_part(s, rows.slivers) : next_a.part(s - begin, end - begin);
      args.also = next_b.part(s - begin, end - begin);
      multiply_rows(rows.at(s), rows.at(s + 1) - rows.at(s), 0, whole);
    }
    if (whole == cols) return;
    int64_t i = rows.at(begin);
    for_heights(rows.at(end) - i, tile_rows((cols - whole + kLanes<T> - 1) / kLanes<T>), [&](int64_t, int64_t height, int64_t count) {
      for (; count > 0; --count, i += height) multiply_rows(i, height, whole, cols);
    });
  }

  /// Slivers first..last for one block of k; at most kBlockSlivers.
  void slab(int64_t first, int64_t last, const Slab& slab, const Following& following) const {
    Panel<T> chunk[kChunkPanels<T>];
    Sliver<T> packed[kBlockGroups];
    const int64_t all_panels = (rect.cols + kTileCols<T> - 1) / kTileCols<T>;
    const bool keep = rect.cols > kChunkCols<T>;
    const auto group_end = [&](int64_t s) { return last - s < kGroupSlivers ? last : s + kGroupSlivers; };
    for (int64_t col = 0, cols = 0; col < rect.cols; col += cols) {
      cols = chunk_cols<T>(rect.cols - col);
      const int64_t asking = last - first < kAskSlivers ? first : last - kAskSlivers;
      for (int64_t p = 0, j = 0; j < cols; ++p, j += kTileCols<T>) {
        const int64_t width = cols - j < kTileCols<T> ? cols - j : kTileCols<T>;
        chunk[p] = b.panel(panels + p * kPanelSize<T>, slab.begin, slab.count, rect.col + col + j, width, last - first);
      }
      const bool more = col + cols < rect.cols;
      const Following then = more ? Following{slab, rect.row, 0, rect.col + col + cols, chunk_cols<T>(rect.cols - col - cols)} : following;
      const Ahead next_chunk = ahead_of_b(then);
      for (int64_t s = first; s < last; s = group_end(s)) {
        const int64_t end = group_end(s), g = (s - first) / kGroupSlivers;
        if (col == 0) {
          T* buffer = groups + (keep ? g * kGroupSize : 0);
          packed[g] = a.sliver(buffer, rows.at(s), rows.at(end) - rows.at(s), slab.begin, slab.count, all_panels);
        }
        const Ahead next_b = s < asking ? Ahead{} : next_chunk.slice(s - asking, end - asking, last - asking);
        Ahead next_a;
        if (end < last && col == 0) {
          next_a = ahead_of_a({slab, rows.at(end), rows.at(group_end(end)) - rows.at(end), 0, 0});
        } else if (end < last || more) {
          const int64_t n = end < last ? end : first;
          next_a = lines_of(packed[(n - first) / kGroupSlivers], rows.at(group_end(n)) - rows.at(n), slab.count);
        } else {
          next_a = ahead_of_a(then);
        }
        group(packed[g], s, end, chunk, rect.col + col, cols, slab, next_a, next_b);
      }
    }
  }

  /// What packing or reading B and A will touch, as far as they can tell.
  [[nodiscard]] Ahead ahead_of_b(const Following& then) const {
    if constexpr (requires(int64_t n) { b.ahead(n, n, n, n); }) {
      if (setting.far && then.cols > 0) return b.ahead(then.slab.begin, then.slab.count, then.col, then.cols);
    }
    return {};
  }
  [[nodiscard]] Ahead ahead_of_a(const Following& then) const {
    return setting.far && then.rows > 0 ? a.ahead(then.row, then.rows, then.slab.begin, then.slab.count) : Ahead{};
  }
  /// The lines of a group of slivers that has its place already.
  [[nodiscard]] Ahead lines_of(const Sliver<T>& known, int64_t height, int64_t count) const {
    constexpr int64_t size = static_cast<int64_t>(sizeof(T)), line = 64 / size;
    if (!setting.far) return {};
    if (known.k == 1) return {known.a, known.row * size, height, (count + line - 1) / line};
    return {known.a, known.k * size, count, (height + line - 1) / line};
  }
};

/// C[rect] = A B, or C += A B, with k terms each. `scratch` has kBlockScratch<T> elements.
template <class T, class A, class B, class C>
void multiply_block(const Rect& rect, int64_t k, const A& a, const B& b, const C& c, T* scratch, const Setting& setting = {}) {
  if (rect.rows <= 0 || rect.cols <= 0) return;
  const KBlocks blocks = k_blocks(k);
  const int64_t slivers = (rect.rows + kTileRows - 1) / kTileRows, row_blocks = (slivers + kBlockSlivers - 1) / kBlockSlivers;
  T* tile = scratch + kChunkPanels<T> * kPanelSize<T>;
  const Block<T, A, B, C> product{rect, {rect.row, rect.rows, slivers}, a, b, c, scratch, tile, tile + kTileSize<T>, setting};
  const auto slab_at = [&](int64_t block) {
    const int64_t at = block * blocks.size, count = k - at < blocks.size ? k - at : blocks.size;
    return Slab{at, count, block == 0 && !setting.accumulate, block == blocks.count - 1};
  };
  constexpr int64_t group = kGroupSlivers * kTileRows;
  for (int64_t r = 0; r < row_blocks; ++r) {
    const int64_t first = r * slivers / row_blocks, last = (r + 1) * slivers / row_blocks;
    for (int64_t block = 0; block < blocks.count; ++block) {
      const bool more = block + 1 < blocks.count, here = more || r + 1 < row_blocks;
      const Rect& then = here ? rect : setting.next;
      const int64_t skip = more ? product.rows.at(first) - rect.row : here ? product.rows.at(last) - rect.row : 0;
      product.slab(first, last, slab_at(block),
                   Following{slab_at(more ? block + 1 : 0), then.row + skip, then.rows - skip < group ? then.rows - skip : group, then.col,
                             chunk_cols<T>(then.cols)});
    }
  }
}

}  // namespace chainrule::CR_ISA
