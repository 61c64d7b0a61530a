#pragma once
// Loads from many places at once, with the positions checked on the way: a position out of range is never followed.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// Whether some of n positions, side by side, is not in 0..size-1; `skip` may stand among them.
template <class I>
CR_INLINE bool any_outside(const I* position, int64_t n, int64_t size, int64_t skip = INT64_MIN) {
  constexpr int64_t most = sizeof(I) == 4 ? INT32_MAX : INT64_MAX;
  if (size > most) size = most;  // a position of this type is below it, or negative
  const I last = static_cast<I>(size - 1), pass = skip > most || skip < 0 ? static_cast<I>(0) : static_cast<I>(skip);
  const bool passes = skip >= 0 && skip <= most;
  // k is outside when k or last - k is negative; one of them cannot wrap around without the other being negative.
  Vec<I> wrong = {};
  int64_t i = 0;
  for (; i + kLanes<I> <= n; i += kLanes<I>) {
    const Vec<I> k = load(position + i);
    Vec<I> bad = (k | (splat<Vec<I>>(last) - k)) < 0;
    if (passes) bad &= k != splat<Vec<I>>(pass);
    wrong |= bad;
  }
  bool outside = any(wrong);
  for (; i < n; ++i) outside |= static_cast<uint64_t>(position[i]) >= static_cast<uint64_t>(size) && !(passes && position[i] == pass);
  return outside;
}

#if defined(__AVX512F__)
/// One register of to[i] = base[position[i]]; false when a position is not below `size`.
CR_INLINE bool gather_part(uint32_t* to, const uint32_t* base, const int64_t* position, uint64_t size) {
  const __m512i k = _mm512_loadu_si512(position);
  const __mmask8 good = _mm512_cmplt_epu64_mask(k, _mm512_set1_epi64(static_cast<long long>(size)));
  const __m256i v = _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), good, k, base, 4);
  std::memcpy(to, &v, sizeof v);
  return good == 0xff;
}
CR_INLINE bool gather_part(uint32_t* to, const uint32_t* base, const int32_t* position, uint64_t size) {
  const __m512i k = _mm512_loadu_si512(position);
  const int limit = size > INT32_MAX ? INT32_MIN : static_cast<int>(size);  // unsigned 2^31: all that are not negative
  const __mmask16 good = _mm512_cmplt_epu32_mask(k, _mm512_set1_epi32(limit));
  const __m512i v = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), good, k, base, 4);
  std::memcpy(to, &v, sizeof v);
  return good == 0xffff;
}
CR_INLINE bool gather_part(uint64_t* to, const uint64_t* base, const int64_t* position, uint64_t size) {
  const __m512i k = _mm512_loadu_si512(position);
  const __mmask8 good = _mm512_cmplt_epu64_mask(k, _mm512_set1_epi64(static_cast<long long>(size)));
  const __m512i v = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), good, k, base, 8);
  std::memcpy(to, &v, sizeof v);
  return good == 0xff;
}
#endif

/// to[i] = base[position[i]] for n positions side by side; false when one is not in 0..size-1 (what stands in `to` is then of no use).
template <class T, class I>
CR_INLINE bool gather_run(T* to, const T* base, const I* position, int64_t n, int64_t size) {
  int64_t i = 0;
  bool good = true;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 || (sizeof(T) == 8 && sizeof(I) == 8)) {
    constexpr int64_t part = sizeof(T) == 4 && sizeof(I) == 4 ? 16 : 8;
    for (; i + part <= n; i += part) good &= gather_part(to + i, base, position + i, static_cast<uint64_t>(size));
  }
#endif
  if (any_outside(position + i, n - i, size)) return false;
  for (; i < n; ++i) to[i] = base[position[i]];
  return good;
}

}  // namespace chainrule::CR_ISA
