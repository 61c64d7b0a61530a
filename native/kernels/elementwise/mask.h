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

// Whether as many vectors as make one of bytes go together. With AVX2 comparisons, a number not spread over tiles, take 0.4 to 0.9 of the
// time.
inline constexpr bool kJoinedMasks = kVecBytes == 32;

template <class Op, int Inputs, class T>
void mask_row(void* y, const void* const* x, int64_t n, const double*, RowHints hints) {
  uint8_t* out = static_cast<uint8_t*>(y);
  const T *a = static_cast<const T*>(x[0]), *b = static_cast<const T*>(x[Inputs - 1]);
  const int64_t a_step = step_of<T>(hints, 0), b_step = step_of<T>(hints, Inputs - 1);
  const auto next = [&](int64_t count) __attribute__((always_inline)) {
    IntVec<Vec<T>> mask;
    if constexpr (Inputs == 1) mask = Op::f(load_up_to(a, count));
    if constexpr (Inputs == 2) mask = Op::f(load_up_to(a, count), load_up_to(b, count));
    a += a_step;
    b += b_step;
    return mask;
  };
  int64_t i = 0;
  if constexpr (kJoinedMasks && sizeof(T) > 1) {
    for (; i + kLanes<uint8_t> <= n; i += kLanes<uint8_t>) {
      IntVec<Vec<T>> masks[sizeof(T)];
#pragma GCC unroll 8
      for (auto& mask : masks) mask = next(kLanes<T>);
      store(out + i, joined_masks(masks) & 1);
    }
  }
  for (; i < n; i += kLanes<T>) {
    const LaneBytes<T> bytes = mask_bytes<T>(next(n - i));
    if (n - i >= kLanes<T>) {
      std::memcpy(out + i, &bytes, sizeof bytes);
    } else {
      std::memcpy(out + i, &bytes, static_cast<size_t>(n - i));
    }
  }
}

template <class Op, int Inputs, class T>
void run_mask(Context& ctx, const Args& args) {
  map_rows(ctx, args, &mask_row<Op, Inputs, Stored<T>>, Reads::numbers);
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
