#pragma once
// How a product is cut into units of work. No bit of the result depends on it (blocked.h), so it may look at the number of threads.
#include "kernels/linalg/gemm/blocked.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kUnitWork = int64_t{1} << 20;   // multiply-adds: about 20 us, ten times the price of a fork
inline constexpr int64_t kWorkerUnits = 12;              // of a product, at most so many for each thread
inline constexpr int64_t kWorkerStrips = 4;              // at the end of a product, at most so many for each thread
inline constexpr int64_t kStripWork = int64_t{1} << 17;  // multiply-adds of a strip, at least
inline constexpr int64_t kStripPart = 12;                // strips are about this part of the columns

/// A grid of rectangles over C.
struct Grid {
  int64_t rows, cols;            // of C
  int64_t row_parts, col_parts;  // columns are cut at multiples of a tile
};

CR_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
CR_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
CR_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

/// Cuts each of `batch` matrices of m x n into at most `most` rectangles for `workers` threads, so that the last thread ends early. In the
/// cycles of each k a rectangle takes its products, half a cycle for each number of A and a quarter for each of B (measured: what it costs
/// to fetch and pack them once more). Of two cuts as good as each other the finer one: it wastes less when a thread starts late.
template <class T>
CR_INLINE Grid make_grid(int64_t m, int64_t n, int64_t batch, int64_t most, int64_t workers) {
  const int64_t panels = ceil_div(n, kTileCols<T>);
  Grid best{m, n, 1, 1};
  double shortest = 0;
  for (int64_t rows = 1; rows <= min_of(most, ceil_div(m, kTileRows)); ++rows) {
    for (int64_t cols = 1; rows * cols <= most && cols <= panels; ++cols) {
      const auto height = static_cast<double>(ceil_div(m, rows)), width = static_cast<double>(ceil_div(panels, cols) * kTileVecs);
      const double each = height * width + 0.5 * height + 0.25 * width * kLanes<T>;
      const double time = each * (static_cast<double>(ceil_div(batch * rows * cols, workers)) + 0.02);
      if (rows * cols == 1 || time < shortest) {
        shortest = time;
        best.row_parts = rows;
        best.col_parts = cols;
      }
    }
  }
  return best;
}

template <class T>
CR_INLINE Rect grid_rect(const Grid& grid, int64_t unit) {
  const int64_t part_row = unit / grid.col_parts, part_col = unit % grid.col_parts, panels = ceil_div(grid.cols, kTileCols<T>);
  const int64_t row = part_row * grid.rows / grid.row_parts, row_end = (part_row + 1) * grid.rows / grid.row_parts;
  const int64_t col = part_col * panels / grid.col_parts * kTileCols<T>;
  const int64_t col_end = min_of(grid.cols, (part_col + 1) * panels / grid.col_parts * kTileCols<T>);
  return {row, row_end - row, col, col_end - col};
}

/// Rectangles of C in the order in which threads take them: for each thread a large one and then strips of the columns that are left.
/// Cores are seldom equally fast for long: a thread that is done first takes strips of the others. Without strips, a grid.
struct Cut {
  Grid large, strips;
  int64_t workers;
  [[nodiscard]] int64_t large_units() const { return large.row_parts * large.col_parts; }
  [[nodiscard]] int64_t units() const { return large_units() + strips.row_parts * strips.col_parts; }
};

/// The cut of each of `batch` products of m x n with k terms into at most `most` rectangles; strips only for one product.
template <class T>
CR_INLINE Cut make_cut(int64_t m, int64_t n, int64_t k, int64_t batch, int64_t most, int64_t workers) {
  const Cut plain{make_grid<T>(m, n, batch, most, workers), {m, 0, 0, 0}, workers};
  const int64_t panels = ceil_div(n, kTileCols<T>), cols = (panels - max_of(1, panels / kStripPart)) * kTileCols<T>;
  if (batch > 1 || workers == 1 || most < 4 * workers || panels < 4) return plain;
  const int64_t strips = min_of(m * (n - cols) * k / kStripWork, ceil_div(m, kTileRows)), each = min_of(kWorkerStrips, strips / workers);
  const Cut cut{make_grid<T>(m, cols, 1, workers, workers), {m, n - cols, each * workers, 1}, workers};
  return each > 0 && cut.large_units() == workers ? cut : plain;
}

/// Threads are given equal runs of units.
template <class T>
CR_INLINE Rect cut_rect(const Cut& cut, int64_t unit) {
  if (cut.units() == cut.large_units()) return grid_rect<T>(cut.large, unit);
  const int64_t each = cut.units() / cut.workers, share = unit / each, i = unit % each;
  if (i == 0) return grid_rect<T>(cut.large, share);
  Rect rect = grid_rect<T>(cut.strips, share * (each - 1) + i - 1);
  rect.col += cut.large.cols;
  return rect;
}

}  // namespace chainrule::CR_ISA
