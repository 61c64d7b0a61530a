#include "kernels/elementwise/mask.h"

namespace chainrule::CR_ISA {

// Anything but 0 is true (NaN too).
struct LogicalAnd {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return (a != V{}) & (b != V{});
  }
};
struct LogicalOr {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return (a != V{}) | (b != V{});
  }
};
struct LogicalXor {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return (a != V{}) ^ (b != V{});
  }
};
struct LogicalNot {
  template <class V>
  CR_INLINE IntVec<V> f(V x) {
    return x == V{};
  }
};
CR_REGISTER(logical_and, (mask_kernels<LogicalAnd, 2>("logical_and")));
CR_REGISTER(logical_or, (mask_kernels<LogicalOr, 2>("logical_or")));
CR_REGISTER(logical_xor, (mask_kernels<LogicalXor, 2>("logical_xor")));
CR_REGISTER(logical_not, (mask_kernels<LogicalNot, 1>("logical_not")));

}  // namespace chainrule::CR_ISA
