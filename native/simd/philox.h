#pragma once
// Random bits by counting: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011). The bits of an
// element are a function of (seed, op, element number), so they depend neither on threads nor on the width of a register.
#include "simd/poly.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

using VU64 = Vec<uint64_t>;
template <>
struct VecTraits<VU64> {
  using T = uint64_t;
  using I = VL;
};

/// Product of the lower halves of each 64-bit lane.
CR_INLINE VU64 mul_low_halves(VU64 a, VU64 b) {
#if defined(__AVX512F__)
  return (VU64)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (VU64)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__aarch64__)
  return (VU64)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
  return (VU64)_mm_mul_epu32((__m128i)a, (__m128i)b);
#endif
}

/// What one random op draws from: `seed` is the key, `stream` (the op's number) the upper half of the counter.
struct RandomStream {
  uint64_t seed, stream;
};

/// Elements of 32 bits that one call of philox() makes: four a 64-bit lane.
inline constexpr int64_t kPhiloxWords = 4 * kLanes<uint64_t>;

/// The two vectors of 32-bit words that belong to blocks first, first + 1, ... (one a lane), in order: words 4 * first, 4 * first + 1, ...
struct PhiloxWords {
  VU64 low, high;
};
CR_INLINE PhiloxWords philox(const RandomStream& random, uint64_t first) {
  VU64 steps;
  for (int i = 0; i < kLanes<uint64_t>; ++i) steps[i] = static_cast<uint64_t>(i);
  // Words of the counter and of the key, each in the lower half of a lane; what stands above them is never read.
  const VU64 block = splat<VU64>(first) + steps;
  VU64 c0 = block, c1 = block >> 32, c2 = splat<VU64>(random.stream), c3 = c2 >> 32;
  VU64 k0 = splat<VU64>(random.seed), k1 = k0 >> 32;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const VU64 p0 = mul_low_halves(c0, splat<VU64>(0xD2511F53u)), p1 = mul_low_halves(c2, splat<VU64>(0xCD9E8D57u));
    c0 = (p1 >> 32) ^ c1 ^ k0;
    c2 = (p0 >> 32) ^ c3 ^ k1;
    c1 = p1;
    c3 = p0;
    k0 += splat<VU64>(0x9E3779B9u);
    k1 += splat<VU64>(0xBB67AE85u);
  }
  const VU64 mask = splat<VU64>(0xffffffffu);
  const VU64 front = (c0 & mask) | (c1 << 32), back = (c2 & mask) | (c3 << 32);
  return {zip_low(front, back), zip_high(front, back)};
}

}  // namespace chainrule::CR_ISA
