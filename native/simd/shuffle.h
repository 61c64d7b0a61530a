#pragma once
// Lanes in another order, from two registers: constant shuffles, so that the compiler picks the instruction of each instruction set.
#include <utility>

#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// Elements 0, 2, 4, ... (Odd = 0) or 1, 3, 5, ... (Odd = 1) of a followed by b.
template <int Odd, class V, int... I>
CR_INLINE V every_other(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I + Odd)...);
}
template <class V>
CR_INLINE V evens(V a, V b) {
  return every_other<0>(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}
template <class V>
CR_INLINE V odds(V a, V b) {
  return every_other<1>(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

/// The last lane first.
template <class V, int... I>
CR_INLINE V reversed_by(V v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (static_cast<int>(sizeof...(I)) - 1 - I)...);
}
template <class V>
CR_INLINE V reversed(V v) {
  return reversed_by(v, std::make_integer_sequence<int, sizeof(V) / sizeof(v[0])>{});
}

/// a0 b0 a1 b1 ...: the first half (Half = 0) or the second (Half = 1) of the two interleaved.
template <int Half, class V, int... I>
CR_INLINE V zip_half(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int lanes = static_cast<int>(sizeof...(I));
  return __builtin_shufflevector(a, b, (Half * lanes / 2 + I / 2 + (I % 2) * lanes)...);
}
template <class V>
CR_INLINE V zip_low(V a, V b) {
  return zip_half<0>(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}
template <class V>
CR_INLINE V zip_high(V a, V b) {
  return zip_half<1>(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

/// a0 b0 a2 b2 ... (Odd = 0) or a1 b1 a3 b3 ... (Odd = 1).
template <int Odd, class V, int... I>
CR_INLINE V take_turns(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int lanes = static_cast<int>(sizeof...(I));
  return __builtin_shufflevector(a, b, (I / 2 * 2 + Odd + (I % 2) * lanes)...);
}
template <int Odd, class V>
CR_INLINE V take_turns(V a, V b) {
  return take_turns<Odd>(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

/// Element index, modulo twice the lanes, of a followed by b, in each lane.
template <class V>
CR_INLINE V pick(V a, V b, IntVec<V> index) {
  constexpr int lanes = kLanes<Scalar<V>>;
#if defined(__AVX512F__)
  if constexpr (lanes == 16) return (V)_mm512_permutex2var_epi32((__m512i)a, (__m512i)index, (__m512i)b);
  if constexpr (lanes == 8) return (V)_mm512_permutex2var_epi64((__m512i)a, (__m512i)index, (__m512i)b);
#elif defined(__AVX2__)
  if constexpr (lanes == 8) {
    const __m256 low = _mm256_permutevar8x32_ps((__m256)a, (__m256i)index), high = _mm256_permutevar8x32_ps((__m256)b, (__m256i)index);
    return (V)_mm256_blendv_ps(low, high, (__m256)(index << 28));  // the sign bit chooses
  }
#endif
  V found;
  for (int i = 0; i < lanes; ++i) found[i] = (index[i] & lanes) == 0 ? a[index[i] & (lanes - 1)] : b[index[i] & (lanes - 1)];
  return found;
}

/// table[index mod 16] in every lane: tables that live in registers.
CR_INLINE VF lookup16(const float (&table)[16], VI index) {
#if defined(__AVX512F__)
  return (VF)_mm512_maskz_permutexvar_ps(0xffff, (__m512i)index, (__m512)load(table));
#elif defined(__AVX2__)
  const VF low = (VF)_mm256_permutevar8x32_ps((__m256)load(table), (__m256i)index);
  const VF high = (VF)_mm256_permutevar8x32_ps((__m256)load(table + 8), (__m256i)index);
  return (VF)_mm256_blendv_ps((__m256)low, (__m256)high, (__m256)(index << 28));  // the sign bit chooses
#elif defined(__aarch64__)
  const VI bytes = (index & 15) * 0x04040404 + 0x03020100;
  return (VF)vqtbl4q_u8(vld1q_u8_x4(reinterpret_cast<const uint8_t*>(table)), (uint8x16_t)bytes);
#else
  VF found;
  for (int i = 0; i < kLanes<float>; ++i) found[i] = table[index[i] & 15];
  return found;
#endif
}

/// table[index mod 8] in every lane; the table stands there twice.
CR_INLINE VF lookup8(const float (&table)[16], VI index) {
#if defined(__AVX512F__)
  return lookup16(table, index);
#elif defined(__AVX2__)
  return (VF)_mm256_permutevar8x32_ps((__m256)load(table), (__m256i)index);
#elif defined(__aarch64__)
  const VI bytes = (index & 7) * 0x04040404 + 0x03020100;
  return (VF)vqtbl2q_u8(vld1q_u8_x2(reinterpret_cast<const uint8_t*>(table)), (uint8x16_t)bytes);
#else
  VF found;
  for (int i = 0; i < kLanes<float>; ++i) found[i] = table[index[i] & 7];
  return found;
#endif
}

/// a one lane back, its last lane being b's first.
template <class V, int... I>
CR_INLINE V shift_out(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (1 + I)...);
}
template <class V>
CR_INLINE V shift_out(V a, V b) {
  return shift_out(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

/// b one lane further, its first lane being a's last.
template <class V, int... I>
CR_INLINE V shift_in(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (static_cast<int>(sizeof...(I)) - 1 + I)...);
}
template <class V>
CR_INLINE V shift_in(V a, V b) {
  return shift_in(a, b, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

}  // namespace chainrule::CR_ISA
