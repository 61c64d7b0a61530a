#pragma once
// What kernels ask of views.
#include "core/error.h"
#include "core/view.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

CR_INLINE int64_t element_count(const TensorView& view) {
  int64_t count = 1;
  for (int32_t d = 0; d < view.rank; ++d) count *= view.shape[d];
  return count;
}

CR_INLINE bool is_contiguous(const TensorView& view) {
  int64_t expected = 1;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    if (view.shape[d] != 1 && view.strides[d] != expected) return false;
    expected *= view.shape[d];
  }
  return true;
}

/// A vector [n] of any stride, contiguous: itself or a copy.
template <class T>
CR_INLINE const T* contiguous_vector(Context& ctx, const TensorView& view, int64_t n) {
  CR_CHECK(view.rank == 1 && view.shape[0] == n);
  const T* x = static_cast<const T*>(view.data);
  if (view.strides[0] == 1) return x;
  T* copy = scratch<T>(ctx, n);
  for (int64_t i = 0; i < n; ++i) copy[i] = x[i * view.strides[0]];
  return copy;
}

}  // namespace chainrule::CR_ISA
