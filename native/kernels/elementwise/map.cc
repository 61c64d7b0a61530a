#include "kernels/elementwise/map.h"

#include "kernels/elementwise/map_blocks.h"

namespace chainrule::CR_ISA {

namespace {

constexpr int64_t kShortRun = 64;       // elements; shorter runs of the innermost dimension are collected in tiles across rows
constexpr int64_t kWideTile = 2048;     // elements of short rows that are taken together when an operand is repeated for each of them
constexpr int64_t kNumberedRow = 4096;  // elements; rows with a number each that go together, if they are no longer
// Whether rows that one operand has the same for all go by a loop over rows, and from what length on if there are many of them. With AVX2
// that takes 0.65 to 0.95 of the time of tiles or of a call for each row; 4000 rows of 10 to 20 numbers 1.1 to 1.5, so those keep tiles.
// With AVX-512 it was not measured.
constexpr bool kRepeatedRows = kVecBytes <= 32;
constexpr int64_t kLeastRepeatedBytes = 128;
// Elements of two strided operands: few, so that the next ones are read while these are stored. With AVX2 that takes 1.08 times as long as
// whole tiles.
constexpr int64_t kPairTile = kVecBytes == 32 ? kTile : 64;

// kDTypeSize would be a symbol that this object exports.
int element_size(DType dtype) {
  if (dtype == DType::f64 || dtype == DType::i64) return 8;
  if (dtype == DType::bf16 || dtype == DType::f16) return 2;
  return dtype == DType::u8 || dtype == DType::i8 || dtype == DType::boolean ? 1 : 4;
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

/// Whether operand n is a number along each row that the row function takes as such.
template <int N>
bool takes_number(const Map<N>& map, int n) {
  return map.reads != Reads::packed && map.steps[n][map.last] == 0;
}

/// Whether operand n is the same row again and again, of a length for which that matters.
template <int N>
bool is_repeated_row(const Map<N>& map, int n) {
  const int64_t bytes = map.shape[map.last] * map.size[n];
  return map.last > 0 && map.steps[n][map.last - 1] == 0 && bytes >= kRepeatedRowBytes[0] && bytes <= kRepeatedRowBytes[1];
}

/// Rows of an innermost dimension along which the result is contiguous.
template <int N>
void map_runs(const Map<N>& map, bool streamed, int64_t begin, int64_t end) {
  Tiles<N> tiles;
  const char* filled[N] = {};  // a repeated element is spread over its tile once
  int64_t width[N] = {};
  Source source[N] = {};
  const bool pair = has_even_pair(map);
  RowHints hints{.streamed = streamed, .evens = kEvensWhereTheyLie && pair && streamed && map.reads == Reads::hinted};
  int64_t most = end - begin;
  for (int n = 1; n < N; ++n) {
    const int64_t step = map.steps[n][map.last];
    source[n] = step == map.size[n] || hints.evens ? Source::direct : step == 0 ? Source::repeated : Source::packed;
    if (takes_number(map, n)) {
      hints.repeated |= static_cast<uint8_t>(1 << (n - 1));
    } else if (source[n] != Source::direct && most > kTile) {
      most = kTile;
    }
    hints.into_l2 |= source[n] == Source::direct && is_repeated_row(map, n);
  }
  if (pair && streamed && !hints.evens && most > kPairTile) most = kPairTile;
  Cursor<N> cursor = cursor_at(map, begin);
  while (begin < end) {
    int64_t count = map.shape[map.last] - cursor.index[map.last];
    count = count < end - begin ? count : end - begin;
    count = count < most ? count : most;
    // A line that is stored in two parts would be fetched from memory: pieces of a row end where a line of the cache does.
    if (streamed && count == most && most <= kTile) {
      count -= static_cast<int64_t>(reinterpret_cast<uintptr_t>(cursor.at[0] + count * map.size[0]) % kCacheLine) / map.size[0];
    }
    if (pair && !hints.evens) pack_pair(map, cursor, tiles, count);
    const void* inputs[N];
    for (int n = 1; n < N; ++n) {
      inputs[n - 1] = source[n] == Source::direct ? cursor.at[n] : tiles.bytes[n];
      if (source[n] == Source::packed && !(pair && n < 3)) copy_tile<false>(map, n, cursor, tiles.bytes[n], count);
      const int64_t wanted = takes_number(map, n) ? kVecBytes / map.size[n] : count;
      if (source[n] != Source::repeated || (filled[n] == cursor.at[n] && width[n] >= wanted)) continue;
      with_width(map.size[n], [&](auto w) {
        using T = decltype(w);
        fill_run(reinterpret_cast<T*>(tiles.bytes[n]), *reinterpret_cast<const T*>(cursor.at[n]), wanted);
      });
      filled[n] = cursor.at[n];
      width[n] = wanted;
    }
    map.row(cursor.at[0], inputs, count, map.params, hints);
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

/// Whether one operand's row is the same for all of a length for which the loop over rows is faster than others.
template <int N>
bool has_repeated_rows(const Map<N>& map) {
  const int64_t width = map.shape[map.last], bytes = width * map.size[0];
  const bool few = map.shape[map.last - 1] * width <= 2 * kWideTile;
  return kRepeatedRows && (few || bytes >= kLeastRepeatedBytes) && bytes < kRepeatedRowBytes[0];
}

/// Which of two inputs has a number for each row, or one row for all, where the row function's own loop over rows is the best way; else -1.
/// Rows are a vector at least (of bytes there is no such loop).
template <int N>
int other_of_rows(const Map<N>& map) {
  const int64_t width = map.shape[map.last];
  if (N != 3 || map.reads != Reads::hinted || map.size[0] < 4 || width * map.size[0] < kVecBytes) return -1;
  const auto only = [](bool first, bool second) { return first == second ? -1 : first ? 0 : 1; };
  if (takes_number(map, 1) || takes_number(map, 2)) return width <= kNumberedRow ? only(takes_number(map, 1), takes_number(map, 2)) : -1;
  const int32_t outer = map.last - 1;
  return has_repeated_rows(map) ? only(map.steps[1][outer] == 0, map.steps[2][outer] == 0) : -1;
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
    map.row(cursor.at[0], inputs, rows * width, map.params, {.streamed = streamed});
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
    map.row(tiles.bytes[0], inputs, count, map.params, {});
    copy_tile<true>(map, 0, cursor, tiles.bytes[0], count);
    advance(map, cursor, count);
    begin += count;
  }
}

/// Rows begin..end-1 by the row function's own loop over rows.
void map_by_rows(const Map<3>& map, int other, bool streamed, int64_t begin, int64_t end) {
  const int32_t outer = map.last - 1;
  Rows rows{.width = map.shape[map.last], .step = {}, .other = other};
  RowHints hints{.streamed = streamed, .rows = &rows};
  for (int n = 1; n < 3; ++n) {
    rows.step[n - 1] = map.steps[n][outer] / map.size[n];
    if (takes_number(map, n)) hints.repeated |= static_cast<uint8_t>(1 << (n - 1));
  }
  Cursor<3> cursor = cursor_at(map, begin * rows.width);
  while (begin < end) {
    const int64_t left = map.shape[outer] - cursor.index[outer], count = left < end - begin ? left : end - begin;
    const void* inputs[2];
    for (int n = 1; n < 3; ++n) inputs[n - 1] = cursor.at[n];
    map.row(cursor.at[0], inputs, count * rows.width, map.params, hints);
    advance(map, cursor, count * rows.width);
    begin += count;
  }
  if (streamed) stream_fence();
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

/// How many elements there are, if all operands have the result's shape and lie in row-major order; else -1.
int64_t elements_of_one_row(const Args& args) {
  const TensorView& full = *args.out;
  for (int32_t n = 0; n < args.ins; ++n) {
    if (args.in[n].rank != full.rank) return -1;
  }
  int64_t elements = 1;
  for (int32_t d = full.rank - 1; d >= 0; --d) {
    const int64_t size = full.shape[d];
    if (full.strides[d] != elements) return -1;
    for (int32_t n = 0; n < args.ins; ++n) {
      if (args.in[n].shape[d] != size || args.in[n].strides[d] != elements) return -1;
    }
    elements *= size;
  }
  return elements;
}

template <int N>
[[gnu::noinline]] void map_operands(Context& ctx, const Args& args, const TensorView* const (&views)[N], RowFn row, Reads reads) {
  const auto loop = make_loop<N>(views);
  Map<N> map;
  map.last = loop.rank - 1;
  map.row = row;
  map.reads = reads;
  map.params = args.params;
  for (int32_t d = 0; d < loop.rank; ++d) map.shape[d] = loop.shape[d];
  for (int n = 0; n < N; ++n) {
    map.data[n] = static_cast<char*>(views[n]->data);
    map.size[n] = element_size(views[n]->dtype);
    for (int32_t d = 0; d < loop.rank; ++d) map.steps[n][d] = loop.strides[n][d] * map.size[n];
  }
  const int64_t elements = element_count(loop);
  if (const int32_t axis = block_axis(map); axis >= 0) {
    const auto cut = cut_blocks(map, axis, elements * map.size[0] >= kStreamBytes, is_streamable(map, elements));
    const int64_t blocks = cut.blocks(elements, map), wanted = (elements + kGrainElements - 1) / kGrainElements;
    const int64_t each = (blocks + wanted - 1) / wanted;
    return parallel_units(ctx, (blocks + each - 1) / each, [&](int64_t unit, int worker) {
      char* const memory = worker_scratch<char>(ctx, worker, N * kBlockRows * kPitchBytes);
      map_blocks(map, cut, memory, unit * each, (unit + 1) * each < blocks ? (unit + 1) * each : blocks, blocks);
    });
  }
  const bool streamed = is_streamable(map, elements);
  const bool whole = has_whole_rows(map);
  const int other = whole ? other_of_rows(map) : -1;
  if (other >= 0 || (whole && map.shape[map.last] <= kWideTile / 4)) {
    const int64_t width = map.shape[map.last], units = even_units(elements, kGrainElements), rows = elements / width;
    return parallel_range(ctx, rows, units > 0 ? (rows + units - 1) / units : 1, [&](int64_t begin, int64_t end) {
      if constexpr (N == 3) {
        if (other >= 0) return map_by_rows(map, other, streamed, begin, end);
      }
      map_wide(map, streamed, begin, end);
    });
  }
  if (has_long_runs(map)) {
    return parallel_even(ctx, elements, kGrainElements, [&](int64_t begin, int64_t end) { map_runs(map, streamed, begin, end); });
  }
  parallel_even(ctx, elements, kGrainElements, [&](int64_t begin, int64_t end) { map_tiles(map, begin, end); });
}

}  // namespace

void map_rows(Context& ctx, const Args& args, RowFn row, Reads reads) {
  CR_CHECK(args.outs == 1 && args.ins >= 1 && args.ins <= 3);
  // What is small and plain, most of what small networks compute, is over before the general way would have begun.
  const int64_t plain = elements_of_one_row(args);
  if (plain >= 0 && plain <= kGrainElements) {
    const void* inputs[3];
    for (int32_t n = 0; n < args.ins; ++n) inputs[n] = args.in[n].data;
    return row(args.out->data, inputs, plain, args.params, {});
  }
  if (args.ins == 1) return map_operands<2>(ctx, args, {&args.out[0], &args.in[0]}, row, reads);
  if (args.ins == 2) return map_operands<3>(ctx, args, {&args.out[0], &args.in[0], &args.in[1]}, row, reads);
  map_operands<4>(ctx, args, {&args.out[0], &args.in[0], &args.in[1], &args.in[2]}, row, reads);
}

}  // namespace chainrule::CR_ISA
