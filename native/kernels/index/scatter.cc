// y = x, and then, for k in order: y[..., index[..., k, ...], ...] += (or =) source[..., k, ...]. Elements that meet lie on one line along
// the axis, and a line is one thread's work: the order of additions, and so every bit of the result, does not depend on threads.
#include "kernels/index/lines.h"

namespace chainrule::CR_ISA {

struct AddTo {
  template <class T>
  static void put(T& y, T value) {
    y = static_cast<T>(y + value);
  }
  template <class T>
  static void row(T* y, const T* source, int64_t n) {
    if constexpr (sizeof(T) >= 4) {
      for (; n >= kLanes<T>; n -= kLanes<T>, y += kLanes<T>, source += kLanes<T>) store(y, load(y) + load(source));
    }
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(y[i] + source[i]);
  }
};
struct Overwrite {
  template <class T>
  static void put(T& y, T value) {
    y = value;
  }
  template <class T>
  static void row(T* y, const T* source, int64_t n) {
    std::memcpy(y, source, static_cast<size_t>(n) * sizeof(T));
  }
};

/// A block of lines: where they start, and the steps from line to line and along the axis.
template <class T>
struct LineBlock {
  T* data;
  int64_t line, along;
};

template <class T>
CR_INLINE void copy_all(Context& ctx, const TensorView& y, const TensorView& x) {
  const auto loop = make_loop<2>({&y, &x});
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      T* to = static_cast<T*>(y.data) + offsets[0];
      const T* from = static_cast<const T*>(x.data) + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
      } else {
        for (int64_t i = 0; i < n; ++i) to[i * sy] = from[i * sx];
      }
    });
  });
}

/// One line, positions checked.
template <class Op, class T, class I>
CR_INLINE void scatter_line(T* y, int64_t sy, const I* position, int64_t si, const T* source, int64_t sx, int64_t n, int64_t skip) {
  if (skip < 0 && sy == 1 && si == 1 && sx == 1) {
    for (int64_t k = 0; k < n; ++k) Op::put(y[position[k]], source[k]);
    return;
  }
  for (int64_t k = 0; k < n; ++k) {
    if (position[k * si] != skip) Op::put(y[position[k * si] * sy], source[k * sx]);
  }
}

template <class Op, class T, class I>
void scatter_typed(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &index = args.in[1], &source = args.in[2], &y = args.out[0];
  const int32_t axis = axis_param(y, args.params[0]);
  const int64_t skip = args.params[1] < 0 ? INT64_MIN : static_cast<int64_t>(args.params[1]);  // never an index that is skipped by mistake
  CR_CHECK(index.rank == y.rank && source.rank == y.rank);
  TensorView lines = y;  // y in index's shape
  for (int32_t d = 0; d < y.rank; ++d) {
    CR_CHECK(source.shape[d] == index.shape[d] && (d == axis || index.shape[d] <= y.shape[d]));
    lines.shape[d] = index.shape[d];
  }
  copy_all<T>(ctx, y, x);
  const TensorView rest[3] = {without_axis(index, axis), without_axis(lines, axis), without_axis(source, axis)};
  const auto loop = make_loop<3>({&rest[0], &rest[1], &rest[2]});
  const int32_t last = loop.rank - 1;
  const int64_t size = y.shape[axis], count = index.shape[axis];
  const bool line_by_line = element_count(loop) == 1 || y.strides[axis] <= loop.strides[1][last];  // lines are near along the axis
  parallel_range(ctx, element_count(loop), line_grain(count), [&](int64_t begin, int64_t end) {
    int64_t first = begin;
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      const LineBlock<const I> at{static_cast<const I*>(index.data) + offsets[0], loop.strides[0][last], index.strides[axis]};
      const LineBlock<T> to{static_cast<T*>(y.data) + offsets[1], loop.strides[1][last], y.strides[axis]};
      const LineBlock<const T> from{static_cast<const T*>(source.data) + offsets[2], loop.strides[2][last], source.strides[axis]};
      const bool whole_rows = at.line == 0 && to.line == 1 && from.line == 1;
      if (!whole_rows && line_by_line) {
        for (int64_t i = 0; i < n; ++i) {
          const I* positions = at.data + i * at.line;
          check_positions(
              positions, at.along, count, size,
              [&](int64_t bad, int64_t k) { fail_index(bad, axis, size, element_number(index, axis, first + i, k)); }, skip);
          scatter_line<Op>(to.data + i * to.line, to.along, positions, at.along, from.data + i * from.line, from.along, count, skip);
        }
        first += n;
        return;
      }
      for (int64_t k = 0; k < count; ++k) {
        const I* positions = at.data + k * at.along;
        const T* values = from.data + k * from.along;
        for (int64_t i = 0; i < n; ++i) {
          const int64_t position = positions[i * at.line];
          if (position == skip) continue;
          if (static_cast<uint64_t>(position) >= static_cast<uint64_t>(size)) {
            fail_index(position, axis, size, element_number(index, axis, first + i, k));
          }
          if (whole_rows) {
            Op::row(to.data + position * to.along, values, n);
            break;
          }
          Op::put(to.data[i * to.line + position * to.along], values[i * from.line]);
        }
      }
      first += n;
    });
  });
}

template <class Op, class T>
void scatter(Context& ctx, const Args& args) {
  with_index_type(args.in[1].dtype, [&](auto i) { scatter_typed<Op, T, decltype(i)>(ctx, args); });
}

#define CR_SCATTER_PARAMS "axis,skip"
template <class... T>
constexpr auto scatter_add_kernels() {
  return kernel_set(Registration{"scatter_add", kDTypeOf<T>, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<AddTo, T>}...);
}
CR_REGISTER(scatter_add, (scatter_add_kernels<float, double, int32_t, int64_t, uint8_t>()));

CR_REGISTER(scatter, (kernel_set(Registration{"scatter", DType::f32, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint32_t>},
                                 Registration{"scatter", DType::f64, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint64_t>},
                                 Registration{"scatter", DType::i32, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint32_t>},
                                 Registration{"scatter", DType::i64, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint64_t>},
                                 Registration{"scatter", DType::u8, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint8_t>},
                                 Registration{"scatter", DType::boolean, kIsa, "TIT>T", CR_SCATTER_PARAMS, &scatter<Overwrite, uint8_t>})));

}  // namespace chainrule::CR_ISA
