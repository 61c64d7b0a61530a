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

/// Elements of 32 bits that a vector of blocks makes: four a 64-bit lane.
inline constexpr int64_t kPhiloxWords = 4 * kLanes<uint64_t>;

inline constexpr uint64_t kPhiloxFactor[2] = {0xD2511F53u, 0xCD9E8D57u};
inline constexpr int kPhiloxRounds = 10;

/// What does not change from block to block while the counter's second word stays the same: a round's keys (in the lower half of each lane;
/// nobody reads the upper one, but in the last round it is 0), each with what else is constant in that round.
struct PhiloxKeys {
  VU64 key[kPhiloxRounds][2];
  uint64_t upper;  // the counter's second word
};

/// The keys for blocks whose number has the upper half of `block`'s. Two words of the counter come from the stream, so that half of the
/// first two rounds is done here, and a part of the third.
CR_INLINE PhiloxKeys philox_keys(const RandomStream& random, uint64_t block) {
  constexpr uint64_t low = 0xffffffffu;
  PhiloxKeys keys;
  keys.upper = block >> 32;
  const uint64_t first = (random.stream & low) * kPhiloxFactor[1];
  const uint64_t second = (first >> 32 ^ keys.upper ^ (random.seed & low)) * kPhiloxFactor[0];
  uint64_t k0 = random.seed, k1 = random.seed >> 32;
  for (int round = 0; round < kPhiloxRounds; ++round) {
    keys.key[round][0] = splat<VU64>((k0 ^ (round == 1 ? first : 0)) & low);
    keys.key[round][1] = splat<VU64>((k1 ^ (round == 0 ? random.stream >> 32 : round == 1 ? second >> 32 : round == 2 ? second : 0)) & low);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return keys;
}

/// The number of a lane's block, less the first lane's, times the first factor: lanes 0, 2, 4, ... count the first half of the blocks,
/// lanes 1, 3, 5, ... the second, so that neighbours need not change places when the words are put in order.
struct PhiloxSteps {
  alignas(64) uint64_t times_factor[8 * kLanes<uint64_t>];
};
constexpr PhiloxSteps philox_steps() {
  constexpr int lanes = kLanes<uint64_t>;
  PhiloxSteps steps{};
  for (int i = 0; i < 8 * lanes; ++i) {
    const int lane = i % lanes;
    steps.times_factor[i] = static_cast<uint64_t>(i - lane + lane / 2 + lane % 2 * (lanes / 2)) * kPhiloxFactor[0];
  }
  return steps;
}
inline constexpr PhiloxSteps kPhiloxSteps = philox_steps();

/// A product's upper half ^ a ^ b, and above it the product's lower half: two words of the result as they follow each other.
CR_INLINE VU64 last_words(VU64 p, VU64 a, VU64 b) {
  const VU64 turned = p << 32 | p >> 32;
#if defined(__AVX512F__)
  return (VU64)_mm512_mask_ternarylogic_epi32((__m512i)turned, 0x5555, (__m512i)a, (__m512i)b, 0x96);
#else
  return turned ^ ((a ^ b) & splat<VU64>(0xffffffffu));
#endif
}

/// Words 4 * first, 4 * first + 1, ... in order, two vectors for each of `Vectors` vectors of blocks: chains of dependent multiplications
/// side by side. `first` is a multiple of a vector's blocks, and keys are those of its upper half.
template <int Vectors>
CR_INLINE void philox(const PhiloxKeys& keys, uint64_t first, VU64 (&words)[2 * Vectors]) {
  static_assert(Vectors <= 8);
  const VU64 factor0 = splat<VU64>(kPhiloxFactor[0]), factor1 = splat<VU64>(kPhiloxFactor[1]);
  // Words of the counter, each in the lower half of a lane; what stands above them is never read.
  VU64 c0[Vectors], c1[Vectors], c2[Vectors], c3[Vectors];
  const VU64 start = splat<VU64>((first & 0xffffffffu) * kPhiloxFactor[0]);
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v) {
    const VU64 p0 = start + load(kPhiloxSteps.times_factor + v * kLanes<uint64_t>);
    const VU64 p1 = mul_low_halves((p0 >> 32) ^ keys.key[0][1], factor1);
    c0[v] = (p1 >> 32) ^ keys.key[1][0];
    c1[v] = p1;
    c2[v] = p0 ^ keys.key[1][1];
  }
#pragma GCC unroll 10
  for (int round = 2; round < kPhiloxRounds - 1; ++round) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      const VU64 p0 = mul_low_halves(c0[v], factor0), p1 = mul_low_halves(c2[v], factor1);
      c0[v] = (p1 >> 32) ^ c1[v] ^ keys.key[round][0];
      c2[v] = round == 2 ? (p0 >> 32) ^ keys.key[round][1] : (p0 >> 32) ^ c3[v] ^ keys.key[round][1];
      c1[v] = p1;
      c3[v] = p0;
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v) {
    const VU64 p0 = mul_low_halves(c0[v], factor0), p1 = mul_low_halves(c2[v], factor1);
    const VU64 front = last_words(p1, c1[v], keys.key[kPhiloxRounds - 1][0]), back = last_words(p0, c3[v], keys.key[kPhiloxRounds - 1][1]);
    words[2 * v] = take_turns<0>(front, back);
    words[2 * v + 1] = take_turns<1>(front, back);
  }
}

}  // namespace chainrule::CR_ISA
