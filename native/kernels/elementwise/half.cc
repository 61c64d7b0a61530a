#include "kernels/elementwise/half.h"

#include "kernels/elementwise/loops.h"
#include "simd/half.h"

namespace chainrule::CR_ISA {

namespace {

bool is_half(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }

int size_of(DType dtype) {
  if (is_half(dtype)) return 2;
  if (dtype == DType::f64 || dtype == DType::i64) return 8;
  return dtype == DType::f32 || dtype == DType::i32 ? 4 : 1;
}

template <class T>
void gather(const void* from, int64_t stride, int64_t count, void* to) {
  const T* f = static_cast<const T*>(from);
  T* t = static_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) t[i] = f[i * stride];
}
template <class T>
void scatter(const void* from, void* to, int64_t stride, int64_t count) {
  const T* f = static_cast<const T*>(from);
  T* t = static_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) t[i * stride] = f[i];
}

struct Tiles {
  alignas(64) char wide[kTile * 8];
  alignas(64) uint16_t halves[kTile];
};

/// `count` elements as the row function wants them: where they lie, or in the tile.
const void* fetch(DType dtype, const char* from, int64_t stride, int64_t count, Tiles& tiles) {
  const int size = size_of(dtype);
  if (size == 2) {
    const uint16_t* halves = reinterpret_cast<const uint16_t*>(from);
    if (stride != 1) gather<uint16_t>(from, stride, count, tiles.halves);
    if (stride != 1) halves = tiles.halves;
    if (dtype == DType::bf16) widen_all<DType::bf16>(halves, reinterpret_cast<float*>(tiles.wide), count);
    if (dtype == DType::f16) widen_all<DType::f16>(halves, reinterpret_cast<float*>(tiles.wide), count);
    return tiles.wide;
  }
  if (stride == 1) return from;
  if (size == 1) gather<uint8_t>(from, stride, count, tiles.wide);
  if (size == 4) gather<uint32_t>(from, stride, count, tiles.wide);
  if (size == 8) gather<uint64_t>(from, stride, count, tiles.wide);
  return tiles.wide;
}

/// Brings what the row function wrote to the tile to its place.
void put(DType dtype, char* to, int64_t stride, int64_t count, Tiles& tiles) {
  const int size = size_of(dtype);
  if (size == 2) {
    uint16_t* halves = stride == 1 ? reinterpret_cast<uint16_t*>(to) : tiles.halves;
    if (dtype == DType::bf16) narrow_all<DType::bf16>(reinterpret_cast<const float*>(tiles.wide), halves, count);
    if (dtype == DType::f16) narrow_all<DType::f16>(reinterpret_cast<const float*>(tiles.wide), halves, count);
    if (stride != 1) scatter<uint16_t>(halves, to, stride, count);
    return;
  }
  if (size == 1) scatter<uint8_t>(tiles.wide, to, stride, count);
  if (size == 4) scatter<uint32_t>(tiles.wide, to, stride, count);
  if (size == 8) scatter<uint64_t>(tiles.wide, to, stride, count);
}

template <int N>
void map_operands(Context& ctx, const Args& args, const TensorView* const (&views)[N], RowFn row) {
  const auto loop = make_loop<N>(views);
  const int32_t last = loop.rank - 1;
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    Tiles tiles[N];
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t at = 0; at < count; at += kTile) {
        const int64_t n = count - at < kTile ? count - at : kTile;
        const auto address = [&](int i) {
          return static_cast<char*>(views[i]->data) + (offsets[i] + at * loop.strides[i][last]) * size_of(views[i]->dtype);
        };
        const void* inputs[N > 1 ? N - 1 : 1];
        for (int i = 1; i < N; ++i) inputs[i - 1] = fetch(views[i]->dtype, address(i), loop.strides[i][last], n, tiles[i]);
        const bool direct = !is_half(views[0]->dtype) && loop.strides[0][last] == 1;
        row(direct ? address(0) : tiles[0].wide, inputs, n, args.params, {});
        if (!direct) put(views[0]->dtype, address(0), loop.strides[0][last], n, tiles[0]);
      }
    });
  });
}

/// Casts need no tiles.
template <DType kind>
void widen_row(void* y, const void* const* x, int64_t n, const double*, RowHints) {
  widen_all<kind>(static_cast<const uint16_t*>(x[0]), static_cast<float*>(y), n);
}
template <DType kind>
void narrow_row(void* y, const void* const* x, int64_t n, const double*, RowHints) {
  narrow_all<kind>(static_cast<const float*>(x[0]), static_cast<uint16_t*>(y), n);
}
template <RowFn row>
void run_cast(Context& ctx, const Args& args) {
  map_rows(ctx, args, row);
}

}  // namespace

void map_half_rows(Context& ctx, const Args& args, RowFn row) {
  CR_CHECK(args.outs == 1 && args.ins >= 1 && args.ins <= 3);
  if (args.ins == 1) return map_operands<2>(ctx, args, {&args.out[0], &args.in[0]}, row);
  if (args.ins == 2) return map_operands<3>(ctx, args, {&args.out[0], &args.in[0], &args.in[1]}, row);
  map_operands<4>(ctx, args, {&args.out[0], &args.in[0], &args.in[1], &args.in[2]}, row);
}

CR_REGISTER(widen, (kernel_set(Registration{"cast_f32", DType::bf16, kIsa, "T>f", "", &run_cast<&widen_row<DType::bf16>>},
                               Registration{"cast_f32", DType::f16, kIsa, "T>f", "", &run_cast<&widen_row<DType::f16>>})));
CR_REGISTER(narrow, (kernel_set(Registration{"cast_bf16", DType::bf16, kIsa, "f>T", "", &run_cast<&narrow_row<DType::bf16>>},
                                Registration{"cast_f16", DType::f16, kIsa, "f>T", "", &run_cast<&narrow_row<DType::f16>>})));

}  // namespace chainrule::CR_ISA
