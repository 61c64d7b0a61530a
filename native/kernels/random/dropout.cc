// y = keep ? x / (1 - p) : 0, where keep is drawn anew from (seed, stream, element): the gradient asks for the same numbers again, and
// nothing is stored. The decision takes one 32-bit word whatever T is.
#include "kernels/elementwise/loops.h"
#include "kernels/random/draw.h"

namespace chainrule::CR_ISA {

/// The whole of y, x being contiguous.
CR_INLINE void drop_contiguous(Context& ctx, const float* x, float* y, int64_t n, const RandomStream& random, float scale,
                               int32_t threshold) {
  fill_random(ctx, y, n, random, [=](const VU64* words, VF* made, int64_t first, int64_t count) CR_INLINE_LAMBDA {
    const auto kept = [=](VU64 w, VF v) CR_INLINE_LAMBDA {
      return select<VF>((VI)((Vec<uint32_t>)w >> 8) >= splat<VI>(threshold), v * splat<VF>(scale), VF{});
    };
    if (count == kDrawStep<uint32_t>) {
#pragma GCC unroll 16
      for (int k = 0; k < kDrawParts; ++k) made[k] = kept(words[k], load(x + first + k * kLanes<float>));
    } else {
      alignas(64) float some[kDrawStep<uint32_t>] = {};
      std::memcpy(some, x + first, static_cast<size_t>(count) * sizeof(float));
      for (int k = 0; k < kDrawParts; ++k) made[k] = kept(words[k], load(some + k * kLanes<float>));
    }
  });
}

template <class T>
void dropout(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &out = args.out[0];
  const int64_t size = contiguous_size(out);
  const auto loop = make_loop<2>({&out, &x});
  const int64_t stride = loop.strides[1][loop.rank - 1];
  const T* from = static_cast<const T*>(x.data);
  T* to = static_cast<T*>(out.data);
  const double p = args.params[2];
  const T scale = static_cast<T>(p < 1 ? 1 / (1 - p) : 0);
  const auto threshold = static_cast<int32_t>(p * 0x1p24);  // 24 bits: exact in f32, and a signed comparison
  if constexpr (sizeof(T) == 4) {
    if (loop.rank == 1 && stride == 1) return drop_contiguous(ctx, from, to, size, random_stream(args.params), scale, threshold);
  }
  for_each_tile<uint32_t>(ctx, size, random_stream(args.params), [&](const DrawTile<uint32_t>& tile, int64_t first, int64_t count) {
    int64_t done = 0;
    walk(loop, first, first + count, [&](const int64_t* offsets, int64_t n) {
      T line[kDrawTile];
      const T* row = as_contiguous(from + offsets[1], stride, n, line);
      T* y = to + first + done;
      const uint32_t* words = tile.words + done;
      done += n;
      for (int64_t i = 0; i < n; ++i) y[i] = static_cast<int32_t>(words[i] >> 8) >= threshold ? row[i] * scale : T{0};
    });
  });
}

CR_REGISTER(dropout, (kernel_set(Registration{"dropout", DType::f32, kIsa, "T>T", "seed,stream,p", &dropout<float>},
                                 Registration{"dropout", DType::f64, kIsa, "T>T", "seed,stream,p", &dropout<double>})));

}  // namespace chainrule::CR_ISA
