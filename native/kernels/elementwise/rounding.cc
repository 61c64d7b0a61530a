#include "kernels/elementwise/unary.h"

namespace chainrule::CR_ISA {

struct Floor {
  template <class V>
  CR_INLINE V f(V x) {
    return floor(x);
  }
};
struct Ceil {
  template <class V>
  CR_INLINE V f(V x) {
    return ceil(x);
  }
};
struct Trunc {
  template <class V>
  CR_INLINE V f(V x) {
    return trunc(x);
  }
};
/// To the nearest integer, ties to even.
struct Round {
  template <class V>
  CR_INLINE V f(V x) {
    return round_even(x);
  }
};
CR_REGISTER(floor, (unary_kernels<Floor, float, double>("floor")));
CR_REGISTER(ceil, (unary_kernels<Ceil, float, double>("ceil")));
CR_REGISTER(trunc, (unary_kernels<Trunc, float, double>("trunc")));
CR_REGISTER(round, (unary_kernels<Round, float, double>("round")));

}  // namespace chainrule::CR_ISA
