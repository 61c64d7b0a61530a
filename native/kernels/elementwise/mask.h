#pragma once
// Kernels whose result is a bool: comparisons, logic, classification. Op::f gives a comparison's mask (0 or -1 in each lane).
#include "kernels/elementwise/half.h"
#include "simd/low_bytes.h"

namespace chainrule::CR_ISA {

/// One byte for each lane of a Vec<T>.
template <class T>
using LaneBytes = typename VecType<int8_t, kLanes<T>>::type;

/// A mask as bytes 0 or 1.
template <class T>
CR_INLINE LaneBytes<T> mask_bytes(IntVec<Vec<T>> mask) {
  return low_bytes<LaneBytes<T>>(mask) & 1;
}

template <class Op, int Inputs, class T>
void mask_row(void* y, const void* const* x, int64_t n, const double*, RowHints) {
  uint8_t* out = static_cast<uint8_t*>(y);
  const T* a = static_cast<const T*>(x[0]);
  const T* b = static_cast<const T*>(x[Inputs > 1 ? 1 : 0]);
  for (int64_t i = 0; i < n; i += kLanes<T>) {
    LaneBytes<T> bytes;
    if constexpr (Inputs == 1) bytes = mask_bytes<T>(Op::f(load_up_to(a + i, n - i)));
    if constexpr (Inputs == 2) bytes = mask_bytes<T>(Op::f(load_up_to(a + i, n - i), load_up_to(b + i, n - i)));
    if (n - i >= kLanes<T>) {
      std::memcpy(out + i, &bytes, sizeof bytes);
    } else {
      std::memcpy(out + i, &bytes, static_cast<size_t>(n - i));
    }
  }
}

template <class Op, int Inputs, class T>
void run_mask(Context& ctx, const Args& args) {
  map_rows(ctx, args, &mask_row<Op, Inputs, Stored<T>>);
}

template <class Op, int Inputs, class... T>
constexpr auto mask_kernels_of(const char* name) {
  constexpr const char* signature = Inputs == 1 ? "T>b" : "TT>b";
  return with_halves<&mask_row<Op, Inputs, float>>(name, signature, "",
                                                   Registration{name, kDTypeOf<T>, kIsa, signature, "", &run_mask<Op, Inputs, T>}...);
}
/// Registrations of Op for every element type.
template <class Op, int Inputs>
constexpr auto mask_kernels(const char* name) {
  return mask_kernels_of<Op, Inputs, float, double, int32_t, int64_t, uint8_t, bool>(name);
}

}  // namespace chainrule::CR_ISA
