#include "kernels/linalg/gemm/micro.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kAskK = 4 * kTileRows;  // in less time than this nothing arrives

/// Asks for some of the lines of memory that is read soon, a portion at a time.
struct Portions {
  Ahead ahead;
  int64_t line = 0, portion;

  Portions(const Ahead& what, int64_t portions) : ahead(what), portion((what.rows * what.lines + portions - 1) / portions) {}
  void ask() {
    for (int64_t n = 0; n < portion && ahead.rows > 0; ++n) {
      __builtin_prefetch(static_cast<const char*>(ahead.at) + line * 64, 0, 2);
      if (++line < ahead.lines) continue;
      line = 0;
      ahead.at = static_cast<const char*>(ahead.at) + ahead.stride;
      --ahead.rows;
    }
  }
};

/// What a tile asks for: C, which it reads and writes at the end, and what comes next.
template <class T, int Vecs>
struct Asking {
  const T* c;
  int64_t c_row;
  Portions left, right;

  Asking(const TileArgs<T>& tile, int64_t portions)
      : c(tile.c), c_row(tile.c_row), left(tile.ahead, portions), right(tile.also, portions) {}
  void operator()(int rows) {
    for (int i = 0; i < rows; ++i, c += c_row) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) __builtin_prefetch(c + v * kLanes<T>);
    }
    left.ask();
    right.ask();
  }
};

/// A tile of fewer than kLastTerms terms.
template <class T>
[[gnu::noinline]] void multiply_short(const TileArgs<T>& tile, int rows, int vecs) {
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < vecs; ++v) {
      Vec<T> sum{};
      for (int64_t k = 0; k < tile.k; ++k) {
        sum = fma(splat<Vec<T>>(tile.a[i * tile.a_row + k * tile.a_k]), load(tile.b + k * tile.b_k + v * kLanes<T>), sum);
      }
      T* c = tile.c + i * tile.c_row + v * kLanes<T>;
      store(c, tile.accumulate ? load(c) + sum : sum);
    }
  }
}

template <class T, int Rows, int Vecs>
void multiply(const TileArgs<T>& tile) {
  using V = Vec<T>;
  if (tile.k < kLastTerms) return multiply_short(tile, Rows, Vecs);
  // Rows are addressed as group[i / 3] + (i % 3) row: a third of the pointers that plain indexing would need.
  constexpr int groups = (Rows + 2) / 3;
  const T* group[groups];
  const T* b = tile.b;
  const int64_t a_row = tile.a_row, a_k = tile.a_k, b_k = tile.b_k;
  CR_UNROLL for (int g = 0; g < groups; ++g) group[g] = tile.a + 3 * g * a_row;
  V sum[Rows][Vecs];  // stays in registers only if every loop over it is unrolled before the compiler looks at the array
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = V{}; }
  int lines = 3;
  if constexpr (Rows < 3) lines = Rows;
  const bool asks = tile.far && tile.k >= kAskK;
  const int64_t ks = tile.k - kLastTerms, portion = asks ? (ks + groups - 1) / groups : ks;
  Asking<T, Vecs> asking(tile, groups);
  for (int64_t left = ks; left > 0; left -= portion) {
    if (asks) asking(lines);
    for (int64_t k = left < portion ? left : portion; k > 0; --k) {
      V row[Vecs];
      CR_UNROLL for (int v = 0; v < Vecs; ++v) row[v] = load(b + v * kLanes<T>);
      CR_UNROLL for (int i = 0; i < Rows; ++i) {
        const V x = splat<V>(group[i / 3][i % 3 * a_row]);
        CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
      }
      CR_UNROLL for (int g = 0; g < groups; ++g) group[g] += a_k;
      b += b_k;
    }
  }
  T* c = tile.c;
  asm("" : "+r"(c));  // addresses of C are worked out here: kept during the loop they would crowd out those of A
  const int64_t c_row = tile.c_row;
  V row[kLastTerms][Vecs];
  CR_UNROLL for (int k = 0; k < kLastTerms; ++k) { CR_UNROLL for (int v = 0; v < Vecs; ++v) row[k][v] = load(b + k * b_k + v * kLanes<T>); }
  const bool accumulate = tile.accumulate;
  CR_UNROLL for (int i = 0; i < Rows; ++i, c += c_row) {
    CR_UNROLL for (int k = 0; k < kLastTerms; ++k) {
      const V x = splat<V>(group[i / 3][i % 3 * a_row + k * a_k]);
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(x, row[k][v], sum[i][v]);
    }
    if (accumulate) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = load(c + v * kLanes<T>) + sum[i][v];
    }
    CR_UNROLL for (int v = 0; v < Vecs; ++v) store(c + v * kLanes<T>, sum[i][v]);
    asm volatile("" ::: "memory");  // the compiler would gather the stores
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
