#pragma once
// Kernels of two inputs: f(V, V) -> V, for the element types listed by the kernel.
#include "kernels/elementwise/half.h"

namespace chainrule::CR_ISA {

/// Registrations of Op, over vectors, for each T, and for bf16 and f16 where f32 is among them.
template <class Op, class... T>
constexpr auto binary_kernels(const char* name, const char* params = "") {
  if constexpr (kHasFloat<T...>) {
    return with_halves_of<Op, 2>(name, "TT>T", params, Registration{name, kDTypeOf<T>, kIsa, "TT>T", params, &run_same_type<Op, 2, T>}...);
  } else {
    return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "TT>T", params, &run_same_type<Op, 2, T>}...);
  }
}

/// Row function of an op that works on one element at a time (integer division and the like).
template <class Op, class T>
void scalar_row(void* y, const void* const* x, int64_t n, const double*, RowHints) {
  T* out = static_cast<T*>(y);
  const T* a = static_cast<const T*>(x[0]);
  const T* b = static_cast<const T*>(x[1]);
  for (int64_t i = 0; i < n; ++i) out[i] = Op::f(a[i], b[i]);
}

template <class Op, class T>
void run_scalar(Context& ctx, const Args& args) {
  map_rows(ctx, args, &scalar_row<Op, T>);
}

/// Registrations of Op, over single elements, for each T.
template <class Op, class... T>
constexpr auto scalar_kernels(const char* name) {
  if constexpr (kHasFloat<T...>) {
    return with_halves<&scalar_row<Op, float>>(name, "TT>T", "", Registration{name, kDTypeOf<T>, kIsa, "TT>T", "", &run_scalar<Op, T>}...);
  } else {
    return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "TT>T", "", &run_scalar<Op, T>}...);
  }
}

}  // namespace chainrule::CR_ISA
