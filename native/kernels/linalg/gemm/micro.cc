#include "kernels/linalg/gemm/micro.h"

namespace chainrule::CR_ISA {

template <class T, int Rows, int Vecs>
void multiply(const TileArgs<T>& tile) {
  using V = Vec<T>;
  // Rows are addressed as group[i / 3] + (i % 3) row: a third of the pointers that plain indexing would need.
  constexpr int groups = (Rows + 2) / 3;
  const T* group[groups];
  const T* b = tile.b;
  const int64_t a_row = tile.a_row, a_k = tile.a_k, b_k = tile.b_k;
  CR_UNROLL for (int g = 0; g < groups; ++g) group[g] = tile.a + 3 * g * a_row;
  V sum[Rows][Vecs];  // stays in registers only if every loop over it is unrolled before the compiler looks at the array
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = V{}; }
  for (int64_t k = tile.k; k > 0; --k) {
    V row[Vecs];
    CR_UNROLL for (int v = 0; v < Vecs; ++v) row[v] = load(b + v * kLanes<T>);
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V x = splat<V>(group[i / 3][i % 3 * a_row]);
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
    }
    CR_UNROLL for (int g = 0; g < groups; ++g) group[g] += a_k;
    b += b_k;
  }
  T* c = tile.c;
  asm("" : "+r"(c));  // addresses of C are worked out here: kept during the loop they would crowd out those of A
  if (tile.accumulate) {
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = load(c + i * tile.c_row + v * kLanes<T>) + sum[i][v];
    }
  }
  CR_UNROLL for (int i = 0; i < Rows; ++i, c += tile.c_row) {
    CR_UNROLL for (int v = 0; v < Vecs; ++v) store(c + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using TileFn = void (*)(const TileArgs<T>&);

template <class T>
struct TileTable {
  TileFn<T> fn[kTileRows][kTileVecs];
};

template <class T, int Row, int Vecs>
constexpr void fill_row(TileTable<T>& table) {
  table.fn[Row - 1][Vecs - 1] = &multiply<T, Row, Vecs>;
  if constexpr (Vecs < kTileVecs) fill_row<T, Row, Vecs + 1>(table);
  if constexpr (Vecs == 1 && Row < kTileRows) fill_row<T, Row + 1, 1>(table);
}
template <class T>
constexpr TileTable<T> tile_table() {
  TileTable<T> table{};
  fill_row<T, 1, 1>(table);
  return table;
}
template <class T>
inline constexpr TileTable<T> kTileTable = tile_table<T>();

void multiply_tile(int64_t rows, int64_t vecs, const TileArgs<float>& tile) { kTileTable<float>.fn[rows - 1][vecs - 1](tile); }
void multiply_tile(int64_t rows, int64_t vecs, const TileArgs<double>& tile) { kTileTable<double>.fn[rows - 1][vecs - 1](tile); }

}  // namespace chainrule::CR_ISA
