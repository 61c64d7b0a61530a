#include "kernels/elementwise/map.h"

#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

namespace {

constexpr int64_t kShortRun = 64;  // elements; shorter runs of the innermost dimension are collected in tiles across rows

template <class T>
void copy_strided(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t count) {
  T* t = static_cast<T*>(to);
  const T* f = static_cast<const T*>(from);
  for (int64_t i = 0; i < count; ++i) t[i * to_stride] = f[i * from_stride];
}

void copy_run(int size, void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t count) {
  if (to_stride == 1 && from_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count * size));
  } else if (size == 1) {
    copy_strided<uint8_t>(to, to_stride, from, from_stride, count);
  } else if (size == 4) {
    copy_strided<uint32_t>(to, to_stride, from, from_stride, count);
  } else {
    copy_strided<uint64_t>(to, to_stride, from, from_stride, count);
  }
}

// kDTypeSize would be a symbol that this object exports.
int element_size(DType dtype) {
  if (dtype == DType::f64 || dtype == DType::i64) return 8;
  return dtype == DType::u8 || dtype == DType::i8 || dtype == DType::boolean ? 1 : 4;
}

struct Operand {
  char* data;
  const int64_t* strides;
  int size;
};

/// A position in the loop: one counter per dimension.
struct Position {
  int64_t index[kMaxRank];
};

template <int N>
void advance(const Loop<N>& loop, Position& at, int64_t count) {
  for (int32_t d = loop.rank - 1; d >= 0 && count > 0; --d) {
    at.index[d] += count;
    if (at.index[d] < loop.shape[d]) return;
    count = at.index[d] / loop.shape[d];
    at.index[d] -= count * loop.shape[d];
  }
}

template <int N>
char* address(const Loop<N>& loop, const Operand& operand, const Position& at) {
  int64_t offset = 0;
  for (int32_t d = 0; d < loop.rank; ++d) offset += at.index[d] * operand.strides[d];
  return operand.data + offset * operand.size;
}

/// Copies `count` elements of the operand, from `at` on in the loop's order, to the tile or (out) back from it.
template <bool out, int N>
void copy_tile(const Loop<N>& loop, const Operand& operand, Position at, void* tile, int64_t count) {
  const int32_t last = loop.rank - 1;
  const int64_t stride = operand.strides[last];
  char* packed = static_cast<char*>(tile);
  while (count > 0) {
    const int64_t left = loop.shape[last] - at.index[last], run = left < count ? left : count;
    char* strided = address(loop, operand, at);
    if constexpr (out) copy_run(operand.size, strided, stride, packed, 1, run);
    if constexpr (!out) copy_run(operand.size, packed, 1, strided, stride, run);
    packed += run * operand.size;
    count -= run;
    advance(loop, at, run);
  }
}

/// Elements [begin, end) of the loop. Operand 0 is the output.
template <int N>
void map_range(const Loop<N>& loop, const Operand (&operands)[N], int64_t begin, int64_t end, RowFn row, const double* params) {
  alignas(64) char tiles[N][kTile * 8];
  const void* filled[N] = {};  // a repeated element is spread over its tile once
  const int32_t last = loop.rank - 1;
  Position at = {};
  advance(loop, at, begin);
  while (begin < end) {
    const int64_t run = loop.shape[last] - at.index[last];
    bool contiguous = run >= kShortRun || run >= end - begin;
    int64_t count = contiguous ? run : kTile;
    for (int n = 0; n < N; ++n) contiguous &= operands[n].strides[last] == 1;
    if (!contiguous && count > kTile) count = kTile;
    if (count > end - begin) count = end - begin;

    const void* inputs[N > 1 ? N - 1 : 1];
    for (int n = 1; n < N; ++n) {
      const int64_t stride = operands[n].strides[last];
      char* here = address(loop, operands[n], at);
      if (stride == 1 && count <= run) {
        inputs[n - 1] = here;
        continue;
      }
      inputs[n - 1] = tiles[n];
      const bool repeated = stride == 0 && count <= run;
      if (repeated && filled[n] == here) continue;
      if (repeated) copy_run(operands[n].size, tiles[n], 1, here, 0, kTile);
      if (!repeated) copy_tile<false>(loop, operands[n], at, tiles[n], count);
      filled[n] = repeated ? here : nullptr;
    }
    const bool direct = operands[0].strides[last] == 1 && count <= run;
    row(direct ? address(loop, operands[0], at) : tiles[0], inputs, count, params);
    if (!direct) copy_tile<true>(loop, operands[0], at, tiles[0], count);
    advance(loop, at, count);
    begin += count;
  }
}

template <int N>
void map_operands(Context& ctx, const Args& args, const TensorView* const (&views)[N], RowFn row) {
  const auto loop = make_loop<N>(views);
  Operand operands[N];
  for (int n = 0; n < N; ++n) operands[n] = {static_cast<char*>(views[n]->data), loop.strides[n], element_size(views[n]->dtype)};
  parallel_range(ctx, element_count(loop), kGrainElements,
                 [&](int64_t begin, int64_t end) { map_range<N>(loop, operands, begin, end, row, args.params); });
}

}  // namespace

void map_rows(Context& ctx, const Args& args, RowFn row) {
  CR_CHECK(args.outs == 1 && args.ins >= 1 && args.ins <= 3);
  if (args.ins == 1) return map_operands<2>(ctx, args, {&args.out[0], &args.in[0]}, row);
  if (args.ins == 2) return map_operands<3>(ctx, args, {&args.out[0], &args.in[0], &args.in[1]}, row);
  map_operands<4>(ctx, args, {&args.out[0], &args.in[0], &args.in[1], &args.in[2]}, row);
}

}  // namespace chainrule::CR_ISA
