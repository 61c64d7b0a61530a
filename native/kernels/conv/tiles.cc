#include "kernels/conv/tiles.h"

namespace chainrule::CR_ISA {

template <class T, int Lines, int Cols, int Vecs>
void multiply_tap_tile(const TapTile<T>& tile) {
  using V = Vec<T>;
  constexpr int rows = Lines * Cols;
  const T *x = tile.x, *b = tile.b;
  const int64_t line = tile.line;
  const int64_t* offset = tile.offset;
  V sum[rows][Vecs];
  CR_UNROLL for (int i = 0; i < rows; ++i) { CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = V{}; }
#pragma GCC unroll(kVecBytes == 32 ? 4 : 1)  // with AVX2 0.93 to 1.01 of the time; 24 instructions for 12 products otherwise
  for (int64_t k = tile.k; k > 0; --k) {
    const T* from = x + *offset++;
    V row[Vecs];
    CR_UNROLL for (int v = 0; v < Vecs; ++v) row[v] = load(b + v * kLanes<T>);
    CR_UNROLL for (int i = 0; i < rows; ++i) {
      const V value = splat<V>(from[i / Cols * line + i % Cols]);
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(value, row[v], sum[i][v]);
    }
    b += kPanelCols<T>;
  }
  T* c = tile.c;
  int64_t c_col = tile.c_col;
  asm("" : "+r"(c), "+r"(c_col));  // addresses of C are worked out here, not kept during the loop
  if (tile.accumulate) {
    CR_UNROLL for (int i = 0; i < rows; ++i) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) {
        sum[i][v] = load(c + i / Cols * tile.c_line + i % Cols * c_col + v * kLanes<T>) + sum[i][v];
      }
    }
  }
  if (tile.bias != nullptr) {
    CR_UNROLL for (int v = 0; v < Vecs; ++v) {
      const V bias = load(tile.bias + v * kLanes<T>);
      CR_UNROLL for (int i = 0; i < rows; ++i) sum[i][v] += bias;
    }
  }
  CR_UNROLL for (int i = 0; i < rows; ++i) {
    CR_UNROLL for (int v = 0; v < Vecs; ++v) store(c + i / Cols * tile.c_line + i % Cols * c_col + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
struct TapTable {
  void (*fn[kTapLines][kTapRows][2])(const TapTile<T>&);
};
template <class T, int Lines, int Cols>
constexpr void fill_taps(TapTable<T>& table) {
  table.fn[Lines - 1][Cols - 1][0] = &multiply_tap_tile<T, Lines, Cols, 1>;
  table.fn[Lines - 1][Cols - 1][1] = &multiply_tap_tile<T, Lines, Cols, 2>;
  if constexpr (Lines * (Cols + 1) <= kTapRows) fill_taps<T, Lines, Cols + 1>(table);
}
template <class T>
constexpr TapTable<T> tap_table() {
  TapTable<T> table{};
  fill_taps<T, 1, 1>(table);
  fill_taps<T, 2, 1>(table);
  fill_taps<T, 3, 1>(table);
  return table;
}
template <class T>
inline constexpr TapTable<T> kTapTable = tap_table<T>();

void multiply_taps(int64_t lines, int64_t cols, int64_t vecs, const TapTile<float>& tile) {
  kTapTable<float>.fn[lines - 1][cols - 1][vecs - 1](tile);
}
void multiply_taps(int64_t lines, int64_t cols, int64_t vecs, const TapTile<double>& tile) {
  kTapTable<double>.fn[lines - 1][cols - 1][vecs - 1](tile);
}

template <int Rows, class T>
CR_INLINE void multiply_pixel_tile(const PixelTile<T>& tile) {
  using V = Vec<T>;
  constexpr int vecs = pixel_vecs(Rows);
  const T* x[vecs];
  CR_UNROLL for (int v = 0; v < vecs; ++v) x[v] = tile.x + tile.x_at[v];
  const T* a = tile.a;
  const int64_t row = tile.a_row;
  const int64_t* offset = tile.offset;
  V sum[Rows][vecs];
  CR_UNROLL for (int r = 0; r < Rows; ++r) { CR_UNROLL for (int v = 0; v < vecs; ++v) sum[r][v] = V{}; }
  for (int64_t k = tile.k; k > 0; --k, ++a) {
    const int64_t at = *offset++;
    V weight[Rows];
    CR_UNROLL for (int r = 0; r < Rows; ++r) weight[r] = splat<V>(a[r * row]);
    CR_UNROLL for (int v = 0; v < vecs; ++v) {
      const V pixels = load(x[v] + at);
      CR_UNROLL for (int r = 0; r < Rows; ++r) sum[r][v] = fma(weight[r], pixels, sum[r][v]);
    }
  }
  if (tile.accumulate) {
    CR_UNROLL for (int v = 0; v < vecs; ++v) {
      CR_UNROLL for (int r = 0; r < Rows; ++r) sum[r][v] = load(tile.c + tile.c_at[v] + r * tile.c_row) + sum[r][v];
    }
  }
  if (tile.bias != nullptr) {
    CR_UNROLL for (int r = 0; r < Rows; ++r) {
      const V bias = splat<V>(tile.bias[r]);
      CR_UNROLL for (int v = 0; v < vecs; ++v) sum[r][v] += bias;
    }
  }
  CR_UNROLL for (int v = 0; v < vecs; ++v) {
    T* c = tile.c + tile.c_at[v];
    CR_UNROLL for (int r = 0; r < Rows; ++r) store(c + r * tile.c_row, sum[r][v]);
  }
}

template <class T>
CR_INLINE void choose_pixel_tile(int64_t rows, const PixelTile<T>& tile) {
  switch (rows) {
    case 1:
      return multiply_pixel_tile<1>(tile);
    case 2:
      return multiply_pixel_tile<2>(tile);
    case 3:
      return multiply_pixel_tile<3>(tile);
    default:
      return multiply_pixel_tile<4>(tile);
  }
}
void multiply_pixels(int64_t rows, const PixelTile<float>& tile) { choose_pixel_tile(rows, tile); }
void multiply_pixels(int64_t rows, const PixelTile<double>& tile) { choose_pixel_tile(rows, tile); }

}  // namespace chainrule::CR_ISA
