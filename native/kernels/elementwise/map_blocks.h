#pragma once
// The driver for operands that are contiguous along different axes, transposed ones above all: blocks of two dimensions.
#include "kernels/elementwise/map_loop.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kBlockRows = 16;     // blocks of an operand that is contiguous along another axis: a line of cache each way ...
inline constexpr int64_t kBlockColumns = 32;  // ... of which as many make a tile
static_assert(kBlockRows * kBlockColumns == kTile);

/// One block of two dimensions, the innermost and `axis`.
template <int N>
struct Block {
  int64_t rows, columns;
  char* at[N];
};
template <int N>
CR_INLINE Block<N> block_at(const Map<N>& map, int32_t axis, int64_t number) {
  const int64_t height = map.shape[axis], width = map.shape[map.last];
  const int64_t across = (width + kBlockColumns - 1) / kBlockColumns, down = (height + kBlockRows - 1) / kBlockRows;
  const int64_t column = number % across * kBlockColumns, row = number / across % down * kBlockRows;
  Block<N> block;
  block.columns = width - column < kBlockColumns ? width - column : kBlockColumns;
  block.rows = height - row < kBlockRows ? height - row : kBlockRows;
  for (int n = 0; n < N; ++n) block.at[n] = map.data[n] + column * map.steps[n][map.last] + row * map.steps[n][axis];
  int64_t rest = number / (across * down);
  for (int32_t d = map.last - 1; d >= 0; --d) {
    if (d == axis) continue;
    for (int n = 0; n < N; ++n) block.at[n] += rest % map.shape[d] * map.steps[n][d];
    rest /= map.shape[d];
  }
  return block;
}
/// Asks for the lines of a block: they are too many streams for the hardware to foresee.
template <int N>
CR_INLINE void prefetch_block(const Map<N>& map, int32_t axis, const Block<N>& block) {
  for (int n = 0; n < N; ++n) {
    const bool across = map.steps[n][axis] == map.size[n] && map.steps[n][map.last] != map.size[n];
    const int64_t runs = across ? block.columns : block.rows, bytes = (across ? block.rows : block.columns) * map.size[n];
    const int64_t step = map.steps[n][across ? map.last : axis];
    for (int64_t r = 0; r < runs; ++r) {
      prefetch_run(block.at[n] + r * step, bytes);
      __builtin_prefetch(block.at[n] + r * step + bytes - 1);
    }
  }
}

/// Blocks along which an operand is contiguous that is not so innermost. [begin, end) counts blocks; large operands are not in the caches.
template <int N>
void map_blocks(const Map<N>& map, int32_t axis, bool large, int64_t begin, int64_t end) {
  Tiles<N> tiles;
  const void* inputs[N];
  for (int n = 1; n < N; ++n) inputs[n - 1] = tiles.bytes[n];
  Block<N> next = block_at(map, axis, begin);
  for (int64_t number = begin; number < end; ++number) {
    const Block<N> block = next;
    if (number + 1 < end) next = block_at(map, axis, number + 1);
    if (large) prefetch_block(map, axis, next);
    for (int n = N - 1; n >= 0; --n) {
      if (n == 0) map.row(tiles.bytes[0], inputs, block.rows * block.columns, map.params, {});
      with_width(map.size[n], [&](auto w) {
        using T = decltype(w);
        const int64_t row_step = map.steps[n][axis] / map.size[n], column_step = map.steps[n][map.last] / map.size[n];
        T *strided = reinterpret_cast<T*>(block.at[n]), *tile = reinterpret_cast<T*>(tiles.bytes[n]);
        if (n == 0) {
          unpack_block(Block2<T>{strided, row_step, column_step}, tile, block.rows, block.columns);
        } else {
          pack_block(tile, Block2<const T>{strided, row_step, column_step}, block.rows, block.columns);
        }
      });
    }
  }
}

/// Another axis along which an operand is contiguous that is strided innermost, when both are long enough for blocks; -1 if there is none.
template <int N>
int32_t block_axis(const Map<N>& map) {
  if (map.shape[map.last] < kBlockRows) return -1;
  for (int n = 0; n < N; ++n) {
    const int64_t inner = map.steps[n][map.last];
    if (inner == 0 || inner == map.size[n]) continue;
    for (int32_t d = 0; d < map.last; ++d) {
      if (map.steps[n][d] == map.size[n] && map.shape[d] >= kBlockRows) return d;
    }
  }
  return -1;
}

}  // namespace chainrule::CR_ISA
