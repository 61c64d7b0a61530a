#pragma once
// Products that L2 holds, single blocks of k: a run of tiles goes down all rows of a panel, and both factors are read where they lie;
// packed are panels that do not fill their vectors and, in a batch, right factors that tiles cannot read. Sums are those of multiply_block.
#include "kernels/linalg/gemm/cut.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kNearWork = int64_t{1} << 21;  // multiply-adds: 128 x 128 x 128
inline constexpr int64_t kNearRows = 32;                // of a unit that has all columns, at least
inline constexpr int64_t kNearUnit = int64_t{1} << 17;  // about 2.5 us, some times the price of a fork

/// Whether tiles can read panels of b where they lie.
template <class T>
CR_INLINE bool is_near_right(int64_t m, const StridedB<T>& b) {
  return b.col == 1 && (!collide<T>(b.row) || m <= kTileRows);
}
/// Whether L2 holds such a product and tiles can read its left factor where it lies.
template <class T>
CR_INLINE bool is_near_left(int64_t m, int64_t n, int64_t k, const StridedA<T>& a, const StridedC<T>& c) {
  if (k == 0 || k > kMaxBlockK || m * n * k > kNearWork || c.col != 1) return false;
  return a.col == 1 ? !collide<T>(a.row) : a.row == 1 && k <= kNearColumns && !collide<T>(a.col);
}

/// C[rect] = A B; scratch has kPanelSize<T> + kTileSize<T> elements. A product of a batch, which may come from beyond L2, has a setting: it
/// asks for C and the factors of the next product.
template <class T>
CR_INLINE void multiply_rect(const Rect& rect, int64_t k, const StridedA<T>& a, const StridedB<T>& b, const StridedC<T>& c, T* scratch,
                             const Setting* setting = nullptr) {
  const int64_t end = rect.col + rect.cols;
  T* tile = scratch + kPanelSize<T>;
  TileArgs<T> args;
  args.k = k;
  args.a_row = a.row;
  args.a_k = a.col;
  args.accumulate = false;
  args.far = setting != nullptr && setting->far;
  const bool in_place = setting == nullptr || is_near_right(rect.rows, b), asks = setting != nullptr && setting->after[0].rows > 0;
  for (int64_t j = rect.col, width = 0; j < end; j += width) {
    const int64_t vecs = tile_vecs(ceil_div(end - j, kLanes<T>));
    width = min_of(vecs * kLanes<T>, end - j);
    const bool whole = width % kLanes<T> == 0;
    const Panel<T> panel = whole && in_place ? Panel<T>{b.data + j, b.row} : b.pack(scratch, 0, k, j, width);
    args.b = panel.b;
    args.b_k = panel.k;
    args.c_row = whole ? c.row : kTileCols<T>;
    int64_t i = rect.row;
    const auto part_of = [&](const Ahead& all, int64_t from, int64_t to) {
      return all.slice(j - rect.col, j - rect.col + width, rect.cols).slice(from, to, ceil_div(rect.rows, tile_rows(vecs)));
    };
    for_heights(rect.rows, tile_rows(vecs), [&](int64_t first, int64_t height, int64_t slivers) {
      args.count = whole ? slivers : 1;
      args.a_next = height * a.row;
      args.c_next = height * c.row;
      for (int64_t s = 0; s < slivers; s += args.count, i += height * args.count) {
        T* to = whole ? c.data + i * c.row + j : tile;
        args.a = a.data + i * a.row;
        args.c = to;
        if (asks) {
          args.ahead = part_of(setting->after[0], first + s, first + s + args.count);
          args.also = part_of(setting->after[1], first + s, first + s + args.count);
        }
        multiply_tile(height, vecs, args);
        if (c.bias != nullptr) c.finish(to, args.c_row, i, j, height * args.count, width);
        if (!whole) c.write(tile, i, j, height, width);
      }
    });
  }
}

template <class T>
CR_INLINE void multiply_near(Context& ctx, int64_t m, int64_t n, int64_t k, const StridedA<T>& a, const StridedB<T>& b,
                             const StridedC<T>& c) {
  constexpr int64_t room = kPanelSize<T> + kTileSize<T>;
  const int64_t want = m * n * k / kNearUnit;
  if (want <= 1 || worker_count(ctx) == 1) return multiply_rect(Rect{0, m, 0, n}, k, a, b, c, worker_scratch<T>(ctx, 0, room));
  // Panels of three vectors seldom share evenly (64 columns were 24 and 40): with AVX2 rows are cut then, as often for each thread.
  const int64_t workers = worker_count(ctx), shares = min_of(want, m / kNearRows) / workers * workers;
  const bool by_rows = kAvx2Tile && n % kTileCols<T> != 0 && shares > 0;
  const int64_t panels = ceil_div(n, kTileCols<T>), col_parts = by_rows ? 1 : min_of(want, panels);
  const int64_t row_parts = by_rows ? shares : min_of(ceil_div(min_of(want, 8), col_parts), ceil_div(m, kTileRows));
  parallel_units(ctx, row_parts * col_parts, [&](int64_t unit, int worker) {
    const int64_t row = unit / col_parts, col = unit % col_parts;
    const int64_t top = row * m / row_parts, left = col * panels / col_parts * kTileCols<T>;
    const int64_t bottom = (row + 1) * m / row_parts, right = min_of(n, (col + 1) * panels / col_parts * kTileCols<T>);
    multiply_rect(Rect{top, bottom - top, left, right - left}, k, a, b, c, worker_scratch<T>(ctx, worker, room));
  });
}

}  // namespace chainrule::CR_ISA
