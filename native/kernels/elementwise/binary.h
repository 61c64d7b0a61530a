#pragma once
// Kernels of two inputs: f(V, V) -> V, for the element types listed by the kernel.
#include "kernels/elementwise/loops.h"

namespace chainrule::CR_ISA {

/// y[0..count) = Op::f(a, b) on contiguous data: whole vectors, then a padded one.
template <class Op, class T>
CR_INLINE void binary_row(const T* a, const T* b, T* y, int64_t count) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(y + i, Op::f(load(a + i), load(b + i)));
  if (i < count) store_partial(y + i, Op::f(load_partial(a + i, count - i), load_partial(b + i, count - i)), count - i);
}

template <class Op, class T>
void run_binary(Context& ctx, const Args& args) {
  const auto loop = make_loop<3>({&args.out[0], &args.in[0], &args.in[1]});
  T* y = static_cast<T*>(args.out[0].data);
  const T* a = static_cast<const T*>(args.in[0].data);
  const T* b = static_cast<const T*>(args.in[1].data);
  const int64_t *sy = loop.strides[0], *sa = loop.strides[1], *sb = loop.strides[2];
  const int32_t last = loop.rank - 1;
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      if (sy[last] == 1 && sa[last] == 1 && sb[last] == 1) return binary_row<Op>(a + offsets[1], b + offsets[2], y + offsets[0], count);
      T tile_a[kTile], tile_b[kTile], tile_y[kTile];
      for (int64_t done = 0; done < count; done += kTile) {
        const int64_t n = count - done < kTile ? count - done : kTile;
        T* to = y + offsets[0] + done * sy[last];
        T* result = sy[last] == 1 ? to : tile_y;
        binary_row<Op>(as_contiguous(a + offsets[1] + done * sa[last], sa[last], n, tile_a),
                       as_contiguous(b + offsets[2] + done * sb[last], sb[last], n, tile_b), result, n);
        if (result != to) {
          for (int64_t i = 0; i < n; ++i) to[i * sy[last]] = result[i];
        }
      }
    });
  });
}

/// Registrations of Op for each T.
template <class Op, class... T>
constexpr auto binary_kernels(const char* name) {
  return kernel_set(Registration{name, kDTypeOf<T>, kIsa, "TT>T", "", &run_binary<Op, T>}...);
}

}  // namespace chainrule::CR_ISA
