#pragma once
// Elementwise kernels on bf16 and f16: the row function of f32, between tiles that are widened before and rounded after it.
#include "kernels/elementwise/map.h"

namespace chainrule::CR_ISA {

/// As map_rows, for a row function that has f32 wherever an operand is bf16 or f16. Compiled once per instruction set (half.cc).
void map_half_rows(Context& ctx, const Args& args, RowFn row);

template <RowFn row>
void run_half(Context& ctx, const Args& args) {
  map_half_rows(ctx, args, row);
}

/// The registrations `known`, and those of `row`, which is f32's, for bf16 and f16.
template <RowFn row, class... R>
constexpr auto with_halves(const char* name, const char* signature, const char* params, R... known) {
  return kernel_set(known..., Registration{name, DType::bf16, kIsa, signature, params, &run_half<row>},
                    Registration{name, DType::f16, kIsa, signature, params, &run_half<row>});
}

/// Whether f32 is among T.
template <class... T>
inline constexpr bool kHasFloat = ((kDTypeOf<T> == DType::f32) || ...);

}  // namespace chainrule::CR_ISA
