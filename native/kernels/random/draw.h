#pragma once
// From random bits to numbers, a tile at a time. Element i of a 32-bit type uses word i, of a 64-bit type words 2 i and 2 i + 1.
#include "core/error.h"
#include "simd/lanes.h"
#include "simd/parallel.h"
#include "simd/philox.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kDrawTile = 256;              // elements made at once; a multiple of what philox() makes
inline constexpr int64_t kDrawGrain = 64 * kDrawTile;  // elements per unit of work

/// Bits for one tile, as words of type W (32 or 64 bits).
template <class W>
struct DrawTile {
  alignas(64) W words[kDrawTile];
};

CR_INLINE RandomStream random_stream(const double* params) { return {static_cast<uint64_t>(params[0]), static_cast<uint64_t>(params[1])}; }

/// Vectors of blocks that are drawn side by side: of eight, AVX2's 16 registers would hold half of the words.
inline constexpr int kDrawVectors = kVecBytes == 32 ? 4 : 8;
/// Vectors of words that a step draws, and elements of type W in them.
inline constexpr int kDrawParts = 2 * kDrawVectors;
template <class W>
inline constexpr int64_t kDrawStep = kDrawParts* kLanes<W>;

/// The block that makes the first word of element `first` of type W, the last of them in it.
template <class W>
CR_INLINE uint64_t block_of(int64_t first) {
  return static_cast<uint64_t>(first) / (16 / sizeof(W));
}

/// Words of type W for elements first .. first + kDrawTile - 1; first is a multiple of kDrawTile.
template <class W>
CR_INLINE void draw(const PhiloxKeys& keys, int64_t first, DrawTile<W>& tile) {
  static_assert(kDrawTile % kDrawStep<W> == 0);
  for (int64_t i = 0; i < kDrawTile; i += kDrawStep<W>) {
    VU64 words[kDrawParts];
    philox<kDrawVectors>(keys, block_of<W>(first + i), words);
    std::memcpy(tile.words + i, words, sizeof words);
  }
}

/// Number of elements of a row-major output.
CR_INLINE int64_t contiguous_size(const TensorView& view) {
  int64_t size = 1;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    CR_CHECK(view.shape[d] <= 1 || view.strides[d] == size);
    size *= view.shape[d];
  }
  return size;
}

/// body(tile, first, count) for every tile of n elements.
template <class W, class Body>
CR_INLINE void for_each_tile(Context& ctx, int64_t n, const RandomStream& random, Body body) {
  parallel_range(ctx, n, kDrawGrain, [&](int64_t begin, int64_t end) {
    const PhiloxKeys keys = philox_keys(random, block_of<W>(begin));
    DrawTile<W> tile;
    for (int64_t first = begin; first < end; first += kDrawTile) {
      draw(keys, first, tile);
      body(tile, first, end - first < kDrawTile ? end - first : kDrawTile);
    }
  });
}

/// Unsigned word of T's width.
template <class T>
using WordOf = typename UnsignedOf<sizeof(T)>::type;

/// y[0..n): body(words, made, first, count) makes vectors of numbers first, first + 1, ... of as many vectors of words, a step at a time;
/// the numbers from `count` on are not used.
template <class T, class Body>
CR_INLINE void fill_random(Context& ctx, T* to, int64_t n, const RandomStream& random, Body body) {
  using W = WordOf<T>;
  static_assert(kDrawGrain % kDrawStep<W> == 0);
  const bool streamed = n * static_cast<int64_t>(sizeof(T)) >= kStreamBytes && reinterpret_cast<uintptr_t>(to) % kVecBytes == 0;
  parallel_range(ctx, n, kDrawGrain, [&](int64_t begin, int64_t end) {
    const PhiloxKeys keys = philox_keys(random, block_of<W>(begin));
    T* y = to;
    for (int64_t i = begin; i < end; i += kDrawStep<W>) {
      VU64 words[kDrawParts];
      philox<kDrawVectors>(keys, block_of<W>(i), words);
      Vec<T> made[kDrawParts];
      const int64_t count = end - i < kDrawStep<W> ? end - i : kDrawStep<W>;
      body(words, made, i, count);
      if (count < kDrawStep<W>) {
        std::memcpy(y + i, made, static_cast<size_t>(count) * sizeof(T));
      } else if (streamed) {
#pragma GCC unroll 16
        for (int k = 0; k < kDrawParts; ++k) stream_store(y + i + k * kLanes<T>, made[k]);
      } else {
#pragma GCC unroll 16
        for (int k = 0; k < kDrawParts; ++k) store(y + i + k * kLanes<T>, made[k]);
      }
    }
    if (streamed) stream_fence();
  });
}

/// Uniform in [0, 1): 24 bits (f32), 53 bits (f64).
CR_INLINE VF unit_interval(Vec<uint32_t> w) { return __builtin_convertvector((VI)(w >> 8), VF) * num<VF>(0x1p-24); }
CR_INLINE VD unit_interval(VU64 w) {
  const VU64 bits = w >> 11, exponent = splat<VU64>(0x4330000000000000u);  // 2^52
  const VD high = (VD)((bits >> 32) | exponent) - num<VD>(0x1p52),
           low = (VD)((bits & splat<VU64>(0xffffffffu)) | exponent) - num<VD>(0x1p52);
  return (high * num<VD>(0x1p32) + low) * num<VD>(0x1p-53);
}

/// Uniform in (0, 1], for a logarithm: 52 bits, plus half a step.
CR_INLINE VD unit_positive(VU64 w) {
  const VD one_to_two = (VD)((w >> 12) | splat<VU64>(0x3ff0000000000000u));
  return (one_to_two - num<VD>(1)) + num<VD>(0x1p-53);
}

}  // namespace chainrule::CR_ISA
