#include "kernels/elementwise/mask.h"

namespace chainrule::CR_ISA {

/// -1 in the lanes whose byte is not 0.
template <class T>
CR_INLINE IntVec<Vec<T>> mask_lanes(LaneBytes<T> bytes) {
  if constexpr (sizeof(T) == 1) {
    return bytes != 0;
  } else {
    return widen<sizeof(T)>(bytes) != 0;
  }
}

/// condition ? a : b; nothing is computed, so any bits pass unchanged.
template <class T>
void where_row(void* y, const void* const* x, int64_t n, const double*, RowHints hints) {
  T* out = static_cast<T*>(y);
  const uint8_t* condition = static_cast<const uint8_t*>(x[0]);
  const T* a = static_cast<const T*>(x[1]);
  const T* b = static_cast<const T*>(x[2]);
  const bool aligned = to_next_vector(out, 1) == 0;
  for (int64_t i = 0; i < n; i += kLanes<T>) {
    LaneBytes<T> bytes = {};
    if (n - i >= kLanes<T>) {
      std::memcpy(&bytes, condition + i, sizeof bytes);
    } else {
      std::memcpy(&bytes, condition + i, static_cast<size_t>(n - i));
    }
    const auto mask = mask_lanes<T>(bytes);
    const Vec<T> chosen = mask ? load_up_to(a + i, n - i) : load_up_to(b + i, n - i);
    if (hints.streamed && aligned && n - i >= kLanes<T>) {
      stream_store(out + i, chosen);
    } else {
      store_up_to(out + i, chosen, n - i);
    }
  }
}

template <class T>
void run_where(Context& ctx, const Args& args) {
  map_rows(ctx, args, &where_row<Stored<T>>);
}

template <class... T>
constexpr auto where_kernels() {
  return with_halves<&where_row<float>>("where", "bTT>T", "", Registration{"where", kDTypeOf<T>, kIsa, "bTT>T", "", &run_where<T>}...);
}
CR_REGISTER(where, (where_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
