#pragma once
// Kernels of one input. An op is a struct: `f(V x)` or `f(V x, const double* params)`, over vectors of each element type it is registered
// for; a fused gradient is `grad(V g, V saved)` or `grad(V g, V saved, const double* params)`.
#include "kernels/elementwise/map.h"

namespace chainrule::CR_ISA {

/// Registrations of Op::f for each T.
template <class Op, class... T>
constexpr auto unary_kernels(const char* name, const char* params = "") {
  return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "T>T", params, &run_same_type<Op, 1, T>}...);
}

/// Op::grad in the place of f.
template <class Op>
struct GradOf {
  template <class V>
  CR_INLINE V f(V g, V saved, const double* params) {
    if constexpr (requires { Op::grad(g, saved, params); }) {
      return Op::grad(g, saved, params);
    } else {
      return Op::grad(g, saved);
    }
  }
};

/// Registrations of Op::grad for f32 and f64: inputs g and the tensor that the op saved (x or y).
template <class Op>
constexpr auto grad_kernels(const char* name, const char* params = "") {
  return kernel_set(Registration{name, DType::f32, kIsa, "TT>T", params, &run_same_type<GradOf<Op>, 2, float>},
                    Registration{name, DType::f64, kIsa, "TT>T", params, &run_same_type<GradOf<Op>, 2, double>});
}

}  // namespace chainrule::CR_ISA
