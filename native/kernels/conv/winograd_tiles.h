#pragma once
// Tiles of winograd.h: how an image is cut into them, and its points.
#include "kernels/conv/padded.h"
#include "kernels/conv/tiles.h"
#include "simd/parallel.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kPoints = 16;
inline constexpr int64_t kFewUnits = 8;  // of work: with fewer, more is cut than costs nothing

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

/// Where the points of a window's tiles lie: [point][channel][tile].
struct PointLayout {
  int64_t tiles, point;  // elements between channels, between points
};
/// Points are an odd number of cache lines apart, and have room for a vector behind them.
CR_INLINE PointLayout point_layout(int64_t channels, int64_t tiles) { return {tiles, ceil_div(channels * tiles + 16, 32) * 32 + 16}; }

/// The image that is cut into tiles: result (row, col) reads rows and columns from row - pad, col - pad.
struct TileSource {
  const TensorView& x;
  int64_t pad_h, pad_w;
};

/// The padded copy of a window of one channel: [image][row % 2][column % 2][row / 2][column / 2], so that neighbouring tiles read
/// neighbours.
struct TilePlanes {
  int64_t row, plane, image;  // elements between rows, planes, images
};
CR_INLINE TilePlanes tile_planes(int64_t rows, int64_t cols) {
  const int64_t row = ceil_div(cols + 1, 16) * 16, plane = (rows + 1) * row + 16;
  return {row, plane, 4 * plane};
}
/// Elements of scratch for them.
CR_INLINE int64_t tile_planes_room(const TileCut& c) { return c.images_each * tile_planes(c.rows_each, c.cols_each).image + 16; }

/// Element q of a row goes to place q / 2 of even (q % 2 = 0) or odd. The row begins with `begin` zeros, then come `count` elements of
/// the source, then zeros up to `places` in each; whole vectors are written.
template <class T>
CR_INLINE void split_row(const T* from, int64_t begin, int64_t count, int64_t places, T* even, T* odd) {
  constexpr int64_t lanes = kLanes<T>;
  T* first = begin % 2 == 0 ? even + begin / 2 : odd + begin / 2;
  T* second = begin % 2 == 0 ? odd + begin / 2 : even + begin / 2 + 1;
  if (begin > 0) {
    zero_run(even, 0, (begin + 1) / 2);
    zero_run(odd, 0, begin / 2);
  }
  const auto some = [&](int64_t i) {
    return i + lanes <= count ? load(from + i) : i < count ? load_partial(from + i, count - i) : Vec<T>{};
  };
  int64_t done = 0;
  for (int64_t i = 0; i < count; i += 2 * lanes, done += lanes) {
    const Vec<T> low = some(i), high = some(i + lanes);
    store(first + done, evens(low, high));
    store(second + done, odds(low, high));
  }
  if (begin / 2 + done >= places) return;
  zero_run(first + done, 0, places - begin / 2 - done);
  zero_run(second + done, 0, places - begin / 2 - done);
}

/// The same for elements with gaps.
template <class T>
CR_INLINE void split_strided_row(const T* from, int64_t stride, int64_t begin, int64_t count, int64_t places, T* even, T* odd) {
  zero_run(even, 0, places);
  zero_run(odd, 0, places);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t q = begin + i;
    T* to = q % 2 == 0 ? even : odd;
    to[q / 2] = from[i * stride];
  }
}

inline constexpr int64_t kChannelsAhead = 2;

/// The planes of one image whose rows are `count` neighbours, two vectors at most, behind `begin` zeros, one at most: its lines
/// first..past-1 begin at `line`, `pitch` elements apart, the others are zero. In under half the time of the loops of split_row.
template <class T>
CR_INLINE void split_narrow(const T* line, int64_t pitch, int64_t lines, int64_t first, int64_t past, int64_t begin, int64_t count,
                            int64_t next, const TilePlanes& p, T* to) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t behind = count - lanes;
  for (int64_t r = 0; r < lines; ++r) {
    T *even = to + r % 2 * 2 * p.plane + r / 2 * p.row, *odd = even + p.plane;
    if (r < first || r >= past) {
      store(even, Vec<T>{});
      store(odd, Vec<T>{});
      continue;
    }
    for (int64_t i = 0; next != 0 && i < count; i += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(line + next + i);
    const Vec<T> low = behind >= 0 ? load(line) : load_partial(line, count);
    const Vec<T> high = behind >= lanes ? load(line + lanes) : behind > 0 ? load_partial(line + lanes, behind) : Vec<T>{};
    if (begin == 1) *even = T{0};
    store(begin == 1 ? odd : even, evens(low, high));
    store(begin == 1 ? even + 1 : odd, odds(low, high));
    line += pitch;
  }
}

