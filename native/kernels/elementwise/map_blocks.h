#pragma once
// The driver for operands that are contiguous along different axes, transposed ones above all: blocks of two dimensions. What is not
// contiguous along rows goes through a tile; the rest is read and written where it lies.
#include "kernels/elementwise/map_loop.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kBlockRows = 16;     // a line of the cache of what lies across
inline constexpr int64_t kPitchBytes = 2496;  // of a tile: 39 lines, so that rows do not compete for the sets of L1
inline constexpr int64_t kLeadElements = 64;  // at most, before a block: its rows begin where a line of the result does
inline constexpr int64_t kFlatColumns = 64;   // narrower blocks are computed as one run: rows are not worth a call each

/// How the two dimensions, the innermost and `axis`, are cut: into panels of columns and, down each of them, blocks of rows.
template <int N>
struct BlockCut {
  int32_t axis;
  bool flat, large, streamed;  // large: not in the caches; streamed: and the result is contiguous
  int64_t columns, panels, down;
  int64_t pitch, lead;  // elements
  bool in_place[N], across[N];

  [[nodiscard]] int64_t blocks(int64_t elements, const Map<N>& map) const {
    return elements / (map.shape[axis] * map.shape[map.last]) * panels * down;
  }
};
template <int N>
BlockCut<N> cut_blocks(const Map<N>& map, int32_t axis, bool large, bool streamed) {
  BlockCut<N> cut;
  const int64_t height = map.shape[axis], width = map.shape[map.last];
  int widest = 1;
  for (int n = 0; n < N; ++n) widest = widest < map.size[n] ? map.size[n] : widest;
  const int64_t most = kPitchBytes / widest - kLeadElements;
  cut.axis = axis;
  cut.flat = width < kFlatColumns;
  cut.large = large;
  cut.streamed = streamed && !cut.flat;
  cut.panels = (width + most - 1) / most;
  cut.columns = ((width + cut.panels - 1) / cut.panels + 15) / 16 * 16;
  cut.panels = (width + cut.columns - 1) / cut.columns;
  cut.down = (height + kBlockRows - 1) / kBlockRows;
  cut.pitch = cut.flat ? width : kPitchBytes / widest;
  cut.lead = cut.streamed ? kCacheLine / map.size[0] : 0;
  for (int n = 0; n < N; ++n) {
    cut.in_place[n] = !cut.flat && map.steps[n][map.last] == map.size[n];
    cut.across[n] = map.steps[n][axis] == map.size[n] && map.steps[n][map.last] != map.size[n];
  }
  return cut;
}

/// A block: it computes columns first..last-1; tiles begin at column `from`, and `at` is there in each operand.
template <int N>
struct Block {
  int64_t rows, from, first, last;
  char* at[N];
};
template <int N>
CR_INLINE Block<N> block_at(const Map<N>& map, const BlockCut<N>& cut, int64_t number) {
  const int64_t height = map.shape[cut.axis], width = map.shape[map.last];
  const int64_t row = number % cut.down * kBlockRows;
  Block<N> block;
  block.first = number / cut.down % cut.panels * cut.columns;
  block.last = width - block.first < cut.columns ? width : block.first + cut.columns;
  block.from = block.first < cut.lead ? 0 : block.first - cut.lead;
  block.rows = height - row < kBlockRows ? height - row : kBlockRows;
  for (int n = 0; n < N; ++n) block.at[n] = map.data[n] + block.from * map.steps[n][map.last] + row * map.steps[n][cut.axis];
  int64_t rest = number / (cut.down * cut.panels);
  for (int32_t d = map.last - 1; d >= 0; --d) {
    if (d == cut.axis) continue;
    for (int n = 0; n < N; ++n) block.at[n] += rest % map.shape[d] * map.steps[n][d];
    rest /= map.shape[d];
  }
  return block;
}
/// Asks for the lines of an input's block: they are too many streams for the hardware to foresee.
template <int N>
CR_INLINE void prefetch_block(const Map<N>& map, const BlockCut<N>& cut, const Block<N>& block) {
  const int64_t columns = block.last - block.from;
  for (int n = 1; n < N; ++n) {
    const int64_t down = map.steps[n][cut.axis], right = map.steps[n][map.last];
    if (cut.across[n]) {
      for (int64_t j = 0; j < columns; ++j) __builtin_prefetch(block.at[n] + j * right, 0, 2);
    } else if (cut.in_place[n]) {
      for (int64_t i = 0; i < block.rows; ++i) prefetch_run(block.at[n] + i * down, columns * right);
    }
  }
}

