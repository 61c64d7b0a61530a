// Fills a tensor with normally distributed numbers: each pair of uniform ones gives two (Box, Muller 1958).
#include "kernels/random/draw.h"
#include "simd/log.h"
#include "simd/trig.h"

namespace chainrule::CR_ISA {

template <class V>
struct NormalPair {
  V first, second;
};

/// sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v). The angle is reduced while it is still an exact fraction of a turn.
template <class V>
CR_INLINE NormalPair<V> box_muller(V u, V v) {
  const V radius = sqrt(num<V>(-2) * log(u));
  const V turns = v * num<V>(4);  // in quarters
  const V rounded = turns + num<V>(kRounder<V>);
  const V r = (turns - (rounded - num<V>(kRounder<V>))) * num<V>(0x1.921fb54442d18p0);
  const auto quadrant = bitcast<IntVec<V>>(rounded);
  const auto one = int_num<V>(1), two = int_num<V>(2);
  const V c = cos_reduced(r), s = sin_reduced(r);
  const auto swap = (quadrant & one) == one;
  const V x = select<V>(swap, s, c), y = select<V>(swap, c, s);
  return {radius * select<V>(((quadrant + one) & two) == two, -x, x), radius * select<V>((quadrant & two) == two, -y, y)};
}

template <class T>
void random_normal(Context& ctx, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const V mean = num<V>(args.params[2]), std = num<V>(args.params[3]);
  for_each_tile<WordOf<T>>(ctx, contiguous_size(args.out[0]), random_stream(args.params),
                           [&](const DrawTile<WordOf<T>>& tile, int64_t first, int64_t count) {
                             for (int64_t i = 0; i < count; i += 2 * lanes) {
                               const auto a = load(tile.words + i), b = load(tile.words + i + lanes);
                               const auto z = box_muller<V>(unit_positive(evens(a, b)), unit_interval(odds(a, b)));
                               const V parts[2] = {fma(zip_low(z.first, z.second), std, mean), fma(zip_high(z.first, z.second), std, mean)};
                               const int64_t n = count - i < 2 * lanes ? count - i : 2 * lanes;
                               std::memcpy(y + first + i, parts, static_cast<size_t>(n) * sizeof(T));
                             }
                           });
}

CR_REGISTER(random_normal,
            (kernel_set(Registration{"random_normal", DType::f32, kIsa, ">T", "seed,stream,mean,std", &random_normal<float>},
                        Registration{"random_normal", DType::f64, kIsa, ">T", "seed,stream,mean,std", &random_normal<double>})));

}  // namespace chainrule::CR_ISA
