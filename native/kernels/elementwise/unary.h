#pragma once
// Kernels of one input. An op is a struct: `f(V x)` or `f(V x, const double* params)`, over vectors of each element type it is registered
// for; a fused gradient is `grad(V g, V saved)` or `grad(V g, V saved, const double* params)`.
#include "kernels/elementwise/half.h"

namespace chainrule::CR_ISA {

/// Registrations of Op::f for each T, and for bf16 and f16 where f32 is among them.
template <class Op, class... T>
constexpr auto unary_kernels(const char* name, const char* params = "") {
  if constexpr (kHasFloat<T...>) {
    return with_halves_of<Op, 1>(name, "T>T", params, Registration{name, kDTypeOf<T>, kIsa, "T>T", params, &run_same_type<Op, 1, T>}...);
  } else {
    return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "T>T", params, &run_same_type<Op, 1, T>}...);
  }
}

/// Op::grad in the place of f.
template <class Op>
struct GradOf {
  static constexpr int kParams = kParamsOf<Op>;
  template <class V>
  CR_INLINE V f(V g, V saved) {
    return Op::grad(g, saved);
  }
  template <class V>
  requires(kParams > 0) CR_INLINE V f(V g, V saved, const double* params) { return Op::grad(g, saved, params); }
};

/// Registrations of Op::grad for the floating types: inputs g and the tensor that the op saved (x or y).
template <class Op>
constexpr auto grad_kernels(const char* name, const char* params = "") {
  return with_halves<&same_type_row<GradOf<Op>, 2, float>>(
      name, "TT>T", params, Registration{name, DType::f32, kIsa, "TT>T", params, &run_same_type<GradOf<Op>, 2, float>},
      Registration{name, DType::f64, kIsa, "TT>T", params, &run_same_type<GradOf<Op>, 2, double>});
}

}  // namespace chainrule::CR_ISA
