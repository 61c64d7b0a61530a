#pragma once
// Runs that are sent to memory past the caches, and what is fetched into them ahead of its use.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kCacheLine = 64;                   // bytes
inline constexpr int64_t kStreamBytes = int64_t{16} << 20;  // a result of this size is not in the caches any more when it is read

/// Stores past the caches, for results too large to be found there again; p is aligned to the vector's size.
template <class V, class T>
CR_INLINE void stream_store(T* p, V v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)v);
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)v);
#elif defined(__x86_64__) || defined(_M_X64)
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)v);
#else
  store(p, v);
#endif
}
/// Orders streamed stores before what other threads are told afterwards.
CR_INLINE void stream_fence() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_sfence();
#endif
}

/// Asks for `bytes` bytes from p, wherever that points.
CR_INLINE void prefetch_run(const void* p, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(static_cast<const char*>(p) + i);
}

/// Elements before the next line of the cache, at most n.
template <class T>
CR_INLINE int64_t to_next_line(const T* p, int64_t n) {
  const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) % kCacheLine);
  const int64_t head = past == 0 ? 0 : (kCacheLine - past) / static_cast<int64_t>(sizeof(T));
  return head < n ? head : n;
}

/// Elements before the next address that is a multiple of a vector's size, at most n.
template <class T>
CR_INLINE int64_t to_next_vector(const T* p, int64_t n) {
  const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) % kVecBytes);
  const int64_t head = past == 0 ? 0 : (kVecBytes - past) / static_cast<int64_t>(sizeof(T));
  return head < n ? head : n;
}
/// stream_store() of a vector or a part of one; p is aligned to its size.
template <class V, class T>
CR_INLINE void stream_store_part(T* p, V v) {
  if constexpr (sizeof(V) == kVecBytes) {
    stream_store(p, v);
#if defined(__AVX2__)
  } else if constexpr (sizeof(V) == 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)v);
#endif
  } else {
    std::memcpy(p, &v, sizeof v);
  }
}

/// to[i] = value(i), where value(i) gives a vector from i on and `one` a single element: whole lines of the cache at a time.
template <class T, class Many, class One>
CR_INLINE void stream_run(T* to, int64_t n, Many many, One one) {
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  int64_t i = 0;
  for (const int64_t head = to_next_line(to, n); i < head; ++i) to[i] = one(i);
  for (; i + line <= n; i += line) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < line; k += kLanes<T>) stream_store(to + i + k, many(i + k));
  }
  for (; i < n; ++i) to[i] = one(i);
}

/// to[i] = from[i]; stream_fence() orders it before what other threads are told.
template <class T>
CR_INLINE void stream_copy(T* to, const T* from, int64_t n) {
  stream_run(
      to, n, [&](int64_t i) { return load(from + i); }, [&](int64_t i) { return from[i]; });
}
/// to[i] = value.
template <class T>
CR_INLINE void stream_fill(T* to, T value, int64_t n) {
  const Vec<T> v = splat_any<T>(value);
  stream_run(
      to, n, [&](int64_t) { return v; }, [&](int64_t) { return value; });
}

}  // namespace chainrule::CR_ISA
