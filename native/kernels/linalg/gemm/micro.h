#pragma once
// The micro-kernel: a tile of C, at most kTileRows x kTileVecs vectors, held in registers while k runs. Everything that multiplies
// matrices ends here.
//
// Each element of C is one chain of fma in the order of k, beginning with zero. It depends neither on the tile it falls into nor on the
// width of the vectors, so every path and every instruction set with fma gives the same bits.
#include "simd/vec.h"

/// Before a loop of at most 16 steps over an array of vectors: unrolled early, so that the array can live in registers.
#if defined(__clang__)
#define CR_UNROLL _Pragma("unroll")
#else
#define CR_UNROLL _Pragma("GCC unroll 16")
#endif

namespace chainrule::CR_ISA {

#if defined(__AVX512F__)
inline constexpr int kTileRows = 12, kTileVecs = 2;  // 24 accumulators of 32 registers
#elif defined(__aarch64__)
inline constexpr int kTileRows = 8, kTileVecs = 3;  // 24 of 32
#elif defined(__AVX2__)
inline constexpr int kTileRows = 4, kTileVecs = 3;  // 12 of 16: 7 loads for 12 products, where 6 x 2 has 8
#else
inline constexpr int kTileRows = 6, kTileVecs = 2;  // 12 of 16
#endif

/// AVX2's low, wide tile with few registers left. Choices that were timed with it and would be made in other ways elsewhere ask for it.
inline constexpr bool kAvx2Tile = kTileRows == 4;

/// Rows of a tile of `vecs` vectors. With 4 x 3 a tile of fewer vectors takes more rows, so that the units need not wait for their sums.
constexpr int64_t tile_rows(int64_t vecs) { return kTileRows > 4 || vecs == kTileVecs ? kTileRows : vecs == 2 ? 6 : 8; }
inline constexpr int64_t kMostTileRows = tile_rows(1);
/// Vectors of the next tile when so many are left: four are two and two.
constexpr int64_t tile_vecs(int64_t left) { return left < kTileVecs ? left : kTileVecs == 3 && left == 4 ? 2 : kTileVecs; }

/// Rows that are addressed from one pointer.
inline constexpr int kGroupRows = kTileRows == 6 ? 6 : 4;
/// The last terms of k are added by groups of so many rows, each group being stored while the next one multiplies: a burst of 24 stores
/// of 64 bytes costs some 37 cycles on Zen 4, most likely because they wait behind the products queued before them and few are held.
inline constexpr int kLastTerms = kTileRows > 6 ? 8 : kTileRows == 6 ? 1 : 0;
/// Terms of k in a turn of the loop.
inline constexpr int kTerms = kAvx2Tile ? 4 : 1;

#if defined(__AVX2__) && !defined(__AVX512F__)
/// sum += x y as the one instruction whose result takes the place of the sum, with all factors in registers: left to choose, GCC copies
/// sums and loads the same factor again and again in a loop that needs all registers.
CR_INLINE void add_product(VF& sum, VF x, VF y) { asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y)); }
CR_INLINE void add_product(VD& sum, VD x, VD y) { asm("vfmadd231pd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y)); }
#else
template <class V>
CR_INLINE void add_product(V& sum, V x, V y) {
  sum = fma(x, y, sum);
}
#endif

/// Columns of a full tile.
template <class T>
inline constexpr int kTileCols = kTileVecs* kLanes<T>;

/// Memory that is read soon: `lines` cache lines from each of `rows` rows.
struct Ahead {
  const void* at = nullptr;
  int64_t stride = 0;  // bytes
  int64_t rows = 0, lines = 0;

  /// Parts `from` to `to` of `parts`, whole rows.
  [[nodiscard]] Ahead slice(int64_t from, int64_t to, int64_t parts) const {
    const int64_t begin = rows * from / parts;
    return {static_cast<const char*>(at) + begin * stride, stride, rows * to / parts - begin, lines};
  }
  /// Part `i` of `parts`.
  [[nodiscard]] Ahead part(int64_t i, int64_t parts) const { return slice(i, i + 1, parts); }
};

/// Operands of a tile, or of a run of tiles of one shape. Element (i, k) of A is a[i * a_row + k * a_k]; row k of B is the vectors at b + k
/// * b_k.
template <class T>
struct TileArgs {
  int64_t k;
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k;
  T* c;  // written in whole vectors
  int64_t c_row;
  bool accumulate;                             // c += a b; otherwise c = a b
  bool far = false;                            // C lies beyond L2
  Ahead ahead = {}, also = {};                 // asked for while the tile computes, in portions spread over k, so that it never waits
  int64_t count = 1;                           // tiles of the run
  int64_t a_next = 0, b_next = 0, c_next = 0;  // from one tile to the next, in elements
};

/// Cuts rows into slivers of at most `most` and nearly equal height: 64 rows are 4 x 11 + 2 x 10, not 5 x 12 + 4. Calls body(first, height,
/// slivers) for those of each height; `first` counts slivers.
template <class Body>
CR_INLINE void for_heights(int64_t rows, int64_t most, Body body) {
  const int64_t slivers = (rows + most - 1) / most, height = rows / slivers, taller = rows % slivers;
  if (taller > 0) body(int64_t{0}, height + 1, taller);
  body(taller, height, slivers - taller);
}

/// Multiplies a run of tiles of `rows` <= tile_rows(vecs) rows and `vecs` <= kTileVecs vectors of columns; a, b and c are left behind the
/// last one. A call for each tile would cost some 50 cycles more: its set-up stands behind the products of the tile before. Defined in
/// micro.cc.
void multiply_tile(int64_t rows, int64_t vecs, TileArgs<float>& tile);
void multiply_tile(int64_t rows, int64_t vecs, TileArgs<double>& tile);

}  // namespace chainrule::CR_ISA
