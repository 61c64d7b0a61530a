#include "kernels/elementwise/unary.h"
#include "simd/exp_pair.h"
#include "simd/normal.h"

namespace chainrule::CR_ISA {

/// x Phi(x), Phi the normal distribution function; Hendrycks & Gimpel 2016, arXiv:1606.08415. With q = z (1 - Phi(z)), z = |x|, that is -q
/// or x - q: nothing cancels. q is the quotient of normal_tail with z multiplied in, in pairs, and with a power of two taken off. Beyond
/// the tail's reach x no longer grows, which makes gelu(-inf) = -0.
CR_INLINE VD gelu_by_tail(VD x) {
  const VD z = tail_argument(x), k = num<VD>(kTailCentre<VD>), minus_half = num<VD>(-0.5);
  const auto divisor = two_sum(z, k);
  const VD t = quotient(two_sum(z, -k), divisor);
  const auto rest = two_product(t, tail_rest(t));
  auto h = two_sum(num<VD>(kTailFirst<VD>), rest.high);
  // What rounding took from the first two coefficients of h.
  h.low += fma(t, num<VD>(-0x1.afbafb3c64564p-55), num<VD>(-0x1.1b433a94184e6p-55)) + rest.low;
  const auto square = two_product(z, z);
  const auto e = exp_pair(minus_half * square.high, minus_half * square.low);
  const auto dividend = product(product(Pair<VD>{z, VD{}}, h), Pair<VD>{e.high, e.low});
  const VD q = quotient(dividend, divisor);
  return x < VD{} ? -times_power_of_two(q, e.n) : fma(-q, power_beside_one(e.n), x);
}
/// For x < -5.3: z (1 - Phi(z)) = e^(-z^2 / 2) g, where g = 1 / sqrt(2 pi) less a small function of 1 / z^2. Of g and of the exponential
/// two parts are kept until they are multiplied.
CR_INLINE VF gelu_far_below(VF x) {
  const VF z = at_most(-x, num<VF>(kTailReach<VF>)), minus_half = num<VF>(-0.5);
  const auto square = two_product(z, z);
  const VF w = num<VF>(1) / square.high;
  const VF less =
      w * polynomial(w, 0.3989397287182238282, -1.195903748927578477, 5.865431644814892666, -34.65750628245753621, 146.2749499864156456);
  auto g = fast_two_sum(num<VF>(0x1.988454p-2), -less);
  g.low += num<VF>(-0x1.857936p-27);
  const auto e = exp_pair(minus_half * square.high, minus_half * square.low);
  const auto y = product(g, Pair<VF>{e.high, e.low});
  return -times_power_of_two(y.high + y.low, e.n);
}
/// Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi).
template <class V>
CR_INLINE V gelu_slope_by_tail(V x) {
  const V z = tail_argument(x);
  const auto [tail, gaussian] = normal_tail(z);
  const V density = z * (gaussian * num<V>(0.39894228040143267794));
  return x < V{} ? tail - density : (num<V>(1) - tail) + density;
}

/// In f32 by tables of u(z) = z (1 - Phi(z)) and its derivative: gelu(x) = max(x, 0) - u(|x|), and the slope is u'(|x|) for negative x,
/// 1 - u'(|x|) for others. Beyond its reach, u is too small to matter for positive x; what else lies beyond is rare.
struct Gelu {
  static constexpr double kWidth = 0.34375, kReach = 5.32;
  static constexpr double kSlopeWidth = 0.359375, kSlopeReach = 5.57;
  CR_INLINE VF f(VF x) {
    return positive_part_less<false>(kGeluTable, kWidth, kReach, x, [](VF v) { return gelu_far_below(v); });
  }
  CR_INLINE VD f(VD x) { return gelu_by_tail(x); }
  CR_INLINE VF grad(VF g, VF x) {
    const VF size = abs(x), z = at_most(size, num<VF>(kSlopeReach));
    const VI interval = nearest_interval(z, kSlopeWidth);
    if (in_first_half(interval)) return g * slope_of(piecewise<true>(kGeluSlopeTable, interval, z), x);
    const VF slope = slope_of(piecewise(kGeluSlopeTable, interval, z), x);
    if (__builtin_expect(any_below(num<VF>(kSlopeReach), size), 0))
      return g * (size > num<VF>(kSlopeReach) ? gelu_slope_by_tail(x) : slope);
    return g * slope;
  }
  CR_INLINE VD grad(VD g, VD x) { return g * gelu_slope_by_tail(x); }

 private:
  /// The slope at x from that of u at |x|.
  CR_INLINE VF slope_of(VF low, VF x) { return x < VF{} ? low : num<VF>(1) - low; }
};
CR_REGISTER(gelu, (unary_kernels<Gelu, float, double>("gelu")));
CR_REGISTER(gelu_grad, (grad_kernels<Gelu>("gelu_grad")));

}  // namespace chainrule::CR_ISA