/// Between operand n and its tile: in when n is an input.
template <int N>
CR_INLINE void move_block(const Map<N>& map, const BlockCut<N>& cut, const Block<N>& block, int n, char* tile) {
  with_width(map.size[n], [&](auto w) {
    using T = decltype(w);
    const int64_t down = map.steps[n][cut.axis] / map.size[n], right = map.steps[n][map.last] / map.size[n];
    T *strided = reinterpret_cast<T*>(block.at[n]), *packed = reinterpret_cast<T*>(tile);
    if (n == 0) {
      unpack_block(Block2<T>{strided, down, right}, packed, cut.pitch, block.rows, block.last - block.from);
    } else {
      pack_block(packed, cut.pitch, Block2<const T>{strided, down, right}, block.rows, block.last - block.from);
    }
  });
}

/// The rows of a block whose operands are where they should be. Pieces of rows end where a line of the cache does, if the result is
/// streamed: a line that is stored in two parts would be fetched from memory.
template <int N>
CR_INLINE void compute_block(const Map<N>& map, const BlockCut<N>& cut, const Block<N>& block, char* const* tiles) {
  const auto place = [&](int n, int64_t row) {
    return cut.in_place[n] ? block.at[n] + row * map.steps[n][cut.axis] : tiles[n] + row * cut.pitch * map.size[n];
  };
  const int64_t width = map.shape[map.last];
  for (int64_t i = 0; i < block.rows; ++i) {
    char* const y = place(0, i);
    int64_t first = block.first - block.from, last = block.last - block.from;
    const auto past = [&](int64_t column) {
      return static_cast<int64_t>(reinterpret_cast<uintptr_t>(y + column * map.size[0]) % kCacheLine) / map.size[0];
    };
    if (cut.streamed && block.first > 0) first -= past(first);
    if (cut.streamed && block.last < width) last -= past(last);
    const void* inputs[N];
    for (int n = 1; n < N; ++n) inputs[n - 1] = place(n, i) + first * map.size[n];
    map.row(y + first * map.size[0], inputs, last - first, map.params, {.streamed = cut.streamed, .ahead = 0});
  }
}

/// Blocks begin..end-1 of `total`; `memory` has a tile for each operand.
template <int N>
void map_blocks(const Map<N>& map, const BlockCut<N>& cut, char* memory, int64_t begin, int64_t end, int64_t total) {
  char* tiles[N];
  const void* inputs[N];
  for (int n = 0; n < N; ++n) tiles[n] = memory + n * kBlockRows * kPitchBytes;
  for (int n = 1; n < N; ++n) inputs[n - 1] = tiles[n];
  for (int64_t number = begin; number < end; ++number) {
    const Block<N> block = block_at(map, cut, number);
    if (cut.large && number + 1 < total) prefetch_block(map, cut, block_at(map, cut, number + 1));
    for (int n = 1; n < N; ++n) {
      if (!cut.in_place[n]) move_block(map, cut, block, n, tiles[n]);
    }
    if (cut.flat) {
      map.row(tiles[0], inputs, block.rows * block.last, map.params, {});
    } else {
      compute_block(map, cut, block, tiles);
    }
    if (!cut.in_place[0]) move_block(map, cut, block, 0, tiles[0]);
  }
  if (cut.streamed) stream_fence();
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
