#include "kernels/conv/gather.h"
#include "kernels/conv/winograd.h"
#include "kernels/conv/winograd_tiles.h"

namespace chainrule::CR_ISA {

// Gradient of the weight. For each point, V [channels of x, tiles] times Z [tiles, channels of y], summed over all tiles of the batch. The
// sum is cut into slices of windows, V into chunks of channels, by shape alone: a unit of work is a slice of a chunk.

using T = float;
using V = Vec<T>;
inline constexpr int64_t kLd = kPanelCols<T>;

inline constexpr int64_t kGradientTiles = 112;  // of a window: the length of a product's chains
inline constexpr int64_t kChunk = 64;           // channels of x whose points stay in L2 with those of a panel of y
inline constexpr int64_t kMaxUnits = 16;        // slices times chunks
inline constexpr int64_t kSliceTiles = 384;     // a slice costs as much memory traffic for its sums as so many tiles do

/// How the sum is cut, by shape alone.
struct GradientCut {
  int64_t slices, chunks, chunk;  // of windows; of channels of x, and channels in each
};
CR_INLINE GradientCut cut_gradient(int64_t tiles, int64_t windows, int64_t channels) {
  const int64_t most = max_of(1, min_of(windows, tiles / kSliceTiles));
  int64_t chunks = ceil_div(channels, kChunk);
  if (chunks * most < kFewUnits) chunks = max_of(chunks, min_of(ceil_div(channels, kChunk / 2), kFewUnits / most));
  const int64_t chunk = ceil_div(channels, chunks);
  return {max_of(1, min_of(most, kMaxUnits / chunks)), ceil_div(channels, chunk), chunk};
}

struct GradientJob {
  const TensorView &gy, &x;
  TileSource source;
  TileCut cut;
  PointLayout layout;  // of V, a chunk's channels
  int64_t gradients;   // elements between the points of Z
};

/// strip [pixel][kLd] = channels channel..channel+channels of an image's pixels in the window, rows of `width` pixels.
CR_INLINE void read_gradient(const TensorView& gy, const TileWindow& w, int64_t image, int64_t channel, int64_t channels, int64_t rows,
                             int64_t width, T* strip) {
  const T* from = static_cast<const T*>(gy.data) + image * gy.strides[0] + channel * gy.strides[1] + 2 * w.row * gy.strides[2] +
                  2 * w.col * gy.strides[3];
  if (channels < kLd) std::memset(strip, 0, static_cast<size_t>(rows * width * kLd) * sizeof(T));
  if (gy.strides[3] == 1 && gy.strides[2] == width) return transpose_rows(from, gy.strides[1], rows * width, channels, strip, kLd);
  for (int64_t r = 0; r < rows; ++r, from += gy.strides[2], strip += width * kLd) {
    if (gy.strides[3] == 1) {
      transpose_rows(from, gy.strides[1], width, channels, strip, kLd);
      continue;
    }
    for (int64_t i = 0; i < width; ++i) {
      for (int64_t c = 0; c < channels; ++c) strip[i * kLd + c] = from[c * gy.strides[1] + i * gy.strides[3]];
    }
  }
}

/// A g for two numbers, the last one with its sign changed.
CR_INLINE void gradient_points(V g0, V g1, V* to) {
  to[0] = g0;
  to[1] = g0 + g1;
  to[2] = g0 - g1;
  to[3] = g1;
}

/// to [point][tile][kLd] from an image's strip; pixels beyond the result are zero.
CR_INLINE void transform_gradient(const T* strip, int64_t rows, int64_t width, int64_t point, int64_t vecs, T* to) {
  for (int64_t i = 0; i < rows; i += 2, strip += 2 * width * kLd) {
    for (int64_t j = 0; j < width; j += 2, to += kLd) {
      const bool below = i + 1 < rows, right = j + 1 < width;
      for (int64_t v = 0; v < vecs * kLanes<T>; v += kLanes<T>) {
        const T* from = strip + j * kLd + v;
        V line[2][4];
        gradient_points(load(from), right ? load(from + kLd) : V{}, line[0]);
        const T* next = from + width * kLd;
        gradient_points(below ? load(next) : V{}, below && right ? load(next + kLd) : V{}, line[1]);
        CR_UNROLL for (int b = 0; b < 4; ++b) {
          V points[4];
          gradient_points(line[0][b], line[1][b], points);
          CR_UNROLL for (int a = 0; a < 4; ++a) store(to + (a * 4 + b) * point + v, points[a]);
        }
      }
    }
  }
}

/// The points of a panel of y's channels.
CR_INLINE void gradient_window(const GradientJob& job, const TileWindow& w, int64_t channel, int64_t channels, int64_t vecs, T* strip,
                               T* to) {
  const int64_t rows = min_of(2 * w.rows, job.gy.shape[2] - 2 * w.row), width = min_of(2 * w.cols, job.gy.shape[3] - 2 * w.col);
  for (int64_t n = 0; n < w.images; ++n, to += w.rows * w.cols * kLd) {
    read_gradient(job.gy, w, w.image + n, channel, channels, rows, width, strip);
    transform_gradient(strip, rows, width, job.gradients, vecs, to);
  }
}

/// sums [panel][point][channel of x][kLd] (+)= the window's products, for channels first..last of x.
void add_window(const GradientJob& job, const TileWindow& w, int64_t first, int64_t last, T* scratch, T* sums, bool accumulate) {
  T *planes = scratch, *points = planes + tile_planes_room(job.cut), *strip = points + kPoints * job.layout.point;
  T* gradients = strip + 4 * most_tiles(job.cut) * kLd;
  transform_window(job.source, w, first, last - first, job.layout, planes, points);
  const int64_t ins = job.x.shape[1], outs = job.gy.shape[1], slivers = ceil_div(last - first, tile_rows(2));
  TileArgs<T> tile{tile_count(w), nullptr, job.layout.tiles, 1, nullptr, kLd, nullptr, kLd, accumulate, true, {}};
  for (int64_t panel = 0; panel * kLd < outs; ++panel) {
    const int64_t channels = min_of(kLd, outs - panel * kLd), vecs = channels > kLanes<T> ? 2 : 1;
    gradient_window(job, w, panel * kLd, channels, vecs, strip, gradients);
    for (int64_t p = 0; p < kPoints; ++p) {
      tile.b = gradients + p * job.gradients;
      for (int64_t s = 0; s < slivers; ++s) {
        const int64_t at = s * (last - first) / slivers, count = (s + 1) * (last - first) / slivers - at;
        tile.a = points + p * job.layout.point + at * job.layout.tiles;
        tile.c = sums + ((panel * kPoints + p) * ins + first + at) * kLd;
        multiply_tile(count, vecs, tile);
      }
    }
  }
}

/// G^T s for four numbers, the last of which has the other sign.
CR_INLINE void weight_taps(V s0, V s1, V s2, V s3, V& w0, V& w1, V& w2) {
  const V half = splat<V>(0.5f), outer = half * (s1 + s2);
  w0 = s0 + outer;
  w1 = half * (s1 - s2);
  w2 = outer - s3;
}

/// to [tap][row] = the taps of one channel of x for a vector of y's channels; slices are added in order.
CR_INLINE void sum_slices(const T* sums, int64_t slice, int64_t slices, int64_t point, T* to, int64_t row) {
  V s[4][4], taps[3];
  CR_UNROLL for (int p = 0; p < 16; ++p) s[p / 4][p % 4] = load(sums + p * point);
  for (int64_t i = 1; i < slices; ++i) {
    sums += slice;
    CR_UNROLL for (int p = 0; p < 16; ++p) s[p / 4][p % 4] += load(sums + p * point);
  }
  CR_UNROLL for (int b = 0; b < 4; ++b) weight_taps(s[0][b], s[1][b], s[2][b], s[3][b], s[0][b], s[1][b], s[2][b]);
  CR_UNROLL for (int a = 0; a < 3; ++a) {
    weight_taps(s[a][0], s[a][1], s[a][2], s[a][3], taps[0], taps[1], taps[2]);
    CR_UNROLL for (int b = 0; b < 3; ++b) store(to + (a * 3 + b) * row, taps[b]);
  }
}

const T* winograd_grad_weight(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& x, int64_t row) {
  const int64_t ins = s.in_channels, outs = s.out_channels, panels = panel_count<T>(outs);
  const TileCut cut = cut_tiles(s.batch, s.h.out, s.w.out, kGradientTiles);
  const int64_t windows = window_count(cut), tiles = most_tiles(cut);
  const GradientCut parts = cut_gradient(s.batch * cut.rows * cut.cols, windows, ins);
  const GradientJob job{gy, x, {x, s.h.pad, s.w.pad}, cut, point_layout(parts.chunk, tiles), tiles * kLd + 16};
  const int64_t slice_size = panels * kPoints * ins * kLd;
  T* slices = scratch<T>(ctx, parts.slices * slice_size);
  const int64_t room = tile_planes_room(cut) + kPoints * (job.layout.point + job.gradients) + 4 * tiles * kLd;
  parallel_units(ctx, parts.slices * parts.chunks, [&](int64_t unit, int worker) {
    T* memory = worker_scratch<T>(ctx, worker, room);
    const int64_t first = unit % parts.chunks * parts.chunk, slice = unit / parts.chunks, begin = slice * windows / parts.slices;
    for (int64_t i = begin; i < (slice + 1) * windows / parts.slices; ++i) {
      add_window(job, window_at(cut, i), first, min_of(ins, first + parts.chunk), memory, slices + slice * slice_size, i > begin);
    }
  });
  T* sums = scratch<T>(ctx, ins * 9 * row);
  parallel_range(ctx, ins, max_of(1, (1 << 12) / outs), [&](int64_t begin, int64_t end) {
    for (int64_t o = 0; o < outs; o += kLanes<T>) {
      const T* from = slices + (o / kLd * kPoints * ins * kLd) + o % kLd;
      for (int64_t c = begin; c < end; ++c) sum_slices(from + c * kLd, slice_size, parts.slices, ins * kLd, sums + c * 9 * row + o, row);
    }
  });
  return sums;
}

}  // namespace chainrule::CR_ISA
