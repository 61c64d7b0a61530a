#include "kernels/elementwise/unary.h"
#include "simd/exp.h"

namespace chainrule::CR_ISA {

/// x sigmoid(x); Elfwing et al. 2017, arXiv:1702.03118. Beyond |x| = 1000 the sigmoid is 0 or 1: x is limited there, so that infinities
/// give the limit and not inf * 0.
struct Silu {
  template <class V>
  CR_INLINE V f(V x) {
    const V b = at_least(x, num<V>(-1000));
    return b * sigmoid(b);
  }
  /// s + x s (1 - s).
  template <class V>
  CR_INLINE V grad(V g, V x) {
    const V b = limit(x, -1000, 1000), s = sigmoid(b);
    return g * fma(b, s * (num<V>(1) - s), s);
  }
};
CR_REGISTER(silu, (unary_kernels<Silu, float, double>("silu")));
CR_REGISTER(silu_grad, (grad_kernels<Silu>("silu_grad")));

}  // namespace chainrule::CR_ISA
