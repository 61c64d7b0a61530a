#pragma once
// Micro-kernels that read their input through a table of offsets, so that no unfolded copy of it (im2col) is ever made. x is the padded
// copy of padded.h, in which every tap is a fixed distance.
//
// As in the GEMM, each result of a block is one chain of fma in the order of k, beginning with zero: it depends neither on the tile it
// falls into nor on the width of the vectors.
#include "kernels/linalg/gemm/micro.h"

namespace chainrule::CR_ISA {

#if defined(__AVX512F__)
inline constexpr int kTapRows = 14;  // x 2 vectors: 28 accumulators of 32 registers; 14 divides the widths of most networks
#elif defined(__aarch64__)
inline constexpr int kTapRows = 12;
#else
inline constexpr int kTapRows = 6;
#endif
inline constexpr int kTapLines = 3;

/// Columns of a packed panel of B.
template <class T>
inline constexpr int kPanelCols = 2 * kLanes<T>;

/// c[l][i] (+)= sum over k of x[offset[k] + l line + i] b[k], a vector of up to two registers, for l < lines and i < cols.
template <class T>
struct TapTile {
  int64_t k;
  const int64_t* offset;
  const T* x;
  int64_t line;
  const T* b;  // rows of kPanelCols
  T* c;
  int64_t c_line, c_col;
  const T* bias;  // added at the end, a vector like b's; or nullptr
  bool accumulate;
};

/// Lines that a tile of `cols` columns can have.
CR_INLINE int64_t tap_lines(int64_t cols) { return cols * kTapLines <= kTapRows ? kTapLines : cols * 2 <= kTapRows ? 2 : 1; }

/// lines <= tap_lines(cols), cols <= kTapRows, vecs 1 or 2.
void multiply_taps(int64_t lines, int64_t cols, int64_t vecs, const TapTile<float>& tile);
void multiply_taps(int64_t lines, int64_t cols, int64_t vecs, const TapTile<double>& tile);

inline constexpr int kPixelRows = 4, kPixelVecs = 8;
/// Vectors of a tile of `rows` rows.
CR_INLINE constexpr int pixel_vecs(int rows) { return rows == 1 ? 8 : rows == 2 ? 6 : rows == 3 ? 4 : 3; }

/// The vector at c[c_at[v] + r c_row] (+)= sum over k of a[r][k] times the vector at x[x_at[v] + offset[k]], (+ bias[r]): few rows, for
/// which the pixels are read once.
template <class T>
struct PixelTile {
  int64_t k;
  const int64_t* offset;
  const T* x;
  const int64_t* x_at;  // of each vector
  const T* a;
  int64_t a_row;
  T* c;
  const int64_t* c_at;
  int64_t c_row;
  const T* bias;  // or nullptr
  bool accumulate;
};

/// rows <= kPixelRows; always pixel_vecs(rows) vectors.
void multiply_pixels(int64_t rows, const PixelTile<float>& tile);
void multiply_pixels(int64_t rows, const PixelTile<double>& tile);

}  // namespace chainrule::CR_ISA
