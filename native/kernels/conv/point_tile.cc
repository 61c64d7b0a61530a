#include "kernels/conv/point_tile.h"

#include "simd/lanes.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// The last terms are added row by row, each row being stored while the next one multiplies (see kGroupRows). Their vectors of B must find
/// registers beside the sums: fewer terms than of the product's tile, which reads B again for each group.
inline constexpr int kRowTerms = kPointRows > 6 ? 2 : 1;
/// Terms in a turn of the loop, and how many of them are addressed from pointers that move once: with AVX2 the instructions beside the
/// products are what counts (see add_turns of micro.cc), 22 of them for 12 products so, 24 term by term.
inline constexpr int kPointTerms = kAvx2Tile ? 4 : 2, kTermsApart = kAvx2Tile ? 4 : 1;

template <class T>
CR_INLINE const T* term_of(const PointTile<T>& tile, int64_t k) {
  return tile.b + (tile.offset != nullptr ? tile.offset[k] : k * tile.b_k);
}

/// Writes a row of the result, whose products are summed up.
template <class T>
CR_INLINE void finish_row(const PointTile<T>& tile, int64_t i, T* c, Vec<T>* sum) {
  if (tile.accumulate) {
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) sum[v] = load(c + v * kLanes<T>) + sum[v];
  }
  if (tile.bias != nullptr) {
    const Vec<T> bias = splat<Vec<T>>(tile.bias[i * tile.bias_row]);
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) sum[v] += bias;
  }
  if (tile.streamed) {
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) stream_store(c + v * kLanes<T>, sum[v]);
  } else {
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) store(c + v * kLanes<T>, sum[v]);
  }
}

/// A tile of fewer than kRowTerms terms.
template <class T>
[[gnu::noinline]] void multiply_few_points(const PointTile<T>& tile, int rows) {
  for (int i = 0; i < rows; ++i) {
    Vec<T> sum[kPointVecs] = {};
    for (int64_t k = 0; k < tile.k; ++k) {
      for (int v = 0; v < kPointVecs; ++v)
        sum[v] = fma(splat<Vec<T>>(tile.a[k * rows + i]), load(term_of(tile, k) + v * kLanes<T>), sum[v]);
    }
    finish_row(tile, i, tile.c + i * tile.c_row, sum);
  }
}

/// What a tile asks for: rows of C that it will write, one at a time, and rows of the next panel, two at a time.
template <class T>
struct PointAsking {
  const T *c, *ahead;
  int64_t c_row, ahead_k, c_left, ahead_left;

  PointAsking(const PointTile<T>& tile, int64_t rows)
      : c(tile.asked),
        ahead(tile.ahead),
        c_row(tile.c_row),
        ahead_k(tile.ahead_k),
        c_left(tile.streamed ? 0 : rows),
        ahead_left(tile.ahead_rows) {}
  /// Before a turn of the loop.
  void ask() {
    for (int n = 0; n < kPointTerms && ahead_left > 0; n += 2) two_ahead();
    for (int n = 0; n < kPointTerms && c_left > 0; n += 2) row_of_c();
  }
  void row_of_c() {
    for (int64_t at = 0; at < kPointCols<T>; at += kLine) __builtin_prefetch(c + at, 1);
    c += c_row;
    --c_left;
  }

 private:
  void two_ahead() {
    for (int64_t at = 0; at < kPointCols<T>; at += kLine) {
      __builtin_prefetch(ahead + at, 0, 2);
      __builtin_prefetch(ahead + ahead_k + at, 0, 2);
    }
    ahead += 2 * ahead_k;
    ahead_left -= 2;
  }
  static constexpr int64_t kLine = kCacheLine / static_cast<int64_t>(sizeof(T));
};

template <class T, int Rows, bool Offsets>
void multiply_point_tile(const PointTile<T>& tile) {
  using V = Vec<T>;
  if (tile.k < kRowTerms) return multiply_few_points(tile, Rows);
  PointAsking<T> asking(tile, Rows);
  while (asking.c_left > 0 && tile.k < 2 * (Rows + kPointTerms - 2)) asking.row_of_c();
  const T *a = tile.a, *b = tile.b;
  const int64_t* offset = tile.offset;
  int64_t b_k = tile.b_k, b_three = 3 * b_k;
  V sum[Rows][kPointVecs];
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < kPointVecs; ++v) sum[i][v] = V{}; }
  const auto add_term = [&](int n) CR_INLINE_LAMBDA {
    if constexpr (kAvx2Tile) asm volatile("" : "+r"(b_k), "+r"(b_three) : : "memory");  // one at a time: registers are scarce
    const T* from = b + (Offsets ? offset[n] : n == 3 ? b_three : n * b_k);
    V row[kPointVecs];
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) row[v] = load(from + v * kLanes<T>);
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V x = splat<V>(a[n * Rows + i]);
      CR_UNROLL for (int v = 0; v < kPointVecs; ++v) add_product(sum[i][v], x, row[v]);
    }
  };
  const auto move_on = [&](int n) CR_INLINE_LAMBDA {
    a += n * Rows;
    if constexpr (Offsets) {
      offset += n;
    } else {
      b += n * b_k;
    }
  };
  int64_t k = tile.k - kRowTerms;
  for (; k >= kPointTerms; k -= kPointTerms) {
    asking.ask();
    CR_UNROLL for (int n = 0; n < kPointTerms; ++n) {
      add_term(n % kTermsApart);
      if ((n + 1) % kTermsApart == 0) move_on(kTermsApart);
    }
  }
  for (; k > 0; --k) {
    add_term(0);
    move_on(1);
  }
  T* c = tile.c;
  asm("" : "+r"(c));  // addresses of C are worked out here, not kept during the loop
  V row[kRowTerms][kPointVecs];
  CR_UNROLL for (int n = 0; n < kRowTerms; ++n) {
    const T* from = Offsets ? b + offset[n] : b + n * b_k;
    CR_UNROLL for (int v = 0; v < kPointVecs; ++v) row[n][v] = load(from + v * kLanes<T>);
  }
  CR_UNROLL for (int i = 0; i < Rows; ++i, c += tile.c_row) {
    CR_UNROLL for (int n = 0; n < kRowTerms; ++n) {
      const V x = splat<V>(a[n * Rows + i]);
      CR_UNROLL for (int v = 0; v < kPointVecs; ++v) sum[i][v] = fma(x, row[n][v], sum[i][v]);
    }
    finish_row(tile, i, c, sum[i]);
    asm volatile("" ::: "memory");  // the compiler would gather the stores
  }
}

template <class T>
struct PointTable {
  void (*fn[kPointRows][2])(const PointTile<T>&);
};
template <class T, int Rows>
constexpr void fill_points(PointTable<T>& table) {
  table.fn[Rows - 1][0] = &multiply_point_tile<T, Rows, false>;
  table.fn[Rows - 1][1] = &multiply_point_tile<T, Rows, true>;
  if constexpr (Rows < kPointRows) fill_points<T, Rows + 1>(table);
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
