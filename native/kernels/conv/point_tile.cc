#include "kernels/conv/point_tile.h"

#include "simd/lanes.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

template <class T, int Rows, bool Offsets>
void multiply_point_tile(const PointTile<T>& tile) {
  using V = Vec<T>;
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  const T *a = tile.a, *b = tile.b, *ahead = tile.ahead, *asked = tile.asked;
  const int64_t* offset = tile.offset;
  const int64_t b_k = tile.b_k, ahead_k = tile.ahead_k, c_row = tile.c_row;
  int64_t left = tile.ahead_rows, rows_left = tile.streamed ? 0 : Rows;
  const auto ask = [&]() CR_INLINE_LAMBDA {
    for (int64_t c = 0; c < kTileCols<T>; c += line) __builtin_prefetch(asked + c, 1);
    asked += c_row;
    --rows_left;
  };
  while (rows_left > 0 && tile.k < 2 * Rows) ask();
  V sum[Rows][kTileVecs];
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = V{}; }
  const auto step = [&]() CR_INLINE_LAMBDA {
    const T* from = Offsets ? b + *offset++ : b;
    V row[kTileVecs];
    CR_UNROLL for (int v = 0; v < kTileVecs; ++v) row[v] = load(from + v * kLanes<T>);
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V x = splat<V>(a[i]);
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
    }
    a += Rows;
    if constexpr (!Offsets) b += b_k;
  };
  int64_t k = tile.k;
  for (; k >= 2; k -= 2) {
    if (left > 0) {
      for (int64_t c = 0; c < kTileCols<T>; c += line) {
        __builtin_prefetch(ahead + c, 0, 2);
        __builtin_prefetch(ahead + ahead_k + c, 0, 2);
      }
      ahead += 2 * ahead_k;
      left -= 2;
    }
    if (rows_left > 0) ask();
    step();
    step();
  }
  if (k > 0) step();
  T* c = tile.c;
  asm("" : "+r"(c));  // addresses of C are worked out here, not kept during the loop
  if (tile.accumulate) {
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = load(c + i * c_row + v * kLanes<T>) + sum[i][v];
    }
  }
  if (tile.bias != nullptr) {
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V bias = splat<V>(tile.bias[i * tile.bias_row]);
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] += bias;
    }
  }
  if (tile.streamed) {
    CR_UNROLL for (int i = 0; i < Rows; ++i, c += c_row) {
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) stream_store(c + v * kLanes<T>, sum[i][v]);
    }
    return;
  }
  CR_UNROLL for (int i = 0; i < Rows; ++i, c += c_row) {
    CR_UNROLL for (int v = 0; v < kTileVecs; ++v) store(c + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
struct PointTable {
  void (*fn[kTileRows][2])(const PointTile<T>&);
};
template <class T, int Rows>
constexpr void fill_points(PointTable<T>& table) {
  table.fn[Rows - 1][0] = &multiply_point_tile<T, Rows, false>;
  table.fn[Rows - 1][1] = &multiply_point_tile<T, Rows, true>;
  if constexpr (Rows < kTileRows) fill_points<T, Rows + 1>(table);
}
template <class T>
constexpr PointTable<T> point_table() {
  PointTable<T> table{};
  fill_points<T, 1>(table);
  return table;
}
template <class T>
inline constexpr PointTable<T> kPointTable = point_table<T>();

void multiply_points(int64_t rows, const PointTile<float>& tile) { kPointTable<float>.fn[rows - 1][tile.offset != nullptr](tile); }
void multiply_points(int64_t rows, const PointTile<double>& tile) { kPointTable<double>.fn[rows - 1][tile.offset != nullptr](tile); }

}  // namespace chainrule::CR_ISA
