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
#else
inline constexpr int kTileRows = 6, kTileVecs = 2;  // 12 of 16
#endif

/// Terms at the end of k that are added row by row, each row of C being stored while the next one multiplies: a burst of 24 stores of 64
/// bytes, two cycles each, holds up the next tile on processors whose queue takes twelve. Their vectors of B must find registers.
inline constexpr int kLastTerms = kTileRows > 6 ? 2 : 1;

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

/// Operands of one tile. Element (i, k) of A is a[i * a_row + k * a_k]; row k of B is the vectors at b + k * b_k.
template <class T>
struct TileArgs {
  int64_t k;
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k;
  T* c;  // written in whole vectors
  int64_t c_row;
  bool accumulate;              // c += a b; otherwise c = a b
  bool far = false;             // C lies beyond L2
  Ahead ahead = {}, also = {};  // asked for while the tile computes, in portions spread over k, so that it never waits
};

/// Multiplies a tile of `rows` <= kTileRows rows and `vecs` <= kTileVecs vectors of columns. Defined in micro.cc.
void multiply_tile(int64_t rows, int64_t vecs, const TileArgs<float>& tile);
void multiply_tile(int64_t rows, int64_t vecs, const TileArgs<double>& tile);

}  // namespace chainrule::CR_ISA
