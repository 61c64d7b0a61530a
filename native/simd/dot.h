#pragma once
// Products of signed bytes, summed four by four into 32-bit lanes, exactly: what quantised matrix products are made of. Every form gives
// the same integers; they differ in what they want prepared.
//
// A form has: kBias, what it adds to each weight (the caller takes kBias times the sum of the x back from the result); Weights, a vector of
// weights ready for use; weights(w); dot(sum, weights, x): lane i of sum += the products of bytes 4i .. 4i+3. Of x, -128 is excluded.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

using VS = Vec<int8_t>;

#if defined(__AVX2__)
/// AVX512-VNNI or AVX-VNNI: one instruction. It takes unsigned by signed bytes, hence the bias of 128. By name, because gcc knows the
/// intrinsic only where the whole translation unit may use it; registered for processors that have it (Feature::byte_dot).
struct ByteDot {
  static constexpr int32_t kBias = 128;
#if defined(__AVX512F__)
  static constexpr int kRows = 12, kVecs = 2;  // of a tile of sums in registers
#else
  static constexpr int kRows = 6, kVecs = 2;
#endif
  using Weights = VS;
  CR_INLINE Weights weights(VS w) { return w ^ static_cast<int8_t>(-128); }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
#if defined(CHAINRULE_EMULATE_AVX512)
    asm("ud2" : "+m"(sum) : "m"(w), "m"(x));  // never run: has_feature() says that no processor has it
#elif defined(__AVX512F__)
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
#else
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x));
#endif
    return sum;
  }
};
#endif

#if defined(__aarch64__)
/// The dot product instruction of Armv8.2 (Feature::byte_dot); signed by signed, so without bias. By name, as above.
struct ByteDot {
  static constexpr int32_t kBias = 0;
  static constexpr int kRows = 8, kVecs = 2;
  using Weights = VS;
  CR_INLINE Weights weights(VS w) { return w; }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
    asm(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(w), "w"(x));
    return sum;
  }
};

/// Products in 16 bits, added in pairs twice.
struct PlainDot {
  static constexpr int32_t kBias = 0;
  static constexpr int kRows = 8, kVecs = 2;
  using Weights = VS;
  CR_INLINE Weights weights(VS w) { return w; }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
    const int8x16_t a = (int8x16_t)w, b = (int8x16_t)x;
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return sum + (VI)vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
  }
};
#else
/// w x = |w| (sign(w) x): unsigned by signed bytes, whose pairs stay below 2 * 128 * 127 < 2^15, so that the instruction that saturates at
/// 16 bits never does.
struct PlainDot {
  static constexpr int32_t kBias = 0;
#if defined(__AVX512F__)
  static constexpr int kRows = 12, kVecs = 2;
  struct Weights {
    __m512i size;
    __mmask64 negative;
  };
  CR_INLINE Weights weights(VS w) { return {_mm512_abs_epi8((__m512i)w), _mm512_movepi8_mask((__m512i)w)}; }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
    const __m512i turned = _mm512_mask_sub_epi8((__m512i)x, w.negative, _mm512_setzero_si512(), (__m512i)x);
    return sum + (VI)_mm512_madd_epi16(_mm512_maddubs_epi16(w.size, turned), _mm512_set1_epi16(1));
  }
#elif defined(__AVX2__)
  static constexpr int kRows = 4, kVecs = 2;
  struct Weights {
    __m256i size, sign;
  };
  CR_INLINE Weights weights(VS w) { return {_mm256_abs_epi8((__m256i)w), (__m256i)w}; }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
    const __m256i turned = _mm256_sign_epi8((__m256i)x, w.sign);
    return sum + (VI)_mm256_madd_epi16(_mm256_maddubs_epi16(w.size, turned), _mm256_set1_epi16(1));
  }
#else
  static constexpr int kRows = 4, kVecs = 2;
  struct Weights {
    __m128i size, sign;
  };
  CR_INLINE Weights weights(VS w) { return {_mm_abs_epi8((__m128i)w), (__m128i)w}; }
  CR_INLINE VI dot(VI sum, Weights w, VS x) {
    const __m128i turned = _mm_sign_epi8((__m128i)x, w.sign);
    return sum + (VI)_mm_madd_epi16(_mm_maddubs_epi16(w.size, turned), _mm_set1_epi16(1));
  }
#endif
};
#endif

/// Sum of all lanes; integers, so in any order.
template <int Bytes = kVecBytes>
CR_INLINE int32_t add_lanes(typename VecType<int32_t, Bytes>::type v) {
  if constexpr (Bytes == 8) {
    return v[0] + v[1];
  } else {
    struct Halves {
      typename VecType<int32_t, Bytes / 2>::type low, high;
    };
    const Halves halves = bitcast<Halves>(v);
    return add_lanes<Bytes / 2>(halves.low + halves.high);
  }
}

}  // namespace chainrule::CR_ISA
