#pragma once
// The matrices of a convolution, as packers for the blocked driver. The unfolded input (im2col) is never stored: a packer reads what it
// needs of it from the padded copy, as runs of neighbouring pixels.
#include "kernels/conv/padded.h"
#include "kernels/linalg/gemm/pack.h"

namespace chainrule::CR_ISA {

/// Pixels of a window, numbered image by image and row by row, and where their input lies in the padded copy.
struct Pixels {
  int64_t cols, per_image;           // output columns; pixels of one image in the window
  int64_t image_stride, row_stride;  // in the padded copy
};

/// Moves of whole vectors that gather pixels from the padded copy: to[at[i]..] = from[from[i]..], in this order. A vector that is longer
/// than its run of neighbouring pixels writes past it; what it spoils is written by the next moves, or is room that every destination has
/// behind it.
struct Move {
  int32_t at, from;
};

/// Moves for pixels j..j+count; returns their number, at most count.
template <class T>
CR_INLINE int64_t make_moves(const Pixels& p, int64_t j, int64_t count, Move* moves) {
  int64_t found = 0;
  int64_t image = j / p.per_image, row = j % p.per_image / p.cols, col = j % p.cols;
  const int64_t rows = p.per_image / p.cols;
  for (int64_t at = 0; at < count;) {
    const int64_t length = min_of(p.cols - col, count - at), from = image * p.image_stride + row * p.row_stride + col;
    for (int64_t i = 0; i < length; i += kLanes<T>) moves[found++] = {static_cast<int32_t>(at + i), static_cast<int32_t>(from + i)};
    at += length;
    col = 0;
    if (++row == rows) {
      row = 0;
      ++image;
    }
  }
  return found;
}

template <class T>
inline constexpr int kMaxPieces = kLanes<T> < 4 ? 4 : kLanes<T>;  // 4: what gather is unrolled for

/// One vector of destination, put together from the vectors at from[0], from[1], ...: each replaces the lanes from its first pixel on.
template <class T>
struct Pieces {
  int32_t count;
  int32_t from[kMaxPieces<T>];
  IntVec<Vec<T>> mask[kMaxPieces<T>];
};

/// The vector of pixels j..j+count, count <= kLanes.
template <class T>
CR_INLINE void make_pieces(const Pixels& p, int64_t j, int64_t count, Pieces<T>& pieces) {
  Move moves[kLanes<T>];
  const int64_t found = make_moves<T>(p, j, count, moves);
  pieces.count = static_cast<int32_t>(found);
  for (int64_t i = 0; i < found; ++i) {
    pieces.from[i] = moves[i].from - moves[i].at;
    for (int l = 0; l < kLanes<T>; ++l) pieces.mask[i][l] = l >= moves[i].at ? -1 : 0;
  }
}

/// to[r * ld..] = the pieces of tap r, for each r < rows; Count > 0 is their number, known to the compiler.
template <int Count, class T>
CR_INLINE void gather(const Pieces<T>& pieces, const T* padded, const int64_t* taps, int64_t rows, T* to, int64_t ld) {
  const int count = Count > 0 ? Count : pieces.count;
  for (int64_t r = 0; r < rows; ++r, to += ld) {
    const T* from = padded + taps[r];
    Vec<T> x = load(from + pieces.from[0]);
    for (int i = 1; i < count; ++i) x = select<Vec<T>>(pieces.mask[i], load(from + pieces.from[i]), x);
    store(to, x);
  }
}

/// B of the forward product: row k is a tap, column j a pixel. Reads up to a vector before `padded`.
template <class T>
struct UnfoldedB {
  const T* padded;
  const int64_t* taps;  // offset of each k
  Pixels pixels;

  Panel<T> panel(T* buffer, int64_t k, int64_t count, int64_t j, int64_t cols, int64_t) const {
    constexpr int64_t ld = kTileCols<T>;
    for (int64_t c = 0; c < cols; c += kLanes<T>) {
      Pieces<T> pieces;
      make_pieces(pixels, j + c, min_of(cols - c, kLanes<T>), pieces);
      T* to = buffer + c;
      switch (pieces.count) {
        case 1:
          gather<1>(pieces, padded, taps + k, count, to, ld);
          break;
        case 2:
          gather<2>(pieces, padded, taps + k, count, to, ld);
          break;
        case 3:
          gather<3>(pieces, padded, taps + k, count, to, ld);
          break;
        case 4:
          gather<4>(pieces, padded, taps + k, count, to, ld);
          break;
        default:
          gather<0>(pieces, padded, taps + k, count, to, ld);
      }
    }
    return {buffer, ld};  // columns past the last one hold what lies there: nobody reads their sums
  }
};

/// A of the weight gradient: row i is a tap, column k a pixel.
template <class T>
struct UnfoldedA {
  const T* padded;
  const int64_t* taps;  // offset of each row
  Pixels pixels;

