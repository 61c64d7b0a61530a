#include "kernels/elementwise/unary.h"
#include "simd/poly.h"

namespace chainrule::CR_ISA {

/// `bound` as a value of V's type: the nearest one that it has.
template <class V>
CR_INLINE V bound(double bound) {
  if constexpr (kIsFloat<V>) return num<V>(bound);
  constexpr double kLowest = Scalar<V>(-1) > 0 ? 0 : sizeof(Scalar<V>) == 4 ? -0x1p31 : -0x1p63;
  constexpr double kAbove = sizeof(Scalar<V>) == 1 ? 256 : sizeof(Scalar<V>) == 4 ? 0x1p31 : 0x1p63;
  constexpr auto kHighest = static_cast<Scalar<V>>(sizeof(Scalar<V>) == 1 ? 255 : sizeof(Scalar<V>) == 4 ? INT32_MAX : INT64_MAX);
  return bound >= kAbove ? splat<V>(kHighest) : num<V>(bound > kLowest ? bound : kLowest);
}

/// min(max(x, low), high); NaN stays NaN. The slope is 1 on the bounds themselves, as PyTorch's clamp has it, and so is NaN's.
struct Clamp {
  static constexpr int kParams = 2;
  template <class V>
  CR_INLINE V f(V x, const double* params) {
    const V low = bound<V>(params[0]), high = bound<V>(params[1]);
    const V above = x < low ? low : x;
    return above > high ? high : above;
  }
  template <class V>
  CR_INLINE V grad(V g, V x, const double* params) {
    return ((x < num<V>(params[0])) | (x > num<V>(params[1]))) ? V{} : g;
  }
};
CR_REGISTER(clamp, (unary_kernels<Clamp, float, double, int32_t, int64_t, uint8_t>("clamp", "low,high")));
CR_REGISTER(clamp_grad, (grad_kernels<Clamp>("clamp_grad", "low,high")));

}  // namespace chainrule::CR_ISA
