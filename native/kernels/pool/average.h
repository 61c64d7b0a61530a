#pragma once
// What the mean over windows and its gradient share.
#include "kernels/pool/window.h"

namespace chainrule::CR_ISA {

#define CR_AVG_PARAMS "kernelH,kernelW,strideH,strideW,padH,padW,includePad,adaptive"

struct AvgPool {
  PoolAxis h, w;
  bool include_pad;
};

/// `large` is the side with the windows' inputs, `small` has one element a window.
template <class A, class B>
CR_INLINE AvgPool avg_geometry(const Planes<A>& large, const Planes<B>& small, const double* p) {
  const bool adaptive = p[7] != 0;
  const AvgPool pool{{large.height, small.height, int64_t(p[0]), int64_t(p[2]), int64_t(p[4]), 1, adaptive},
                     {large.width, small.width, int64_t(p[1]), int64_t(p[3]), int64_t(p[5]), 1, adaptive},
                     p[6] != 0};
  CR_CHECK(pool.h.kernel >= 1 && pool.w.kernel >= 1 && pool.h.stride >= 1 && pool.w.stride >= 1 && pool.h.pad >= 0 && pool.w.pad >= 0);
  return pool;
}

/// Whether there is one window, and it is the image.
CR_INLINE bool is_global(const AvgPool& pool) {
  const PoolAxis &h = pool.h, &w = pool.w;
  if (h.out != 1 || w.out != 1) return false;
  return h.adaptive || (h.pad == 0 && w.pad == 0 && h.kernel == h.in && w.kernel == w.in);
}

/// Number of elements along the axis that output o is divided by.
CR_INLINE int64_t window_count(const PoolAxis& a, int64_t o, bool include_pad) {
  const Window inside = window_of(a, o);
  if (!include_pad || a.adaptive) return inside.end > inside.begin ? inside.end - inside.begin : 1;
  const int64_t start = window_start(a, o), end = start + a.kernel;
  return (end < a.in + a.pad ? end : a.in + a.pad) - start;
}

template <class T>
CR_INLINE const T* column_counts(Context& ctx, const AvgPool& pool) {
  T* counts = scratch<T>(ctx, pool.w.out + kLanes<T>);
  for (int64_t o = 0; o < pool.w.out; ++o) counts[o] = static_cast<T>(window_count(pool.w, o, pool.include_pad));
  for (int64_t o = pool.w.out; o < pool.w.out + kLanes<T>; ++o) counts[o] = T{1};
  return counts;
}

}  // namespace chainrule::CR_ISA
