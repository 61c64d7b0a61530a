#include "kernels/conv/winograd.h"

#include "kernels/conv/gather.h"
#include "kernels/conv/weights.h"
#include "kernels/conv/winograd_tiles.h"

namespace chainrule::CR_ISA {

using T = float;
using V = Vec<T>;
inline constexpr int64_t kLd = kPanelCols<T>;

/// G g for three numbers, beginning with the last one when flipped.
template <bool Flipped>
CR_INLINE void filter_points(V g0, V g1, V g2, V* to) {
  const V half = splat<V>(0.5f), outer = half * (g0 + g2), inner = half * g1;
  to[0] = Flipped ? g2 : g0;
  to[1] = outer + inner;
  to[2] = outer - inner;
  to[3] = Flipped ? g0 : g2;
}

/// The points of filters [9][kLd], to[point][..], `point` elements apart.
template <bool Flipped>
CR_INLINE void transform_filter(const T* taps, T* to, int64_t point) {
  for (int64_t v = 0; v < kLd; v += kLanes<T>) {
    V rows[3][4];
    CR_UNROLL for (int a = 0; a < 3; ++a) {
      const T* at = taps + a * 3 * kLd + v;
      filter_points<Flipped>(load(at), load(at + kLd), load(at + 2 * kLd), rows[a]);
    }
    CR_UNROLL for (int b = 0; b < 4; ++b) {
      V cols[4];
      filter_points<Flipped>(rows[0][b], rows[1][b], rows[2][b], cols);
      CR_UNROLL for (int a = 0; a < 4; ++a) store(to + (a * 4 + b) * point + v, cols[a]);
    }
  }
}

inline constexpr int64_t kFilterGroup = 16;  // channels transformed together: their taps stay in L1

/// weight [O, C, 3, 3] -> [panel of O][point][C][kLd], or, for the gradient of x, [panel of C][point][O][kLd] of flipped filters.
template <bool Flipped>
const T* filter_matrix(Context& ctx, const TensorView& weight) {
  const int64_t outs = weight.shape[0], ins = weight.shape[1];
  const int64_t k = Flipped ? outs : ins, columns = Flipped ? ins : outs, panels = panel_count<T>(columns);
  const T* rows = weight_rows<T>(ctx, weight);
  T* packed = scratch<T>(ctx, panels * kPoints * k * kLd);
  const int64_t groups = ceil_div(k, kFilterGroup);
  parallel_units(ctx, panels * groups, [&](int64_t unit, int) {
    T taps[kFilterGroup * 9 * kLd];
    const int64_t panel = unit / groups, first = unit % groups * kFilterGroup, count = min_of(kFilterGroup, k - first);
    const int64_t width = min_of(kLd, columns - panel * kLd);
    if constexpr (Flipped) {
      for (int64_t i = 0; i < count; ++i)
        pack_transposed(rows + ((first + i) * ins + panel * kLd) * 9, 9, 9, width, taps + i * 9 * kLd, kLd);
    } else {
      transpose_rows(rows + (panel * kLd * ins + first) * 9, ins * 9, count * 9, width, taps, kLd);
    }
    zero_panel_end(taps, count * 9, width);
    T* to = packed + (panel * kPoints * k + first) * kLd;
    for (int64_t i = 0; i < count; ++i) transform_filter<Flipped>(taps + i * 9 * kLd, to + i * kLd, k * kLd);
  });
  return packed;
}

struct WinogradJob {
  TileSource source;
  const TensorView& result;
  int64_t k;  // channels of the source
  const int64_t* taps;
  const T* filters;
  const T* bias;  // [panel][kLd] or nullptr
  PointLayout layout;
};

/// A^T m for four numbers.
CR_INLINE void result_points(V m0, V m1, V m2, V m3, V& y0, V& y1) {
  y0 = (m0 + m1) + m2;
  y1 = (m1 - m2) - m3;
}

/// strip [pixel][kLd] = the results of tiles in rows of `width` pixels.
CR_INLINE void transform_results(const T* sums, int64_t point, int64_t rows, int64_t cols, int64_t width, int64_t vecs, const T* bias,
                                 T* strip) {
  for (int64_t i = 0; i < rows; ++i, strip += 2 * width * kLd) {
    for (int64_t j = 0; j < cols; ++j, sums += kLd) {
      const bool both = 2 * j + 1 < width;
      for (int64_t v = 0; v < vecs * kLanes<T>; v += kLanes<T>) {
        V m[4][2];
        CR_UNROLL for (int a = 0; a < 4; ++a) {
          const T* at = sums + a * 4 * point + v;
          result_points(load(at), load(at + point), load(at + 2 * point), load(at + 3 * point), m[a][0], m[a][1]);
        }
        V y[2][2];
        CR_UNROLL for (int b = 0; b < 2; ++b) result_points(m[0][b], m[1][b], m[2][b], m[3][b], y[0][b], y[1][b]);
        if (bias != nullptr) {
          const V add = load(bias + v);
          CR_UNROLL for (int a = 0; a < 2; ++a) { CR_UNROLL for (int b = 0; b < 2; ++b) y[a][b] += add; }
        }
        T* to = strip + 2 * j * kLd + v;
        CR_UNROLL for (int a = 0; a < 2; ++a) {
          store(to + a * width * kLd, y[a][0]);
          if (both) store(to + (a * width + 1) * kLd, y[a][1]);
        }
      }
    }
  }
}

/// The strip's channels as rows of planes.
CR_INLINE void write_result(const TensorView& y, const TileWindow& w, int64_t image, int64_t channel, int64_t channels, int64_t width,
                            const T* strip) {
  const int64_t row = 2 * w.row, rows = min_of(2 * w.rows, y.shape[2] - row);
  T* to = static_cast<T*>(y.data) + image * y.strides[0] + channel * y.strides[1] + row * y.strides[2] + 2 * w.col;
  if (width == y.shape[3]) return transpose_rows(strip, kLd, channels, rows * width, to, y.strides[1]);
  for (int64_t r = 0; r < rows; ++r, to += y.strides[2], strip += width * kLd)
    transpose_rows(strip, kLd, channels, width, to, y.strides[1]);
}

/// Asks for a part of the memory that write_result will write, one for each point.
CR_INLINE void ask_result(const TensorView& y, const TileWindow& w, int64_t channel, int64_t channels, int64_t part) {
  const int64_t row = 2 * w.row, rows = min_of(2 * w.rows, y.shape[2] - row), width = min_of(2 * w.cols, y.shape[3] - 2 * w.col);
  for (int64_t n = 0; n < w.images; ++n) {
    const T* image = static_cast<const T*>(y.data) + (w.image + n) * y.strides[0] + row * y.strides[2] + 2 * w.col;
    for (int64_t c = part * channels / kPoints; c < (part + 1) * channels / kPoints; ++c) {
      const T* at = image + (channel + c) * y.strides[1];
      for (int64_t i = 0; i < (rows - 1) * y.strides[2] + width; i += 16) __builtin_prefetch(at + i, 1, 2);
    }
  }
}

/// One panel of the result's channels for a window whose points are known.
void multiply_panel(const WinogradJob& job, const TileWindow& w, int64_t panel, const T* points, T* sums, T* strip) {
  const int64_t tiles = tile_count(w), first = panel * kLd, channels = min_of(kLd, job.result.shape[1] - first);
  const int64_t vecs = channels > kLanes<T> ? 2 : 1, slivers = ceil_div(tiles, kTapRows);
  for (int64_t p = 0; p < kPoints; ++p) {
    ask_result(job.result, w, first, channels, p);
    for (int64_t s = 0; s < slivers; ++s) {
      const int64_t at = s * tiles / slivers, count = (s + 1) * tiles / slivers - at;
      const TapTile<T> tile{0,
                            job.taps,
                            points + p * job.layout.point + at,
                            0,
                            job.filters + (panel * kPoints + p) * job.k * kLd,
                            sums + (p * tiles + at) * kLd,
                            0,
                            kLd,
                            nullptr,
                            false};
      gather_tile<T>(1, count, vecs, job.k, tile, nullptr);
    }
  }
  const int64_t width = min_of(2 * w.cols, job.result.shape[3] - 2 * w.col), each = w.rows * w.cols;
  for (int64_t n = 0; n < w.images; ++n) {
    transform_results(sums + n * each * kLd, tiles * kLd, w.rows, w.cols, width, vecs, job.bias == nullptr ? nullptr : job.bias + first,
                      strip);
    write_result(job.result, w, w.image + n, first, channels, width, strip);
  }
}

/// Tiles of a window: with at most 128 channels their points stay in L2, which the filters stream through.
inline constexpr int64_t kWindowTiles = 56;

/// The result of filters [panel][point][channel of the source][kLd].
void run_winograd(Context& ctx, const TileSource& source, const T* filters, const T* bias, const TensorView& result) {
  const int64_t k = source.x.shape[1], panels = panel_count<T>(result.shape[1]);
  const TileCut cut = cut_tiles(result.shape[0], result.shape[2], result.shape[3], kWindowTiles);
  const int64_t tiles = most_tiles(cut), windows = window_count(cut);
  int64_t* taps = scratch<int64_t>(ctx, k);
  const WinogradJob job{source, result, k, taps, filters, bias, point_layout(k, tiles)};
  for (int64_t c = 0; c < k; ++c) taps[c] = c * job.layout.tiles;
  const int64_t planes_room = tile_planes_room(cut), points_room = kPoints * job.layout.point;
  // Few windows are cut by panels as well, at the price of transforming the window for each part.
  const int64_t parts = windows >= kFewUnits ? 1 : max_of(1, min_of(panels / 2, ceil_div(kFewUnits, max_of(1, windows))));
  parallel_units(ctx, windows * parts, [&](int64_t unit, int worker) {
    T* planes = worker_scratch<T>(ctx, worker, planes_room + points_room + (kPoints + 4) * tiles * kLd);
    T *points = planes + planes_room, *sums = points + points_room, *strip = sums + kPoints * tiles * kLd;
    const TileWindow w = window_at(cut, unit / parts);
    const int64_t part = unit % parts;
    transform_window(source, w, 0, k, job.layout, planes, points);
    for (int64_t panel = part * panels / parts; panel < (part + 1) * panels / parts; ++panel)
      multiply_panel(job, w, panel, points, sums, strip);
  });
}

void winograd_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                      const TensorView& y) {
  const T* filters = filter_matrix<false>(ctx, weight);
  run_winograd(ctx, {x, s.h.pad, s.w.pad}, filters, bias == nullptr ? nullptr : pack_bias<T>(ctx, *bias, 1, s.out_channels, false), y);
}
void winograd_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx) {
  run_winograd(ctx, {gy, 2 - s.h.pad, 2 - s.w.pad}, filter_matrix<true>(ctx, weight), nullptr, gx);
}

}  // namespace chainrule::CR_ISA