  Sliver<T> sliver(T* buffer, int64_t i, int64_t rows, int64_t k, int64_t count, int64_t) const {
    Move moves[kMaxBlockK];
    const int64_t found = make_moves<T>(pixels, k, count, moves);
    const int64_t ld = count + 4;
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = padded + taps[i + r];
      T* to = buffer + r * ld;
      for (int64_t n = 0; n < found; ++n) store(to + moves[n].at, load(from + moves[n].from));
    }
    return {buffer, ld, 1};
  }
  void prefetch(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) const {}  // the padded copy is in L2
};

/// B of the weight gradient: row k is a pixel of the window, column j an output channel; from y's gradient, any strides.
template <class T>
struct GradientB {
  const T* data;  // of the window's first pixel, the group's first channel
  int64_t image, channel, row, col;
  int64_t cols, per_image;  // as in Pixels

  Panel<T> panel(T* buffer, int64_t k, int64_t count, int64_t j, int64_t width, int64_t) const {
    constexpr int64_t ld = kTileCols<T>;
    const bool flat = col == 1 && row == cols;
    for (int64_t done = 0; done < count;) {
      const int64_t pixel = (k + done) % per_image;
      const T* from = data + (k + done) / per_image * image + j * channel;
      const int64_t length = min_of(count - done, flat ? per_image - pixel : cols - pixel % cols);
      T* to = buffer + done * ld;
      if (flat) {
        pack_transposed(from + pixel, channel, length, width, to, ld);
      } else {
        from += pixel / cols * row + pixel % cols * col;
        for (int64_t p = 0; p < length; ++p) {
          for (int64_t c = 0; c < width; ++c) to[p * ld + c] = from[p * col + c * channel];
        }
      }
      done += length;
    }
    zero_columns(buffer, count, width);
    return {buffer, ld};
  }
};

/// C whose row i is a channel and whose column j is a pixel of a window, numbered as in Pixels; y, or one phase of x's gradient.
template <class T>
struct PixelC {
  T* data;  // of the window's first pixel, the group's first channel
  int64_t image, channel, row, col;
  int64_t cols, per_image;
  const T* bias = nullptr;
  int64_t bias_stride = 0;

  T* at(int64_t i, int64_t j, int64_t width, int64_t whole, int64_t& row_stride) const {
    row_stride = channel;
    if (width != whole || col != 1 || row != cols || j % per_image + width > per_image) return nullptr;
    return data + i * channel + j / per_image * image + j % per_image;
  }
  /// Calls body(first column of the tile, count, where it lies, distance) for runs that together cover columns j..j+width.
  template <class Body>
  void each_run(int64_t j, int64_t width, Body body) const {
    const bool flat = col == 1 && row == cols;
    for (int64_t done = 0; done < width;) {
      const int64_t pixel = (j + done) % per_image, offset = (j + done) / per_image * image + pixel / cols * row + pixel % cols * col;
      const int64_t length = min_of(width - done, flat ? per_image - pixel : cols - pixel % cols);
      body(done, length, offset);
      done += length;
    }
  }
  void read(T* tile, int64_t i, int64_t j, int64_t rows, int64_t width) const {
    each_run(j, width, [&](int64_t first, int64_t count, int64_t offset) {
      for (int64_t r = 0; r < rows; ++r) {
        const T* from = data + (i + r) * channel + offset;
        for (int64_t c = 0; c < count; ++c) tile[r * kTileCols<T> + first + c] = from[c * col];
      }
    });
  }
  void write(const T* tile, int64_t i, int64_t j, int64_t rows, int64_t width) const {
    each_run(j, width, [&](int64_t first, int64_t count, int64_t offset) {
      T* to = data + i * channel + offset;
      if (col == 1) return pack_rows(tile + first, kTileCols<T>, rows, count, to, channel);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < count; ++c) to[r * channel + c * col] = tile[r * kTileCols<T> + first + c];
      }
    });
  }
  void finish(T* tile, int64_t row_stride, int64_t i, int64_t, int64_t rows, int64_t width) const {
    if (bias == nullptr) return;
    for (int64_t r = 0; r < rows; ++r) {
      const Vec<T> add = splat<Vec<T>>(bias[(i + r) * bias_stride]);
      for (int64_t c = 0; c < width; c += kLanes<T>) store(tile + r * row_stride + c, load(tile + r * row_stride + c) + add);
    }
  }
};

}  // namespace chainrule::CR_ISA
