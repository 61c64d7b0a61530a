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

/// condition ? a : b, of whole vectors.
template <class T>
CR_INLINE Vec<T> choose(const uint8_t* condition, const T* a, const T* b) {
  LaneBytes<T> bytes;
  std::memcpy(&bytes, condition, sizeof bytes);
  return mask_lanes<T>(bytes) ? load(a) : load(b);
}

/// condition ? a : b; nothing is computed, so any bits pass unchanged.
template <class T>
void where_row(void* y, const void* const* x, int64_t n, const double*, RowHints hints) {
  T* out = static_cast<T*>(y);
  const uint8_t* condition = static_cast<const uint8_t*>(x[0]);
  const T* a = static_cast<const T*>(x[1]);
  const T* b = static_cast<const T*>(x[2]);
  int64_t i = 0;
  if (hints.streamed && to_next_vector(out, 1) == 0) {
    for (; i + kLanes<T> <= n; i += kLanes<T>) stream_store(out + i, choose(condition + i, a + i, b + i));
  } else {
    for (; i + kLanes<T> <= n; i += kLanes<T>) store(out + i, choose(condition + i, a + i, b + i));
  }
  if (i == n) return;
  LaneBytes<T> bytes = {};
  std::memcpy(&bytes, condition + i, static_cast<size_t>(n - i));
  store_up_to(out + i, mask_lanes<T>(bytes) ? load_up_to(a + i, n - i) : load_up_to(b + i, n - i), n - i);
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
