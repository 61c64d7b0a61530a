#include "kernels/elementwise/unary.h"
#include "simd/normal.h"

namespace chainrule::CR_ISA {

/// x Phi(x), Phi the normal distribution function; Hendrycks & Gimpel 2016, arXiv:1606.08415. For negative x, Phi is the tail itself, so
/// nothing cancels. Beyond the tail's reach x no longer grows, which makes gelu(-inf) = -0.
template <class V>
CR_INLINE V gelu_by_tail(V x) {
  const V z = tail_argument(x);
  const V tail = normal_tail(z).tail;
  return x < V{} ? -z * tail : x * (num<V>(1) - tail);
}
/// Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi).
template <class V>
CR_INLINE V gelu_slope_by_tail(V x) {
  const V z = tail_argument(x);
  const auto [tail, gaussian] = normal_tail(z);
  const V density = z * (gaussian * num<V>(0.39894228040143267794));
  return x < V{} ? tail - density : (num<V>(1) - tail) + density;
}

/// In f32 by tables of u(z) = z (1 - Phi(z)) and its derivative, for |x| up to kReach: gelu(x) = max(x, 0) - u(|x|), and the slope is
/// u'(|x|) for negative x, 1 - u'(|x|) for others. What lies beyond is rare.
struct Gelu {
  static constexpr double kWidth = 0.359375, kReach = 5.57;
  CR_INLINE VF f(VF x) {
    const VF z = at_most(abs(x), num<VF>(kReach));
    const Piece u = piece_of(kGeluTable, nearest_interval(z, kWidth), z);
    const VF y = fma(-u.offset, u.slope, at_least(x, VF{}) - u.value);
    if (__builtin_expect(any_below(x, num<VF>(-kReach)), 0)) return x < num<VF>(-kReach) ? gelu_by_tail(x) : y;
    return y;
  }
  CR_INLINE VD f(VD x) { return gelu_by_tail(x); }
  CR_INLINE VF grad(VF g, VF x) {
    const VF size = abs(x), z = at_most(size, num<VF>(kReach));
    const VF low = piecewise(kGeluSlopeTable, nearest_interval(z, kWidth), z);
    const VF slope = x < VF{} ? low : num<VF>(1) - low;
    if (__builtin_expect(any_below(num<VF>(kReach), size), 0)) return g * (size > num<VF>(kReach) ? gelu_slope_by_tail(x) : slope);
    return g * slope;
  }
  CR_INLINE VD grad(VD g, VD x) { return g * gelu_slope_by_tail(x); }
};
CR_REGISTER(gelu, (unary_kernels<Gelu, float, double>("gelu")));
CR_REGISTER(gelu_grad, (grad_kernels<Gelu>("gelu_grad")));

}  // namespace chainrule::CR_ISA
