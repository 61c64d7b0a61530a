#pragma once
// Tiles of winograd.h: how an image is cut into them, and its points.
#include "kernels/conv/padded.h"
#include "kernels/conv/tiles.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kPoints = 16;

/// A unit of work: some images, or some rows of tiles of one image, or some tiles of one row. The cut depends on the shape alone.
struct TileCut {
  int64_t images, rows, cols;  // in all; rows and columns of tiles
  int64_t images_each, rows_each, cols_each;
  int64_t image_parts, row_parts, col_parts;
};
struct TileWindow {
  int64_t image, images, row, rows, col, cols;
};
CR_INLINE int64_t tile_count(const TileWindow& w) { return w.images * w.rows * w.cols; }

/// Windows of at most `wanted` tiles, or one tile's row.
CR_INLINE TileCut cut_tiles(int64_t images, int64_t height, int64_t width, int64_t wanted) {
  TileCut c{images, ceil_div(height, 2), ceil_div(width, 2), 1, 1, 1, images, 1, 1};
  c.cols_each = ceil_div(c.cols, ceil_div(c.cols, wanted));
  c.col_parts = ceil_div(c.cols, c.cols_each);
  const int64_t rows = max_of(1, wanted / c.cols_each);
  c.rows_each = ceil_div(c.rows, ceil_div(c.rows, rows));
  c.row_parts = ceil_div(c.rows, c.rows_each);
  if (c.row_parts > 1 || c.col_parts > 1) return c;
  const int64_t most = max_of(1, min_of(images, wanted / (c.rows * c.cols)));
  c.images_each = ceil_div(images, ceil_div(images, most));
  c.image_parts = ceil_div(images, c.images_each);
  return c;
}
CR_INLINE int64_t window_count(const TileCut& c) { return c.image_parts * c.row_parts * c.col_parts; }
CR_INLINE TileWindow window_at(const TileCut& c, int64_t index) {
  const int64_t image = index / c.col_parts / c.row_parts * c.images_each;
  const int64_t row = index / c.col_parts % c.row_parts * c.rows_each, col = index % c.col_parts * c.cols_each;
  return {image, min_of(c.images_each, c.images - image), row, min_of(c.rows_each, c.rows - row), col, min_of(c.cols_each, c.cols - col)};
}
CR_INLINE int64_t most_tiles(const TileCut& c) { return c.images_each * c.rows_each * c.cols_each; }

/// B^T d for four numbers.
template <class V>
CR_INLINE void input_points(V& d0, V& d1, V& d2, V& d3) {
  const V p1 = d1 + d2, p2 = d2 - d1;
  d0 = d0 - d2;
  d3 = d1 - d3;
  d1 = p1;
  d2 = p2;
}

/// Where the points of a window's tiles lie: [point][channel][tile].
struct PointLayout {
  int64_t tiles, point;  // elements between channels, between points
};
/// Points are an odd number of cache lines apart, and have room for a vector behind them.
CR_INLINE PointLayout point_layout(int64_t channels, int64_t tiles) {
  const int64_t pitch = ceil_div(tiles, 16) * 16;
  return {pitch, (channels * pitch / 16 + 1) / 2 * 32 + 16};
}

/// The image that is cut into tiles: result (row, col) reads rows and columns from row - pad, col - pad.
struct TileSource {
  const TensorView& x;
  int64_t pad_h, pad_w;
};

/// Every second row and column of a window's channel lie together.
CR_INLINE Planes tile_planes(const TileSource& s, const TileWindow& w) {
  return {{w.rows + 1, 2, 2, 2 * w.row - s.pad_h, s.x.shape[2]}, {w.cols + 1, 2, 2, 2 * w.col - s.pad_w, s.x.shape[3]}};
}
/// Elements of scratch for one channel's planes.
template <class T>
CR_INLINE int64_t tile_planes_room(const TileCut& c) {
  return padded_room<T>(c.images_each * 4 * (c.rows_each + 1) * (c.cols_each + 1));
}

/// One row of tiles. to is written in whole vectors.
template <class T>
CR_INLINE void transform_row(const T* planes, int64_t size, int64_t pitch, int64_t cols, T* to, int64_t point) {
  using V = Vec<T>;
  for (int64_t j = 0; j < cols; j += kLanes<T>) {
    V d[4][4];
    CR_UNROLL for (int a = 0; a < 4; ++a) {
      CR_UNROLL for (int b = 0; b < 4; ++b) d[a][b] = load(planes + (a % 2 * 2 + b % 2) * size + a / 2 * pitch + b / 2 + j);
      input_points(d[a][0], d[a][1], d[a][2], d[a][3]);
    }
    CR_UNROLL for (int b = 0; b < 4; ++b) {
      input_points(d[0][b], d[1][b], d[2][b], d[3][b]);
      CR_UNROLL for (int a = 0; a < 4; ++a) store(to + (a * 4 + b) * point + j, d[a][b]);
    }
  }
}

/// points [point][channel][tile] of channels channel..channel+channels. A row's last vector may reach into what is written next.
template <class T>
CR_INLINE void transform_window(const TileSource& s, const TileWindow& w, int64_t channel, int64_t channels, const PointLayout& layout,
                                T* planes, T* points) {
  const Planes p = tile_planes(s, w);
  const int64_t size = plane_size(p), pitch = p.w.count;
  for (int64_t c = 0; c < channels; ++c) {
    copy_planes(p, s.x, w.image, w.images, channel + c, 1, planes);
    T* to = points + c * layout.tiles;
    for (int64_t n = 0; n < w.images; ++n) {
      for (int64_t r = 0; r < w.rows; ++r, to += w.cols)
        transform_row(planes + n * 4 * size + r * pitch, size, pitch, w.cols, to, layout.point);
    }
  }
}

}  // namespace chainrule::CR_ISA
