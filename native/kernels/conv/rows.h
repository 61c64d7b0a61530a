#pragma once
// The same products with few channels in the result (depthwise convolutions, first layers): pixels are the vectors, the channels' weights
// are broadcast.
#include "kernels/conv/gather.h"

namespace chainrule::CR_ISA {

/// Writes the vectors of a tile that are a part of row `row` of the result.
template <class T>
CR_INLINE void write_run(T* to, int64_t step, const T* from, int64_t count) {
  if (step == 1) {
    if (count == kLanes<T>) return store(to, load(from));
    return store_partial(to, load(from), count);
  }
  for (int64_t i = 0; i < count; ++i) to[i * step] = from[i];
}

/// All of k for one tile.
template <class T>
CR_INLINE void gather_pixels(int64_t rows, int64_t k, PixelTile<T>& tile, const T* bias) {
  const KBlocks blocks = k_blocks(k);
  for (int64_t block = 0; block < blocks.count; ++block) {
    tile.k = min_of(blocks.size, k - block * blocks.size);
    tile.accumulate = block > 0;
    tile.bias = block == blocks.count - 1 ? bias : nullptr;
    multiply_pixels(rows, tile);
    tile.offset += tile.k;
    tile.a += tile.k;
  }
}

/// The vectors that cover a phase's pixels in some rows of the result: where each reads in the padded copy of an image, and where it writes
/// in a plane. A row's last vector may overlap the one before. Lists end with repetitions of the last vector, so that tiles are whole.
template <class T>
struct Runs {
  int64_t count, length;  // pixels of one vector
  int64_t step;           // between them in the result
  bool direct;            // vectors can be summed where they belong
  int64_t *x_at, *c_at;
};

template <class T>
CR_INLINE int64_t runs_room(const Gather<T>& g, int64_t rows) {
  return 2 * (rows * ceil_div(g.width, kLanes<T>) + kPixelVecs);
}
template <class T>
CR_INLINE Runs<T> make_runs(const Gather<T>& g, const Phase<T>& p, int64_t row, int64_t rows, int64_t* room) {
  constexpr int64_t lanes = kLanes<T>;
  const Inside in = inside(p, Strip{0, row, rows, 0, g.width});
  Runs<T> runs{0, min_of(lanes, in.cols), p.w.step, false, room, room + runs_room(g, rows) / 2};
  if (in.rows <= 0 || in.cols <= 0) return runs;
  // Sums of several blocks are added in place, which vectors that overlap do not survive.
  runs.direct = runs.step == 1 && in.cols >= lanes && p.k <= kMaxBlockK;
  int64_t n = 0;
  for (int64_t r = in.row; r < in.row + in.rows; ++r) {
    for (int64_t i = 0; i < in.cols; i += lanes, ++n) {
      const int64_t c = in.col + max_of(0, min_of(i, in.cols - lanes));
      runs.x_at[n] = (r - g.first_row) * g.pitch + c - g.first_col;
      runs.c_at[n] = (r * p.h.step + p.h.shift) * g.width + c * p.w.step + p.w.shift;
    }
  }
  runs.count = n;
  for (; n < runs.count + kPixelVecs; ++n) {
    runs.x_at[n] = runs.x_at[runs.count - 1];
    runs.c_at[n] = runs.c_at[runs.count - 1];
  }
  return runs;
}

/// `rows` <= kPixelRows channels of the result, whose weights are rows of `weight`.
template <class T>
CR_INLINE void gather_runs(const Gather<T>& g, const Phase<T>& p, const Runs<T>& runs, const T* padded, const T* weight, const T* bias,
                           int64_t rows, T* to, T* buffer) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t vecs = pixel_vecs(static_cast<int>(rows));
  int64_t in_buffer[kPixelVecs];
  for (int64_t v = 0; v < kPixelVecs; ++v) in_buffer[v] = v * lanes;
  for (int64_t first = 0; first < runs.count; first += vecs) {
    PixelTile<T> tile{0, p.taps, padded, runs.x_at + first, weight, p.k, to, runs.c_at + first, g.channel, nullptr, false};
    if (runs.direct) {
      gather_pixels(rows, p.k, tile, bias);
      continue;
    }
    tile.c = buffer;
    tile.c_at = in_buffer;
    tile.c_row = kPixelVecs * lanes;
    gather_pixels(rows, p.k, tile, bias);
    for (int64_t v = 0; v < min_of(vecs, runs.count - first); ++v) {
      for (int64_t r = 0; r < rows; ++r) {
        write_run(to + runs.c_at[first + v] + r * g.channel, runs.step, buffer + (r * kPixelVecs + v) * lanes, runs.length);
      }
    }
  }
}

/// Channels channel..channel_end of group `group`, as gather_panels; runs: of each phase.
template <class T>
CR_INLINE void gather_rows(const Gather<T>& g, const Runs<T>* runs, int64_t group, int64_t channel, int64_t channel_end, int64_t images,
                           const T* padded, T* to, T* buffer) {
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t c = channel; c < channel_end; c += kPixelRows) {
      const int64_t index = group * g.channels + c, count = min_of(kPixelRows, channel_end - c);
      for (int64_t i = 0; i < g.phase_count; ++i) {
        const Phase<T>& p = g.phases[i];
        gather_runs(g, p, runs[i], padded + n * g.image_size, p.weight + index * p.k, g.bias == nullptr ? nullptr : g.bias + index, count,
                    to + n * g.image + c * g.channel, buffer);
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
