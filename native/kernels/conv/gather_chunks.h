#pragma once
// The same products with the GEMM's tile of AVX2, which has 20 instructions for 12 products where one that reads through offsets has 24
// (the other sets' tiles gain nothing): for 24 pixels at a time the numbers of all taps are copied from the padded input into a panel
// [k][24], which goes past the weights of all channels in one run of tiles. Pixels are the vectors. A number is copied for each tap, and
// then multiplied as often as the result has channels.
#include "kernels/conv/gather.h"
#include "kernels/conv/point_chunks.h"

namespace chainrule::CR_ISA {

/// Channels that pay for the copies, and more where a block's panel (24 x 400 for 5 x 5) does not stay in L1: 5 x 5 with 16, 32 and 64
/// channels took 1.13, 1.04 and 0.96 of the time of offsets, 3 x 3 / 2 with 24 0.67.
inline constexpr int64_t kChunkChannels = 17, kFarChunkChannels = 48, kNearPanel = 30 << 10;
/// Whether the product is packed in chunks, by shape alone.
template <class T>
CR_INLINE bool takes_chunks(int64_t channels, int64_t k, bool few) {
  const bool near = k_blocks(k).size * kTileCols<T> * static_cast<int64_t>(sizeof(T)) <= kNearPanel;
  return kAvx2Tile && !few && channels >= (near ? kChunkChannels : kFarChunkChannels);
}

/// The vectors of a panel's row: from where, seen from a tap, and to where. Neighbours in the result may lie in two rows of the input; a
/// vector that reaches beyond its row is overwritten by the next one.
template <class T>
struct PanelVectors {
  int64_t width, count;
  const T* from[kTileCols<T>];
  int64_t to[kTileCols<T>];
};
/// Of pixels first..first+width of rows of `cols` pixels.
template <class T>
CR_INLINE void find_vectors(const T* source, int64_t pitch, int64_t cols, int64_t first, int64_t width, PanelVectors<T>& v) {
  v.width = width;
  v.count = 0;
  for (int64_t at = 0, run = 0; at < width; at += run) {
    const int64_t row = (first + at) / cols, col = (first + at) % cols;
    run = min_of(width - at, cols - col);
    for (int64_t i = 0; i < run; i += kLanes<T>, ++v.count) {
      v.from[v.count] = source + row * pitch + col + i;
      v.to[v.count] = at + i;
    }
  }
}

template <int Count, class T>
CR_INLINE void copy_taps(const PanelVectors<T>& v, const int64_t* taps, int64_t k, T* panel) {
  for (int64_t i = 0; i < k; ++i, panel += kTileCols<T>) {
    CR_UNROLL for (int n = 0; n < Count; ++n) store(panel + v.to[n], load(v.from[n] + taps[i]));
  }
}
/// k rows of a panel, and up to a vector more.
template <class T>
CR_INLINE void pack_taps(const PanelVectors<T>& v, const int64_t* taps, int64_t k, T* panel) {
  if (v.count == 3) return copy_taps<3>(v, taps, k, panel);
  if (v.count == 4) return copy_taps<4>(v, taps, k, panel);
  for (int64_t i = 0; i < k; ++i, panel += kTileCols<T>) {
    for (int64_t n = 0; n < v.count; ++n) store(panel + v.to[n], load(v.from[n] + taps[i]));
  }
}

/// Panels that are packed together, so many taps at a time: most lines of the input are then in L1 when the next panel reads them. With 4
/// panels kernels take 1.00 to 1.01 of the time.
inline constexpr int64_t kTapPanels = 7, kTapsAtOnce = 32;
/// Elements of scratch that gather_chunks needs besides the padded copy.
template <class T>
inline constexpr int64_t kTapScratch = kTapPanels*(kPanelSize<T> + kPanelGap<T>)+kTileSize<T>;

/// Pixels first..end of a result's plane, kTapPanels panels or less; source: where pixel 0 lies in the padded copy, in rows of `cols`.
template <class T>
CR_INLINE void multiply_chunk(const ChunkProduct<T>& product, const int64_t* taps, const T* source, int64_t pitch, int64_t cols,
                              int64_t first, int64_t end, T* buffer) {
  const KBlocks blocks = k_blocks(product.k);
  T* tile = buffer + kTapScratch<T> - kTileSize<T>;
  PanelVectors<T> panels[kTapPanels];
  int64_t count = 0;
  for (int64_t col = first; col < end; col += panels[count++].width) {
    find_vectors(source, pitch, cols, col, min_of(tile_vecs(ceil_div(end - col, kLanes<T>)) * kLanes<T>, end - col), panels[count]);
  }
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t at = block * blocks.size, ks = min_of(blocks.size, product.k - at), each = ks * kTileCols<T> + kPanelGap<T>;
    for (int64_t k = 0; k < ks; k += kTapsAtOnce) {
      for (int64_t i = 0; i < count; ++i) {
        pack_taps(panels[i], taps + at + k, min_of(kTapsAtOnce, ks - k), buffer + i * each + k * kTileCols<T>);
      }
    }
    for (int64_t i = 0, col = first; i < count; col += panels[i++].width) {
      multiply_down(product, Slab{at, ks, block == 0, block == blocks.count - 1}, col, panels[i].width,
                    Panel<T>{buffer + i * each, kTileCols<T>}, Ahead{}, tile);
    }
  }
}

/// Channels channel..channel_end of group `group`, as gather_panels, for a single phase without stride.
template <class T>
CR_INLINE void gather_chunks(const Gather<T>& g, int64_t group, int64_t channel, int64_t channel_end, int64_t images, int64_t row,
                             int64_t rows, const T* padded, T* to, T* buffer) {
  const Phase<T>& p = *g.phases;
  const Inside in = inside(p, Strip{0, row, rows, 0, g.width});
  const int64_t pixels = rows * g.width, index = group * g.channels + channel;
  const int64_t panels = ceil_div(pixels, kTileCols<T>), chunks = ceil_div(panels, kTapPanels);
  for (int64_t n = 0; n < images; ++n) {
    const T* source = padded + n * g.image_size + (in.row - g.first_row) * g.pitch + in.col - g.first_col;
    T* plane = to + n * g.image + channel * g.channel + row * g.width;
    const T* bias = g.bias == nullptr ? nullptr : g.bias + index;
    const ChunkProduct<T> product{channel_end - channel, p.k, p.weight + index * p.k, {}, {plane, g.channel, 1, bias, 1}, false};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t first = panels * chunk / chunks * kTileCols<T>, end = panels * (chunk + 1) / chunks * kTileCols<T>;
      multiply_chunk(product, p.taps, source, g.pitch, in.cols, first, min_of(pixels, end), buffer);
    }
  }
}

}  // namespace chainrule::CR_ISA
