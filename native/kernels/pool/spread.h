#pragma once
// Gradients of poolings, as a gather: which windows hold an input, for a vector of inputs at a time.
#include "kernels/pool/window.h"
#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// The outputs whose windows hold input i.
CR_INLINE Window windows_over(const PoolAxis& a, int64_t i) {
  if (a.adaptive) return {i * a.out / a.in, ((i + 1) * a.out + a.in - 1) / a.in};
  const int64_t past = i + a.pad - a.kernel;  // the last window start that is too early
  const int64_t begin = past < 0 ? 0 : past / a.stride + 1, end = (i + a.pad) / a.stride + 1;
  return {begin, end < a.out ? end : a.out};
}

/// Whether gather_row can spread this axis: windows without holes between them, at a stride that vectors can interleave.
CR_INLINE bool can_gather(const PoolAxis& a) { return !a.adaptive && a.stride <= 2 && a.kernel >= a.stride && a.dilation == 1; }

/// Inputs stride q + b, for one b and all q, are held by windows q + first .. q + last, some of which do not exist.
struct Holders {
  int64_t first, last;
};
CR_INLINE Holders holders_of(const PoolAxis& a, int64_t b) {
  const int64_t phase = (b + a.pad) % a.stride, last = (b + a.pad) / a.stride;
  return {last - (a.kernel - 1 - phase) / a.stride, last};
}

/// Zeros that a row of windows needs in front, and its room with those behind, so that holders can be read where there are none.
CR_INLINE int64_t front_margin(const PoolAxis& a) { return (a.kernel - 1) / a.stride; }
template <class T>
CR_INLINE int64_t margin_size(const PoolAxis& a) {
  const int64_t held = a.in / a.stride + a.pad, end = held > a.out ? held : a.out;
  return front_margin(a) + end + 3 * kLanes<T>;
}

/// gx = a row of inputs, value(b, q) giving those at Stride (q + lane) + b; `room` as in put.
template <int Stride, class T, class Value>
CR_INLINE void gather_row(int64_t width, T* gx, int64_t room, Value value) {
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t q = 0; q * Stride < width; q += lanes) {
    if constexpr (Stride == 1) {
      put(gx + q, value(0, q), width - q, room - q);
    } else {
      const Vec<T> even = value(0, q), odd = value(1, q);
      const int64_t left = width - 2 * q;
      put(gx + 2 * q, zip_low(even, odd), left, room - 2 * q);
      if (left > lanes) put(gx + 2 * q + lanes, zip_high(even, odd), left - lanes, room - 2 * q - lanes);
    }
  }
}

}  // namespace chainrule::CR_ISA
