// Fills a tensor with normally distributed numbers: each pair of uniform ones gives two (Box, Muller 1958).
#include "kernels/random/draw.h"
#include "simd/log.h"
#include "simd/trig.h"

namespace chainrule::CR_ISA {

/// Elements j and j + kPairs of a block of 2 kPairs make a pair: no register is shuffled, whatever its width.
inline constexpr int64_t kPairs = 16;

template <class V>
struct NormalPair {
  V first, second;
};

/// 1 / c, and 2 log(1 / c) next to a float, for numbers c in 16 intervals of [sqrt(1/2), sqrt(2)); one of them is 1.
alignas(64) constexpr float kInverseTable[2][16] = {
    {0x1.62223ap0F, 0x1.535f06p0F, 0x1.45c472p0F, 0x1.3973dcp0F, 0x1.2d9c62p0F, 0x1.230656p0F, 0x1.1a0a48p0F, 0x1.0f75dep0F, 0x1.0677eap0F,
     0x1p0F, 0x1.def3e6p-1F, 0x1.c3e3bap-1F, 0x1.ad6520p-1F, 0x1.97fbdep-1F, 0x1.8472c4p-1F, 0x1.73307ep-1F},
    {0x1.4c48f6p-1F, 0x1.20aedap-1F, 0x1.ed9498p-2F, 0x1.9ea8ecp-2F, 0x1.4fca62p-2F, 0x1.069de8p-2F, 0x1.8cc9b0p-3F, 0x1.e05eaep-4F,
     0x1.98d5bep-5F, 0x0p0F, -0x1.114bd8p-3F, -0x1.ff8952p-3F, -0x1.685714p-2F, -0x1.d1183ep-2F, -0x1.1acae0p-1F, -0x1.4954b0p-1F}};

/// -2 log(u) for u in [2^-32, 1]: u = 2^e m, m c^-1 = 1 + f with |f| < 0.04, and -2 log(1 + f) = f (f q(f) - 2), q within 2^-29.6.
CR_INLINE VF twice_minus_log(VF u) {
  const VI root_half = int_num<VF>(0x3f3504f3);
  const VI offset = bitcast<VI>(u) - root_half;
  const VI interval = offset >> (kFractionBits<VF> - 4);
  const VF exponent = __builtin_convertvector(offset >> kFractionBits<VF>, VF);
  const VF m = bitcast<VF>((offset & int_num<VF>(0x7fffff)) + root_half);
  const VF f = fma(m, lookup16(kInverseTable[0], interval), num<VF>(-1));
  const VF q = polynomial(f, 0.999999882969, -0.666671142358, 0.500441616824, -0.394268936914);
  return fma(f, fma(f, q, num<VF>(-2)), fma(exponent, num<VF>(-1.3862943611198906), lookup16(kInverseTable[1], interval)));
}

/// sqrt(-2 ln u) (cos a, sin a). 31 bits of one word make u; of the other, 30 bits make an angle in [-pi/4, pi/4), one the sign of its
/// cosine, and one exchanges the two: together a uniform angle.
CR_INLINE NormalPair<VF> box_muller(Vec<uint32_t> a, Vec<uint32_t> b) {
  const VF u = fma(__builtin_convertvector((VI)(a >> 1), VF), num<VF>(0x1p-31), num<VF>(0x1p-32));
  const VF radius = sqrt(twice_minus_log(u));
  const VF angle = __builtin_convertvector((VI)(b << 2), VF) * num<VF>(0x1.921fb54442d18p-32);
  const VF z = angle * angle;
  const VF cosine =
      polynomial(z, 1, -0.5, 0.04166664686646337776, -0.001388736751692499214, 0.00002443845173784226429);  // of cos_reduced()
  const VF c = (VF)((VI)cosine ^ ((VI)b & splat<VI>(INT32_MIN))), s = sin_reduced(angle);
  const VI exchanged = (VI)(b << 1) < 0;
  return {radius * select<VF>(exchanged, s, c), radius * select<VF>(exchanged, c, s)};
}

/// sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v). The angle is reduced while it is still an exact fraction of a turn.
CR_INLINE NormalPair<VD> box_muller(VU64 a, VU64 b) {
  const VD radius = sqrt(num<VD>(-2) * log(unit_positive(a)));
  const VD turns = unit_interval(b) * num<VD>(4);  // in quarters
  const VD rounded = turns + num<VD>(kRounder<VD>);
  const VD r = (turns - (rounded - num<VD>(kRounder<VD>))) * num<VD>(0x1.921fb54442d18p0);
  const auto quadrant = bitcast<VL>(rounded);
  const auto one = int_num<VD>(1), two = int_num<VD>(2);
  const VD c = cos_reduced(r), s = sin_reduced(r);
  const auto swap = (quadrant & one) == one;
  const VD x = select<VD>(swap, s, c), y = select<VD>(swap, c, s);
  return {radius * select<VD>(((quadrant + one) & two) == two, -x, x), radius * select<VD>((quadrant & two) == two, -y, y)};
}

template <class T>
void random_normal(Context& ctx, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  using V = Vec<T>;
  const V mean = num<V>(args.params[2]), std = num<V>(args.params[3]);
  using W = Vec<WordOf<T>>;
  constexpr int apart = kPairs / kLanes<T>;  // vectors from one of a pair to the other
  static_assert(kDrawParts % (2 * apart) == 0);
  fill_random(ctx, y, contiguous_size(args.out[0]), random_stream(args.params),
              [=](const VU64* words, V* made, int64_t, int64_t) CR_INLINE_LAMBDA {
#pragma GCC unroll 16
                for (int k = 0; k < kDrawParts; ++k) {
                  if (k / apart % 2 != 0) continue;
                  const auto z = box_muller((W)words[k], (W)words[k + apart]);
                  made[k] = fma(z.first, std, mean);
                  made[k + apart] = fma(z.second, std, mean);
                }
              });
}

CR_REGISTER(random_normal,
            (kernel_set(Registration{"random_normal", DType::f32, kIsa, ">T", "seed,stream,mean,std", &random_normal<float>},
                        Registration{"random_normal", DType::f64, kIsa, ">T", "seed,stream,mean,std", &random_normal<double>})));

}  // namespace chainrule::CR_ISA
