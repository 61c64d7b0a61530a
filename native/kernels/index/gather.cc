// y[..., k, ...] = x[..., index[..., k, ...], ...]. An index that is constant along the row (embedding, indexSelect: stride 0) copies runs.
#include "kernels/elementwise/tile_copy.h"
#include "kernels/index/lines.h"

namespace chainrule::CR_ISA {

template <class T>
CR_INLINE void gather_run(T* y, int64_t sy, const T* x, int64_t sx, int64_t row, int64_t n) {
  const T* from = x + row;
  if (sy == 1) return pack_run(y, from, sx, n);
  for (int64_t i = 0; i < n; ++i) y[i * sy] = from[i * sx];
}

/// y[i] = x[i, position[i]], positions checked.
template <class T, class I>
CR_INLINE void gather_each(T* y, int64_t sy, const T* x, int64_t sx, int64_t step, const I* position, int64_t si, int64_t n) {
  if (sy == 1 && si == 1 && sx == 0 && step == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = x[position[i]];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * sy] = x[i * sx + position[i * si] * step];
  }
}

template <class T, class I>
void gather_typed(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &index = args.in[1], &y = args.out[0];
  const int32_t axis = axis_param(x, args.params[0]);
  CR_CHECK(x.rank == y.rank && index.rank == y.rank);
  TensorView rest = x;  // x without the axis, in y's shape
  for (int32_t d = 0; d < y.rank; ++d) {
    CR_CHECK(index.shape[d] == y.shape[d] && (d == axis || y.shape[d] <= x.shape[d]));
    rest.shape[d] = y.shape[d];
  }
  rest.strides[axis] = 0;
  const int64_t size = x.shape[axis], step = x.strides[axis];
  const auto loop = make_loop<3>({&y, &index, &rest});
  const int32_t last = loop.rank - 1;
  const int64_t sy = loop.strides[0][last], si = loop.strides[1][last], sx = loop.strides[2][last];
  T* to = static_cast<T*>(y.data);
  const I* positions = static_cast<const I*>(index.data);
  const T* from = static_cast<const T*>(x.data);
  parallel_even(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    int64_t at = begin;
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      const I* p = positions + offsets[1];
      T* row = to + offsets[0];
      const T* source = from + offsets[2];
      if (si == 0) {
        check_positions(p, 0, 1, size, [&](int64_t k, int64_t) { fail_index(k, axis, size, own_number(index, at)); });
        gather_run(row, sy, source, sx, p[0] * step, n);
      } else {
        for (int64_t done = 0; done < n; done += kTile) {
          const int64_t count = n - done < kTile ? n - done : kTile;
          check_positions(p + done * si, si, count, size,
                          [&](int64_t k, int64_t i) { fail_index(k, axis, size, own_number(index, at + done + i)); });
          gather_each(row + done * sy, sy, source + done * sx, sx, step, p + done * si, si, count);
        }
      }
      at += n;
    });
  });
}

template <class T>
void gather(Context& ctx, const Args& args) {
  with_index_type(args.in[1].dtype, [&](auto i) { gather_typed<T, decltype(i)>(ctx, args); });
}

CR_REGISTER(gather, (kernel_set(Registration{"gather", DType::f32, kIsa, "TI>T", "axis", &gather<uint32_t>},
                                Registration{"gather", DType::f64, kIsa, "TI>T", "axis", &gather<uint64_t>},
                                Registration{"gather", DType::i32, kIsa, "TI>T", "axis", &gather<uint32_t>},
                                Registration{"gather", DType::i64, kIsa, "TI>T", "axis", &gather<uint64_t>},
                                Registration{"gather", DType::u8, kIsa, "TI>T", "axis", &gather<uint8_t>},
                                Registration{"gather", DType::boolean, kIsa, "TI>T", "axis", &gather<uint8_t>})));

}  // namespace chainrule::CR_ISA
