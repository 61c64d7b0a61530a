#pragma once
// What the drivers of map.cc have in common: the loop over operands of any strides, where they stand in it, and tiles for what is not
// contiguous.
#include "kernels/elementwise/map.h"
#include "kernels/elementwise/tile_copy.h"

namespace chainrule::CR_ISA {

/// The loop with steps in bytes. Operand 0 is the output.
template <int N>
struct Map {
  int32_t last;  // the innermost dimension
  int64_t shape[kMaxRank];
  int64_t steps[N][kMaxRank];
  char* data[N];
  int size[N];
  RowFn row;
  Reads reads;
  const double* params;
};

/// Where the operands stand in the loop.
template <int N>
struct Cursor {
  int64_t index[kMaxRank];
  char* at[N];
};

template <int N>
CR_INLINE void advance(const Map<N>& map, Cursor<N>& cursor, int64_t count) {
  for (int32_t d = map.last; d >= 0 && count > 0; --d) {
    int64_t& index = cursor.index[d];
    index += count;
    for (int n = 0; n < N; ++n) cursor.at[n] += count * map.steps[n][d];
    if (index < map.shape[d]) return;
    count = index < 2 * map.shape[d] ? 1 : index / map.shape[d];
    index -= count * map.shape[d];
    for (int n = 0; n < N; ++n) cursor.at[n] -= count * map.shape[d] * map.steps[n][d];
  }
}

template <int N>
CR_INLINE Cursor<N> cursor_at(const Map<N>& map, int64_t position) {
  Cursor<N> cursor = {};
  for (int n = 0; n < N; ++n) cursor.at[n] = map.data[n];
  advance(map, cursor, position);
  return cursor;
}

template <int N>
struct alignas(64) Tiles {
  char bytes[N][kTile * 8];
};

/// Copies `count` elements of operand n, from the cursor on in the loop's order, to the tile or (out) back from it.
template <bool out, int N>
void copy_tile(const Map<N>& map, int n, Cursor<N> cursor, char* tile, int64_t count) {
  const int64_t stride = map.steps[n][map.last] / map.size[n];
  while (count > 0) {
    const int64_t left = map.shape[map.last] - cursor.index[map.last], run = left < count ? left : count;
    with_width(map.size[n], [&](auto width) {
      using T = decltype(width);
      T *strided = reinterpret_cast<T*>(cursor.at[n]), *packed = reinterpret_cast<T*>(tile);
      if constexpr (out) unpack_run(strided, stride, packed, run);
      if constexpr (!out) pack_run(packed, strided, stride, run);
    });
    tile += run * map.size[n];
    count -= run;
    advance(map, cursor, run);
  }
}

}  // namespace chainrule::CR_ISA
