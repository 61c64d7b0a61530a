#include "kernels/elementwise/unary.h"
#include "simd/exp_pair.h"

namespace chainrule::CR_ISA {

/// x sigmoid(x); Elfwing et al. 2017, arXiv:1702.03118. In f32 with fma max(x, 0) - |x| / (1 + e^|x|), the latter by table up to |x|
/// = 16.27: above, it is too small to matter; below, x is rare. Beyond -1000 it is 0: x is limited there, so that -inf gives the limit and
/// not inf * 0.
struct Silu {
  static constexpr double kWidth = 1.05, kReach = 16.27;
  template <class V>
  CR_INLINE V f(V x) {
    if constexpr (kIsF32<V> && kHasFma) {
      return by_table(x);
    } else {
      const V b = at_least(x, num<V>(-1000));
      return times_sigmoid(b, b);
    }
  }
  /// s + x s (1 - s).
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -1000, 1000), s = sigmoid(b);
    return g * fma(b, s * (num<V>(1) - s), s);
  }

 private:
  CR_INLINE VF by_table(VF x) {
    return positive_part_less<true>(kSiluTable, kWidth, kReach, x, [](VF v) { return far_below(v); });
  }
  CR_INLINE VF far_below(VF x) {
    const VF b = at_least(x, num<VF>(-1000));
    return times_low_sigmoid(b, exp_pair(exp_pair_limit(b)));
  }
};
CR_REGISTER(silu, (unary_kernels<Silu, float, double>("silu")));
CR_REGISTER(silu_grad, (grad_kernels<Silu>("silu_grad")));

}  // namespace chainrule::CR_ISA
