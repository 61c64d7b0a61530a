#pragma once
// The driver of all elementwise kernels: any strides and broadcasting, threads, and a row function that sees contiguous data only. It is
// compiled once per instruction set (map.cc); a kernel adds its row function and nothing else.
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// y[i] = f(x[0][i], x[1][i], ...) for i in 0..n-1; contiguous, n >= 1, element types as registered. Values must not depend on how the
/// elements are cut into rows.
using RowFn = void (*)(void* y, const void* const* x, int64_t n, const double* params);

/// Runs `row` over out[0] and up to three inputs broadcast to its shape. Operands that are not contiguous go through tiles in L1.
void map_rows(Context& ctx, const Args& args, RowFn row);

/// What a tensor of T holds in memory: a bool is a byte, 0 or 1.
template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<bool> {
  using type = uint8_t;
};
template <class T>
using Stored = typename StoredAs<T>::type;

/// n lanes from p: a whole vector, or a padded one at the end.
template <class T>
CR_INLINE Vec<T> load_up_to(const T* p, int64_t n) {
  return n >= kLanes<T> ? load(p) : load_partial(p, n);
}
template <class V, class T>
CR_INLINE void store_up_to(T* p, V v, int64_t n) {
  if (n >= kLanes<T>) return store(p, v);
  store_partial(p, v, n);
}

/// Op::f(x...) or, for ops with parameters, Op::f(x..., params).
template <class Op, class... V>
CR_INLINE auto apply(const double* params, V... x) {
  if constexpr (requires { Op::f(x..., params); }) {
    return Op::f(x..., params);
  } else {
    return Op::f(x...);
  }
}

/// Row function of an op whose inputs and output are all T.
template <class Op, int Inputs, class T>
void same_type_row(void* y, const void* const* x, int64_t n, const double* params) {
  T* out = static_cast<T*>(y);
  const T* a = static_cast<const T*>(x[0]);
  const T* b = static_cast<const T*>(x[Inputs > 1 ? 1 : 0]);
  for (int64_t i = 0; i < n; i += kLanes<T>) {
    const Vec<T> va = load_up_to(a + i, n - i);
    if constexpr (Inputs == 1) store_up_to(out + i, apply<Op>(params, va), n - i);
    if constexpr (Inputs == 2) store_up_to(out + i, apply<Op>(params, va, load_up_to(b + i, n - i)), n - i);
  }
}

template <class Op, int Inputs, class T>
void run_same_type(Context& ctx, const Args& args) {
  map_rows(ctx, args, &same_type_row<Op, Inputs, Stored<T>>);
}

}  // namespace chainrule::CR_ISA
