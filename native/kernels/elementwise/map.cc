#include "kernels/elementwise/map.h"

#include "kernels/elementwise/tile_copy.h"

namespace chainrule::CR_ISA {

namespace {

constexpr int64_t kShortRun = 64;      // elements; shorter runs of the innermost dimension are collected in tiles across rows
constexpr int64_t kWideTile = 2048;    // elements of short rows that are taken together when an operand is repeated for each of them
constexpr int64_t kPairTile = 64;      // elements of two strided operands: few, so that the next ones are read while these are stored
constexpr int64_t kBlockRows = 16;     // blocks of an operand that is contiguous along another axis: a line of cache each way ...
constexpr int64_t kBlockColumns = 32;  // ... of which as many make a tile
static_assert(kBlockRows * kBlockColumns == kTile);
constexpr int64_t kStreamBytes = int64_t{16} << 20;  // results of this size are not in the caches any more when they are read

// kDTypeSize would be a symbol that this object exports.
int element_size(DType dtype) {
  if (dtype == DType::f64 || dtype == DType::i64) return 8;
  return dtype == DType::u8 || dtype == DType::i8 || dtype == DType::boolean ? 1 : 4;
}

/// The loop with steps in bytes. Operand 0 is the output.
template <int N>
struct Map {
  int32_t last;  // the innermost dimension
  int64_t shape[kMaxRank];
  int64_t steps[N][kMaxRank];
  char* data[N];
  int size[N];
  RowFn row;
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

/// How a row sees an input: where it lies, one element spread over a tile, or packed in a tile.
enum class Source : uint8_t { direct, repeated, packed };

/// Whether the first two inputs are every second element of something, of the same size.
template <int N>
bool has_even_pair(const Map<N>& map) {
  if constexpr (N < 3) return false;
  const int64_t step = 2 * map.size[1];
  return map.size[1] == map.size[2] && map.steps[1][map.last] == step && map.steps[2][map.last] == step;
}
template <int N>
CR_INLINE void pack_pair(const Map<N>& map, const Cursor<N>& cursor, Tiles<N>& tiles, int64_t count) {
  with_width(map.size[1], [&](auto width) {
    using T = decltype(width);
    const auto tile = [&](int n) { return reinterpret_cast<T*>(tiles.bytes[n]); };
    const auto from = [&](int n) { return reinterpret_cast<const T*>(cursor.at[n]); };
    pack_two_evens(tile(1), from(1), tile(2), from(2), count);
  });
}

/// Rows of an innermost dimension along which the result is contiguous.
template <int N>
void map_runs(const Map<N>& map, bool streamed, int64_t begin, int64_t end) {
  Tiles<N> tiles;
  const char* filled[N] = {};  // a repeated element is spread over its tile once
  int64_t width[N] = {};
  Source source[N] = {};
  int64_t most = end - begin;
  for (int n = 1; n < N; ++n) {
    const int64_t step = map.steps[n][map.last];
    source[n] = step == map.size[n] ? Source::direct : step == 0 ? Source::repeated : Source::packed;
    if (source[n] != Source::direct && most > kTile) most = kTile;
  }
  const bool pair = has_even_pair(map);
  if (pair && streamed && most > kPairTile) most = kPairTile;
  Cursor<N> cursor = cursor_at(map, begin);
  while (begin < end) {
    int64_t count = map.shape[map.last] - cursor.index[map.last];
    count = count < end - begin ? count : end - begin;
    count = count < most ? count : most;
    // A line that is stored in two parts would be fetched from memory: pieces of a row end where a line of the cache does.
    if (streamed && count == most && most <= kTile) {
      count -= static_cast<int64_t>(reinterpret_cast<uintptr_t>(cursor.at[0] + count * map.size[0]) % kCacheLine) / map.size[0];
    }
    if (pair) pack_pair(map, cursor, tiles, count);
    const void* inputs[N];
    for (int n = 1; n < N; ++n) {
      inputs[n - 1] = source[n] == Source::direct ? cursor.at[n] : tiles.bytes[n];
      if (source[n] == Source::packed && !(pair && n < 3)) copy_tile<false>(map, n, cursor, tiles.bytes[n], count);
      if (source[n] != Source::repeated || (filled[n] == cursor.at[n] && width[n] >= count)) continue;
      with_width(map.size[n], [&](auto w) {
        using T = decltype(w);
        fill_run(reinterpret_cast<T*>(tiles.bytes[n]), *reinterpret_cast<const T*>(cursor.at[n]), count);
      });
      filled[n] = cursor.at[n];
      width[n] = count;
    }
    map.row(cursor.at[0], inputs, count, map.params, streamed);
    advance(map, cursor, count);
    begin += count;
  }
  if (streamed) stream_fence();
}

/// Whether the two innermost dimensions are one run of operand n.
template <int N>
bool is_whole(const Map<N>& map, int n) {
  const int64_t inner = map.steps[n][map.last];
  return inner == map.size[n] && map.steps[n][map.last - 1] == map.shape[map.last] * inner;
}
/// Whether they are of every operand but those that repeat a row for all rows or a number along each.
template <int N>
bool has_whole_rows(const Map<N>& map) {
  if (map.last == 0 || !is_whole(map, 0)) return false;
  for (int n = 1; n < N; ++n) {
    const int64_t inner = map.steps[n][map.last];
    const bool repeats = inner == 0 || (inner == map.size[n] && map.steps[n][map.last - 1] == 0);
    if (!is_whole(map, n) && !repeats) return false;
  }
  return true;
}

/// How many rows go at once: as many as fit a tile, if possible so many that the next ones begin where a line of the cache does.
template <int N>
int64_t wide_rows(const Map<N>& map) {
  const int64_t width = map.shape[map.last], most = kWideTile / width;
  int64_t even = 1;
  while (even * width * map.size[0] % kCacheLine != 0) even *= 2;
  return even <= most ? most / even * even : most;
}

/// One tile of `rows` rows of an operand: its only row again and again, or a number along each row.
template <int N>
void repeat_rows(const Map<N>& map, int n, const char* from, char* tile, int64_t rows) {
  const int64_t width = map.shape[map.last], step = map.steps[n][map.last - 1];
  with_width(map.size[n], [&](auto w) {
    using T = decltype(w);
    T* to = reinterpret_cast<T*>(tile);
    for (int64_t r = 0; r < rows; ++r, to += width) {
      if (map.steps[n][map.last] != 0) {
        copy_contiguous(to, reinterpret_cast<const T*>(from), width);
        continue;
      }
      const auto v = splat_any<T>(*reinterpret_cast<const T*>(from + r * step));
      store(to, v);  // what is too much, the next row covers
      T* const end = to + width;
      for (T* at = to + to_next_vector(to, kLanes<T>); at < end; at += kLanes<T>) store(at, v);
    }
  });
}

/// Rows begin..end-1, many at a time.
template <int N>
void map_wide(const Map<N>& map, bool streamed, int64_t begin, int64_t end) {
  alignas(64) char tiles[N][(kWideTile + 16) * 8];
  const char* filled[N] = {};  // a row that is repeated is copied once
  int64_t height[N] = {};
  const int64_t width = map.shape[map.last], most = wide_rows(map);
  Cursor<N> cursor = cursor_at(map, begin * width);
  while (begin < end) {
    int64_t rows = map.shape[map.last - 1] - cursor.index[map.last - 1];
    rows = rows < end - begin ? rows : end - begin;
    rows = rows < most ? rows : most;
    const void* inputs[N];
    for (int n = 1; n < N; ++n) {
      const bool row = map.steps[n][map.last] != 0, direct = row && map.steps[n][map.last - 1] != 0;
      inputs[n - 1] = direct ? cursor.at[n] : tiles[n];
      if (direct || (row && filled[n] == cursor.at[n] && height[n] >= rows)) continue;
      repeat_rows(map, n, cursor.at[n], tiles[n], rows);
      filled[n] = cursor.at[n];
      height[n] = rows;
    }
    map.row(cursor.at[0], inputs, rows * width, map.params, streamed);
    advance(map, cursor, rows * width);
    begin += rows;
  }
  if (streamed) stream_fence();
}

/// Any strides and short rows: everything goes through tiles.
template <int N>
void map_tiles(const Map<N>& map, int64_t begin, int64_t end) {
  Tiles<N> tiles;
  const void* inputs[N];
  for (int n = 1; n < N; ++n) inputs[n - 1] = tiles.bytes[n];
  Cursor<N> cursor = cursor_at(map, begin);
  while (begin < end) {
    const int64_t count = end - begin < kTile ? end - begin : kTile;
    for (int n = 1; n < N; ++n) copy_tile<false>(map, n, cursor, tiles.bytes[n], count);
    map.row(tiles.bytes[0], inputs, count, map.params, false);
    copy_tile<true>(map, 0, cursor, tiles.bytes[0], count);
    advance(map, cursor, count);
    begin += count;
  }
}

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
      if (n == 0) map.row(tiles.bytes[0], inputs, block.rows * block.columns, map.params, false);
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

template <int N>
bool has_long_runs(const Map<N>& map) {
  return map.steps[0][map.last] == map.size[0] && (map.last == 0 || map.shape[map.last] >= kShortRun);
}

/// Whether the result is contiguous and larger than what the caches hold.
template <int N>
bool is_streamable(const Map<N>& map, int64_t elements) {
  int64_t expected = map.size[0];
  for (int32_t d = map.last; d >= 0; --d) {
    if (map.steps[0][d] != expected) return false;
    expected *= map.shape[d];
  }
  return elements * map.size[0] >= kStreamBytes;
}

template <int N>
void map_operands(Context& ctx, const Args& args, const TensorView* const (&views)[N], RowFn row) {
  const auto loop = make_loop<N>(views);
  Map<N> map;
  map.last = loop.rank - 1;
  map.row = row;
  map.params = args.params;
  for (int32_t d = 0; d < loop.rank; ++d) map.shape[d] = loop.shape[d];
  for (int n = 0; n < N; ++n) {
    map.data[n] = static_cast<char*>(views[n]->data);
    map.size[n] = element_size(views[n]->dtype);
    for (int32_t d = 0; d < loop.rank; ++d) map.steps[n][d] = loop.strides[n][d] * map.size[n];
  }
  const int64_t elements = element_count(loop);
  if (const int32_t axis = block_axis(map); axis >= 0) {
    const int64_t height = map.shape[axis], width = map.shape[map.last];
    const int64_t blocks =
        elements / (height * width) * ((height + kBlockRows - 1) / kBlockRows) * ((width + kBlockColumns - 1) / kBlockColumns);
    const bool large = elements * map.size[0] >= kStreamBytes;
    return parallel_range(ctx, blocks, kGrainElements / kTile / 2,
                          [&](int64_t begin, int64_t end) { map_blocks(map, axis, large, begin, end); });
  }
  const bool streamed = is_streamable(map, elements);
  if (has_whole_rows(map) && map.shape[map.last] <= kWideTile / 4) {
    const int64_t width = map.shape[map.last], units = (elements + kGrainElements - 1) / kGrainElements, rows = elements / width;
    return parallel_range(ctx, rows, units > 0 ? (rows + units - 1) / units : 1,
                          [&](int64_t begin, int64_t end) { map_wide(map, streamed, begin, end); });
  }
  if (has_long_runs(map)) {
    return parallel_even(ctx, elements, kGrainElements, [&](int64_t begin, int64_t end) { map_runs(map, streamed, begin, end); });
  }
  parallel_even(ctx, elements, kGrainElements, [&](int64_t begin, int64_t end) { map_tiles(map, begin, end); });
}

}  // namespace

void map_rows(Context& ctx, const Args& args, RowFn row) {
  CR_CHECK(args.outs == 1 && args.ins >= 1 && args.ins <= 3);
  if (args.ins == 1) return map_operands<2>(ctx, args, {&args.out[0], &args.in[0]}, row);
  if (args.ins == 2) return map_operands<3>(ctx, args, {&args.out[0], &args.in[0], &args.in[1]}, row);
  map_operands<4>(ctx, args, {&args.out[0], &args.in[0], &args.in[1], &args.in[2]}, row);
}

}  // namespace chainrule::CR_ISA