/// The planes of one image. `next`: where the same rows will be read soon, or 0: from there to here in elements.
template <class T>
CR_INLINE void split_image(const TileSource& s, const TileWindow& w, const T* from, int64_t next, const TilePlanes& p, T* to) {
  const TensorView& x = s.x;
  const int64_t row = 2 * w.row - s.pad_h, col = 2 * w.col - s.pad_w, places = w.cols + 1, stride = x.strides[3];
  const int64_t begin = min_of(2 * places, max_of(0, -col)), count = max_of(0, min_of(x.shape[3], col + 2 * places) - (col + begin));
  if (stride == 1 && begin <= 1 && count > 0 && count <= 2 * kLanes<T> && places <= kLanes<T>) {
    const int64_t first = max_of(0, -row);
    return split_narrow(from + (row + first) * x.strides[2] + col + begin, x.strides[2], 2 * w.rows + 2, first, x.shape[2] - row, begin,
                        count, next, p, to);
  }
  for (int64_t r = 0; r < 2 * w.rows + 2; ++r) {
    T *even = to + r % 2 * 2 * p.plane + r / 2 * p.row, *odd = even + p.plane;
    if (row + r < 0 || row + r >= x.shape[2] || count == 0) {
      zero_run(even, 0, places);
      zero_run(odd, 0, places);
      continue;
    }
    const T* line = from + (row + r) * x.strides[2] + (col + begin) * stride;
    if (stride == 1) {
      for (int64_t i = 0; next != 0 && i < count; i += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(line + next + i);
      split_row(line, begin, count, places, even, odd);
    } else {
      split_strided_row(line, stride, begin, count, places, even, odd);
    }
  }
}

/// d B for one line of a tile.
template <class V, class T>
CR_INLINE void line_points(const T* even, const T* odd, V* to) {
  V d[4];
  CR_UNROLL for (int b = 0; b < 4; ++b) std::memcpy(&d[b], (b % 2 == 0 ? even : odd) + b / 2, sizeof(V));
  to[0] = d[0] - d[2];
  to[1] = d[1] + d[2];
  to[2] = d[2] - d[1];
  to[3] = d[1] - d[3];
}

/// The points of one image's planes: to[point][row of tiles][col]. Lines below each other share two of their four rows. Columns go from the
/// last vector to the first, as a row's last vector may reach into the next row's first.
template <int Bytes, class T>
CR_INLINE void transform_image(const T* planes, const TilePlanes& p, int64_t rows, int64_t cols, T* to, int64_t point) {
  using V = typename VecType<T, Bytes>::type;
  constexpr int64_t lanes = Bytes / static_cast<int64_t>(sizeof(T));
  for (int64_t j = (cols - 1) / lanes * lanes; j >= 0; j -= lanes) {
    const T* from = planes + j;
    T* at = to + j;
    V above[2][4], below[2][4];
    line_points(from, from + p.plane, above[0]);
    line_points(from + 2 * p.plane, from + 3 * p.plane, above[1]);
    for (int64_t i = 0; i < rows; ++i, at += cols) {
      from += p.row;
      line_points(from, from + p.plane, below[0]);
      line_points(from + 2 * p.plane, from + 3 * p.plane, below[1]);
      CR_UNROLL for (int b = 0; b < 4; ++b) {
        store(at + b * point, above[0][b] - below[0][b]);
        store(at + (4 + b) * point, above[1][b] + below[0][b]);
        store(at + (8 + b) * point, below[0][b] - above[1][b]);
        store(at + (12 + b) * point, above[1][b] - below[1][b]);
        above[0][b] = below[0][b];
        above[1][b] = below[1][b];
      }
    }
  }
}

/// points [point][channel][tile] of channels channel..channel+channels.
template <class T>
CR_INLINE void transform_window(const TileSource& s, const TileWindow& w, int64_t channel, int64_t channels, const PointLayout& layout,
                                T* planes, T* points) {
  const TilePlanes p = tile_planes(w.rows, w.cols);
  const TensorView& x = s.x;
  for (int64_t c = 0; c < channels; ++c) {
    T* to = points + c * layout.tiles;
    const int64_t next = c + kChannelsAhead < channels ? kChannelsAhead * x.strides[1] : 0;
    for (int64_t n = 0; n < w.images; ++n, to += w.rows * w.cols) {
      split_image(s, w, static_cast<const T*>(x.data) + (w.image + n) * x.strides[0] + (channel + c) * x.strides[1], next, p, planes);
      if (w.cols * 2 <= kLanes<T>) {
        transform_image<kVecBytes / 2>(planes, p, w.rows, w.cols, to, layout.point);
      } else {
        transform_image<kVecBytes>(planes, p, w.rows, w.cols, to, layout.point);
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
