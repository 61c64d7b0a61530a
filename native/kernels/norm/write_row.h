#pragma once
// How rows of a result are written: by lines of the cache, and past the caches where they could not hold it.
#include "simd/lanes.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Bytes of a row that is mostly whole lines of the cache.
inline constexpr int64_t kStreamedRowBytes = 1024;

/// Whether a result of `rows` rows of n elements goes past the caches.
template <class T>
CR_INLINE bool is_streamed(int64_t rows, int64_t n) {
  const int64_t bytes = n * static_cast<int64_t>(sizeof(T));
  return bytes >= kStreamedRowBytes && rows * bytes >= kStreamBytes;
}

/// y[i] = f(i, m) for i < n, and ask(i) before each line of the cache; streamed but for what stands before the first whole line and behind
/// the last.
template <class T, class F, class Ask>
CR_INLINE void write_row(T* y, int64_t n, bool streamed, F f, Ask ask) {
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T)), lanes = kLanes<T>;
  const auto write_lines = [=](int64_t i, auto put) CR_INLINE_LAMBDA {
    for (; i + line <= n; i += line) {
      ask(i);
#pragma GCC unroll 8
      for (int64_t k = 0; k < line; k += lanes) put(y + i + k, f(i + k, lanes));
    }
    return i;
  };
  int64_t i = 0;
  if (streamed) {
    const int64_t head = to_next_line(y, n);
    for (; i < head; i += lanes) {
      const int64_t m = head - i < lanes ? head - i : lanes;
      store_some(y + i, f(i, m), m);
    }
    i = write_lines(head, [](T* to, Vec<T> v) CR_INLINE_LAMBDA { stream_store(to, v); });
  } else {
    i = write_lines(0, [](T* to, Vec<T> v) CR_INLINE_LAMBDA { store(to, v); });
  }
  for (; i + lanes <= n; i += lanes) store(y + i, f(i, lanes));
  if (i < n) store_partial(y + i, f(i, n - i), n - i);
}
template <class T, class F>
CR_INLINE void write_row(T* y, int64_t n, bool streamed, F f) {
  write_row(y, n, streamed, f, [](int64_t) CR_INLINE_LAMBDA {});
}

}  // namespace chainrule::CR_ISA
