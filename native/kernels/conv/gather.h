#pragma once
// The driver of the forward product and of the gradient of x: both gather, for each pixel of the result, the taps of a padded copy.
//
// A result with several phases (the gradient of a strided convolution) has pixels of different taps side by side: pixel q of a phase is
// pixel q step + shift of the result. Channels of the result are vectors: tiles go to a strip [pixel][channel] in L1, where all phases
// meet, and the strip is turned into planes at the end. With few channels, pixels are vectors instead.
#include "kernels/conv/padded.h"
#include "kernels/conv/tiles.h"

namespace chainrule::CR_ISA {

struct OutAxis {
  int64_t step, shift;
};
/// First q whose pixel is not before `at`.
CR_INLINE int64_t first_q(const OutAxis& a, int64_t at) { return ceil_div(at - a.shift, a.step); }  // shift < step

template <class T>
struct Phase {
  OutAxis h, w;
  int64_t k;
  int64_t* taps;    // offsets from a pixel's place in the padded copy
  const T* weight;  // [group][panel][k][kPanelCols], [group][channel][k] for few channels, or whole slivers for chunks
};

template <class T>
struct Gather {
  T* data;
  int64_t image, channel;   // strides of the result, whose planes have no gaps
  int64_t width, channels;  // of the result; channels of one group
  const Phase<T>* phases;
  int64_t phase_count;
  int64_t image_size, pitch;     // of the padded copy
  int64_t first_row, first_col;  // q of the padded copy's first row and column, seen from tap offset 0
  const T* bias;                 // [group][panel][kPanelCols], or [group][channel] for few channels and chunks; or nullptr
};

template <class T>
CR_INLINE int64_t panel_count(int64_t channels) {
  return ceil_div(channels, kPanelCols<T>);
}

inline constexpr int64_t kStripPixels = 256;
/// Elements of scratch that gather_* need besides the padded copy.
template <class T>
inline constexpr int64_t kGatherScratch = kStripPixels* kPanelCols<T>;

/// A rectangle of the result, in one image.
struct Strip {
  int64_t image;  // within the padded copy
  int64_t row, rows, col, cols;
};

/// Calls body(strip) for strips of at most kStripPixels that cover rows row..row+rows.
template <class Body>
CR_INLINE void each_strip(int64_t image, int64_t row, int64_t rows, int64_t width, Body body) {
  const int64_t cols_each = ceil_div(width, ceil_div(width, kStripPixels)), rows_each = max_of(1, kStripPixels / width);
  for (int64_t r = 0; r < rows; r += rows_each) {
    for (int64_t c = 0; c < width; c += cols_each) {
      body(Strip{image, row + r, min_of(rows_each, rows - r), c, min_of(cols_each, width - c)});
    }
  }
}

/// The q of a phase inside a strip.
struct Inside {
  int64_t row, rows, col, cols;
};
template <class T>
CR_INLINE Inside inside(const Phase<T>& p, const Strip& s) {
  const int64_t row = first_q(p.h, s.row), col = first_q(p.w, s.col);
  return {row, first_q(p.h, s.row + s.rows) - row, col, first_q(p.w, s.col + s.cols) - col};
}

/// One tile for all of k.
template <class T>
CR_INLINE void gather_tile(int64_t lines, int64_t cols, int64_t vecs, int64_t k, TapTile<T> tile, const T* bias) {
  const KBlocks blocks = k_blocks(k);
  tile.bias = nullptr;
  for (int64_t block = 0; block < blocks.count; ++block) {
    tile.k = min_of(blocks.size, k - block * blocks.size);
    tile.accumulate = block > 0;
    if (block == blocks.count - 1) tile.bias = bias;
    multiply_taps(lines, cols, vecs, tile);
    tile.offset += tile.k;
    tile.b += tile.k * kPanelCols<T>;
  }
}

/// strip [pixel][channel] = the phase's pixels, for one panel of channels.
template <class T>
CR_INLINE void gather_phase_strip(const Gather<T>& g, const Phase<T>& p, const Strip& s, const T* padded, const T* weight, const T* bias,
                                  int64_t vecs, T* strip) {
  constexpr int64_t ld = kPanelCols<T>;
  const Inside in = inside(p, s);
  if (in.rows <= 0 || in.cols <= 0) return;
  const int64_t parts = ceil_div(in.cols, kTapRows);  // of nearly equal width: 56 is 4 x 14, 32 is 10 + 11 + 11
  const T* source = padded + s.image * g.image_size + (in.row - g.first_row) * g.pitch + in.col - g.first_col;
  T* to = strip + ((in.row * p.h.step + p.h.shift - s.row) * s.cols + in.col * p.w.step + p.w.shift - s.col) * ld;
  const int64_t line = p.h.step * s.cols * ld, col = p.w.step * ld;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t c = part * in.cols / parts, cols = (part + 1) * in.cols / parts - c, most = tap_lines(cols);
    for (int64_t r = 0; r < in.rows; r += most) {
      const TapTile<T> tile{0, p.taps, source + r * g.pitch + c, g.pitch, weight, to + r * line + c * col, line, col, nullptr, false};
      gather_tile(min_of(most, in.rows - r), cols, vecs, p.k, tile, bias);
    }
  }
}

/// The strip's channels as rows of planes: to[channel][pixel].
template <class T>
CR_INLINE void write_strip(const Gather<T>& g, const Strip& s, const T* strip, int64_t channels, T* to) {
  constexpr int64_t ld = kPanelCols<T>;
  if (s.cols == g.width) return transpose_rows(strip, ld, channels, s.rows * s.cols, to, g.channel);
  for (int64_t r = 0; r < s.rows; ++r, to += g.width, strip += s.cols * ld) transpose_rows(strip, ld, channels, s.cols, to, g.channel);
}

/// Panels panel..panel_end of group `group` of the result's rows row..row+rows in `images` images; `to` is the first image's group.
template <class T>
CR_INLINE void gather_panels(const Gather<T>& g, int64_t group, int64_t panel, int64_t panel_end, int64_t images, int64_t row, int64_t rows,
                             const T* padded, T* to, T* strip) {
  const int64_t panels = panel_count<T>(g.channels);
  for (; panel < panel_end; ++panel) {
    const int64_t index = group * panels + panel, first = panel * kPanelCols<T>;
    const int64_t channels = min_of(kPanelCols<T>, g.channels - first), vecs = channels > kLanes<T> ? 2 : 1;
    const T* bias = g.bias == nullptr ? nullptr : g.bias + index * kPanelCols<T>;
    for (int64_t n = 0; n < images; ++n) {
      each_strip(n, row, rows, g.width, [&](const Strip& s) {
        for (int64_t i = 0; i < g.phase_count; ++i) {
          const Phase<T>& p = g.phases[i];
          gather_phase_strip(g, p, s, padded, p.weight + index * p.k * kPanelCols<T>, bias, vecs, strip);
        }
        write_strip(g, s, strip, channels, to + n * g.image + first * g.channel + s.row * g.width + s.col);
      });
    }
  }
}

}  // namespace chainrule::CR_ISA
