#include "kernels/elementwise/mask.h"

namespace chainrule::CR_ISA {

// For integers the answers are constant.
struct IsNan {
  template <class V>
  CR_INLINE IntVec<V> f(V x) {
    return x != x;
  }
};
struct IsFinite {
  template <class V>
  CR_INLINE IntVec<V> f(V x) {
    return (x - x) == V{};
  }
};
struct IsInf {
  template <class V>
  CR_INLINE IntVec<V> f(V x) {
    return (x == x) & ((x - x) != V{});
  }
};
CR_REGISTER(is_nan, (mask_kernels<IsNan, 1>("is_nan")));
CR_REGISTER(is_finite, (mask_kernels<IsFinite, 1>("is_finite")));
CR_REGISTER(is_inf, (mask_kernels<IsInf, 1>("is_inf")));

}  // namespace chainrule::CR_ISA
