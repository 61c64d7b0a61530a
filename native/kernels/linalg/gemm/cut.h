#pragma once
// How a product is cut into units of work: by its shape alone, so that the same numbers come out for any number of threads.
#include "kernels/linalg/gemm/blocked.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kUnitWork = int64_t{1} << 20;  // multiply-adds: about 20 us, ten times the price of a fork
inline constexpr int64_t kMaxUnits = 16;

/// A grid of rectangles over C.
struct Grid {
  int64_t rows, cols;            // of C
  int64_t row_parts, col_parts;  // parts are cut at multiples of a tile
};

CR_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
CR_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
CR_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

/// Cuts m x n into about `want` rectangles. Every part of the rows packs its columns of B anew, and every part of the columns its rows of
/// A: columns are cut first, into eight panels or more, then rows, into 24 slivers or more; only then narrower columns.
template <class T>
CR_INLINE Grid make_grid(int64_t m, int64_t n, int64_t want) {
  const int64_t panels = ceil_div(n, kTileCols<T>), slivers = ceil_div(m, kTileRows);
  Grid grid{m, n, 1, 1};
  if (want <= 1) return grid;
  grid.col_parts = max_of(1, min_of(want, panels / 8));
  grid.row_parts = max_of(1, min_of(ceil_div(want, grid.col_parts), slivers / 24));
  grid.col_parts *= max_of(1, min_of(want / (grid.col_parts * grid.row_parts), panels / grid.col_parts));
  return grid;
}

template <class T>
CR_INLINE Rect grid_rect(const Grid& grid, int64_t unit) {
  const int64_t part_row = unit / grid.col_parts, part_col = unit % grid.col_parts;
  const int64_t slivers = ceil_div(grid.rows, kTileRows), panels = ceil_div(grid.cols, kTileCols<T>);
  const int64_t row = part_row * slivers / grid.row_parts * kTileRows, col = part_col * panels / grid.col_parts * kTileCols<T>;
  const int64_t row_end = min_of(grid.rows, (part_row + 1) * slivers / grid.row_parts * kTileRows);
  const int64_t col_end = min_of(grid.cols, (part_col + 1) * panels / grid.col_parts * kTileCols<T>);
  return {row, row_end - row, col, col_end - col};
}

}  // namespace chainrule::CR_ISA
