#pragma once
// Loads and stores of a run of lanes that is known in advance: rows of an image that is narrower than its vectors, or moved to one side.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// Whether a run's loads and stores cost no more than those of a whole vector.
#if defined(__AVX512F__)
inline constexpr bool kFreeRuns = true;
#else
inline constexpr bool kFreeRuns = false;
#endif

/// Lanes first..past-1 of a vector of T.
template <class T>
struct LaneRun {
#if defined(__AVX512F__)
  uint32_t bits;
#elif defined(__AVX2__)
  __m256i bits;
  int64_t lead;  // how many lanes it is when it begins with the first: these need no masked store
#else
  int first, past;
#endif
};

/// Both ends may lie outside the vector.
template <class T>
CR_INLINE LaneRun<T> lane_run(int64_t first, int64_t past) {
  constexpr int64_t lanes = kLanes<T>;
  first = first < 0 ? 0 : first > lanes ? lanes : first;
  past = past < first ? first : past > lanes ? lanes : past;
#if defined(__AVX512F__)
  return {(1u << past) - (1u << first)};
#elif defined(__AVX2__)
  return {_mm256_andnot_si256(first_lanes<sizeof(T)>(first), first_lanes<sizeof(T)>(past)), first == 0 ? past : 0};
#else
  return {static_cast<int>(first), static_cast<int>(past)};
#endif
}

/// The run's lanes from p[lane], zeros elsewhere. Nothing else is touched.
template <class T>
CR_INLINE Vec<T> load_run(const T* p, LaneRun<T> run) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>(run.bits), p);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>(run.bits), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), run.bits);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), run.bits);
#else
  if (run.past - run.first == kLanes<T>) return load(p);
  Vec<T> v = {};
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i >= run.first && i < run.past) v[i] = p[i];
  }
  return v;
#endif
}
template <class T>
CR_INLINE void store_run(T* p, Vec<T> v, LaneRun<T> run) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(run.bits), (__m512i)v);
  if constexpr (sizeof(T) == 8) _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(run.bits), (__m512i)v);
#elif defined(__AVX2__)
  if (run.lead > 0) return store_partial(p, v, run.lead);
  if constexpr (sizeof(T) == 4) _mm256_maskstore_epi32(reinterpret_cast<int*>(p), run.bits, (__m256i)v);
  if constexpr (sizeof(T) == 8) _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), run.bits, (__m256i)v);
#else
  if (run.past - run.first == kLanes<T>) return store(p, v);
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i >= run.first && i < run.past) p[i] = v[i];
  }
#endif
}

}  // namespace chainrule::CR_ISA
