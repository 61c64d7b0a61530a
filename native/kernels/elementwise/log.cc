#include "simd/log.h"
#include "kernels/elementwise/unary.h"

namespace chainrule::CR_ISA {

struct Log {
  template <class V>
  CR_INLINE V f(V x) {
    return log(x);
  }
};
struct Log1p {
  template <class V>
  CR_INLINE V f(V x) {
    return log1p(x);
  }
};
struct Log2 {
  template <class V>
  CR_INLINE V f(V x) {
    return log2(x);
  }
};
CR_REGISTER(log, (unary_kernels<Log, float, double>("log")));
CR_REGISTER(log1p, (unary_kernels<Log1p, float, double>("log1p")));
CR_REGISTER(log2, (unary_kernels<Log2, float, double>("log2")));

}  // namespace chainrule::CR_ISA
