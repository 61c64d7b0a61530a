#pragma once
// Rows of exponentials: what softmax, logSoftmax and cross entropy share.
#include "simd/exp_weight.h"
#include "simd/lanes.h"
#include "simd/log.h"

namespace chainrule::CR_ISA {

/// The larger; which of the two where one is NaN is left open, for a row with a NaN has a sum of exponentials that is NaN.
struct JoinLarger {
  template <class V>
  static V identity() {
    return splat<V>(kLowest<Scalar<V>>);
  }
  template <class V>
  static V join(V a, V b) {
    return at_least(b, a);
  }
};
template <class T>
CR_INLINE T row_peak(const T* x, int64_t n) {
  return reduce_each<JoinLarger, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(x + i, m); });
}

/// Asks for an element that will be read soon: hardware does so too, but not across pages of 4 KiB.
template <class T>
CR_INLINE void prefetch(const T* p) {
  __builtin_prefetch(p, 0, 3);
}

/// sum of e^(x - high); high is the largest x.
template <class T>
struct PowerSum {
  T high, sum;
};

/// Elements of a block: it and the next, which is on its way, fill half of the L1 cache.
inline constexpr int64_t kPowerBlock = 2048;

/// Of at most kPowerBlock elements, relative to `high`. `ahead` elements further on are asked for meanwhile.
template <class T>
CR_INLINE T power_sum_block(const T* x, int64_t n, T high, int64_t ahead) {
  using V = Vec<T>;
  const V base = splat<V>(high);
  return fold_lanes<JoinSum, T>(reduce_range<JoinSum, T, 1>(0, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    prefetch(x + ahead + i);
    return exp_weight(load_some(x + i, m) - base);
  }));
}

/// In one pass over memory: blocks, each relative to the largest element so far (Milakov and Gimelshein 2018,
/// arXiv:1805.02867). A row of nothing but -inf has NaN or 0 as its sum; both make NaN of what follows.
template <class T>
CR_INLINE PowerSum<T> power_sum(const T* x, int64_t n) {
  if (n <= kPowerBlock) {
    const T high = row_peak(x, n);
    return {high, power_sum_block(x, n, high, n)};
  }
  PowerSum<T> all{kLowest<T>, 0};
  for (int64_t i = 0; i < n; i += kPowerBlock) {
    const int64_t some = n - i < kPowerBlock ? n - i : kPowerBlock;
    const T peak = row_peak(x + i, some);
    if (peak > all.high) {
      all.sum *= exp_weight(splat<Vec<T>>(all.high - peak))[0];
      all.high = peak;
    }
    all.sum += power_sum_block(x + i, some, all.high == kLowest<T> ? T{0} : all.high, kPowerBlock);
  }
  return all;
}

}  // namespace chainrule::CR_ISA
