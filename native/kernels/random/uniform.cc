// Fills a tensor with numbers uniform in [low, high).
#include "kernels/random/draw.h"

namespace chainrule::CR_ISA {

template <class T>
void random_uniform(Context& ctx, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  using V = Vec<T>;
  const V low = num<V>(args.params[2]), high = num<V>(args.params[3]), range = num<V>(args.params[3] - args.params[2]);
  const V largest = fma(unit_interval(~Vec<WordOf<T>>{}), range, low);
  const bool reaches = largest[0] >= high[0];  // by rounding; it is excluded
  fill_random(ctx, y, contiguous_size(args.out[0]), random_stream(args.params),
              [=](const VU64* words, V* made, int64_t, int64_t) CR_INLINE_LAMBDA {
#pragma GCC unroll 16
                for (int k = 0; k < kDrawParts; ++k) made[k] = fma(unit_interval((Vec<WordOf<T>>)words[k]), range, low);
                if (reaches) {
#pragma GCC unroll 16
                  for (int k = 0; k < kDrawParts; ++k) made[k] = select<V>(made[k] >= high, low, made[k]);
                }
              });
}

CR_REGISTER(random_uniform,
            (kernel_set(Registration{"random_uniform", DType::f32, kIsa, ">T", "seed,stream,low,high", &random_uniform<float>},
                        Registration{"random_uniform", DType::f64, kIsa, ">T", "seed,stream,low,high", &random_uniform<double>})));

}  // namespace chainrule::CR_ISA
