#include "kernels/elementwise/mask.h"

namespace chainrule::CR_ISA {

// IEEE comparisons: with NaN only ne is true.
struct Eq {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a == b;
  }
};
struct Ne {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a != b;
  }
};
struct Lt {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a < b;
  }
};
struct Le {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a <= b;
  }
};
struct Gt {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a > b;
  }
};
struct Ge {
  template <class V>
  CR_INLINE IntVec<V> f(V a, V b) {
    return a >= b;
  }
};
CR_REGISTER(eq, (mask_kernels<Eq, 2>("eq")));
CR_REGISTER(ne, (mask_kernels<Ne, 2>("ne")));
CR_REGISTER(lt, (mask_kernels<Lt, 2>("lt")));
CR_REGISTER(le, (mask_kernels<Le, 2>("le")));
CR_REGISTER(gt, (mask_kernels<Gt, 2>("gt")));
CR_REGISTER(ge, (mask_kernels<Ge, 2>("ge")));

}  // namespace chainrule::CR_ISA
