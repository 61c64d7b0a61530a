// Fills a tensor with numbers uniform in [low, high).
#include "kernels/random/draw.h"

namespace chainrule::CR_ISA {

template <class T>
void random_uniform(Context& ctx, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  using V = Vec<T>;
  const V low = num<V>(args.params[2]), high = num<V>(args.params[3]), range = num<V>(args.params[3] - args.params[2]);
  fill_random<WordOf<T>>(ctx, y, contiguous_size(args.out[0]), random_stream(args.params), [&](const WordOf<T>* words, T* to) {
    for (int64_t i = 0; i < kDrawTile; i += kLanes<T>) {
      const V v = fma(unit_interval(load(words + i)), range, low);
      store(to + i, select<V>(v >= high, low, v));  // rounding may reach the excluded end
    }
  });
}

CR_REGISTER(random_uniform,
            (kernel_set(Registration{"random_uniform", DType::f32, kIsa, ">T", "seed,stream,low,high", &random_uniform<float>},
                        Registration{"random_uniform", DType::f64, kIsa, ">T", "seed,stream,low,high", &random_uniform<double>})));

}  // namespace chainrule::CR_ISA
