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

/// `Vectors` times as many blocks: chains of dependent multiplications side by side.
template <int Vectors>
CR_INLINE void philox(const RandomStream& random, uint64_t first, PhiloxWords (&words)[Vectors]) {
  VU64 steps;
  for (int i = 0; i < kLanes<uint64_t>; ++i) steps[i] = static_cast<uint64_t>(i);
  // Words of the counter and of the key, each in the lower half of a lane; what stands above them is never read.
  VU64 c0[Vectors], c1[Vectors], c2[Vectors], c3[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    c0[v] = splat<VU64>(first + static_cast<uint64_t>(v * kLanes<uint64_t>)) + steps;
    c1[v] = c0[v] >> 32;
    c2[v] = splat<VU64>(random.stream);
    c3[v] = c2[v] >> 32;
  }
  uint64_t k0 = random.seed, k1 = random.seed >> 32;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const VU64 key0 = splat<VU64>(k0), key1 = splat<VU64>(k1);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      const VU64 p0 = mul_low_halves(c0[v], splat<VU64>(0xD2511F53u)), p1 = mul_low_halves(c2[v], splat<VU64>(0xCD9E8D57u));
      c0[v] = (p1 >> 32) ^ c1[v] ^ key0;
      c2[v] = (p0 >> 32) ^ c3[v] ^ key1;
      c1[v] = p1;
      c3[v] = p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const VU64 mask = splat<VU64>(0xffffffffu);
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    const VU64 front = (c0[v] & mask) | (c1[v] << 32), back = (c2[v] & mask) | (c3[v] << 32);
    words[v] = {zip_low(front, back), zip_high(front, back)};
  }
}

/// The same for one vector of blocks.
CR_INLINE PhiloxWords philox(const RandomStream& random, uint64_t first) {
  PhiloxWords words[1];
  philox(random, first, words);
  return words[0];
}

}  // namespace chainrule::CR_ISA
