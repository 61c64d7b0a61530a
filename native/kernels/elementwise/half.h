#pragma once
// Elementwise kernels on bf16 and f16: the row function of f32, between tiles that are widened before and rounded after it; ops of a few
// instructions do so in registers.
#include "kernels/elementwise/map.h"
#include "simd/half.h"

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

// Whether bf16 goes by pairs. With AVX2 an addition takes 0.38 of the time; with AVX-512 it was not measured.
inline constexpr bool kInPairs = kVecBytes <= 32;

/// As many pairs as there are whole vectors of; how many numbers that are.
template <class Op, int Inputs>
CR_INLINE int64_t few_steps_pairs(uint16_t* y, const uint16_t* a, const uint16_t* b, int64_t n, const double* params) {
  constexpr int64_t numbers = 2 * kLanes<float>;
  const auto input = [](const uint16_t* from) __attribute__((always_inline)) {
    VI pairs;
    std::memcpy(&pairs, from, sizeof pairs);
    return widen_pairs(pairs);
  };
  int64_t i = 0;
  for (; i + numbers <= n; i += numbers) {
    const Bf16Pairs first = input(a + i);
    Bf16Pairs result;
    if constexpr (Inputs == 1) result = {apply<Op>(params, first.low), apply<Op>(params, first.high)};
    if constexpr (Inputs == 2) {
      const Bf16Pairs second = input(b + i);
      result = {apply<Op>(params, first.low, second.low), apply<Op>(params, first.high, second.high)};
    }
    store(y + i, narrow_pairs(result));
  }
  return i;
}

/// Row function of an op of a few instructions: widened, computed and rounded in registers.
template <class Op, int Inputs, DType kind>
void few_steps_row(void* y, const void* const* x, int64_t n, const double* params, RowHints) {
  constexpr int64_t lanes = kLanes<float>;
  const auto input = [x](int k) { return static_cast<const uint16_t*>(x[k]); };
  const uint16_t *a = input(0), *b = input(Inputs - 1);
  uint16_t* out = static_cast<uint16_t*>(y);
  const auto part = [=](int64_t i, size_t bytes) __attribute__((always_inline)) {
    Halves first = {}, second = {}, result;
    std::memcpy(&first, a + i, bytes);
    if constexpr (Inputs == 1) result = narrow<kind>(apply<Op>(params, widen<kind>(first)));
    if constexpr (Inputs == 2) {
      std::memcpy(&second, b + i, bytes);
      result = narrow<kind>(apply<Op>(params, widen<kind>(first), widen<kind>(second)));
    }
    std::memcpy(out + i, &result, bytes);
  };
  int64_t i = 0;
  if constexpr (kind == DType::bf16 && kInPairs) i = few_steps_pairs<Op, Inputs>(out, a, b, n, params);
  for (; i + lanes <= n; i += lanes) part(i, sizeof(Halves));
  if (i < n) part(i, static_cast<size_t>(n - i) * sizeof(uint16_t));
}
template <class Op, int Inputs, DType kind>
void run_few_steps(Context& ctx, const Args& args) {
  map_rows(ctx, args, &few_steps_row<Op, Inputs, kind>);
}

/// The registrations `known`, and those of Op for bf16 and f16, which is one of a few instructions if it says so by kFewSteps.
template <class Op, int Inputs, class... R>
constexpr auto with_halves_of(const char* name, const char* signature, const char* params, R... known) {
  if constexpr (requires { Op::kFewSteps; }) {
    return kernel_set(known..., Registration{name, DType::bf16, kIsa, signature, params, &run_few_steps<Op, Inputs, DType::bf16>},
                      Registration{name, DType::f16, kIsa, signature, params, &run_few_steps<Op, Inputs, DType::f16>});
  } else {
    return with_halves<&same_type_row<Op, Inputs, float>>(name, signature, params, known...);
  }
}

/// Whether f32 is among T.
template <class... T>
inline constexpr bool kHasFloat = ((kDTypeOf<T> == DType::f32) || ...);

}  // namespace chainrule::CR_ISA
