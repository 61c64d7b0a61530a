// y = x, and then, for k in order: y[..., index[..., k, ...], ...] += (or =) source[..., k, ...]. Elements that meet lie on one line along
// the axis, and a line is one thread's work: the order of additions, and so every bit of the result, does not depend on threads.
#include "kernels/index/lines.h"
#include "kernels/index/scatter_rows.h"

namespace chainrule::CR_ISA {

struct AddTo {
  template <class T>
  static void put(T& y, T value) {
    y = static_cast<T>(y + value);
  }
  template <class T>
  static void row(T* y, const T* source, int64_t n) {
    const T* sources[] = {source};
    sum_rows<T, false>(y, y, T{}, sources, 1, n);
  }
};
struct Overwrite {
  template <class T>
  static void put(T& y, T value) {
    y = value;
  }
  template <class T>
  static void row(T* y, const T* source, int64_t n) {
    copy_contiguous(y, source, n);
  }
};

template <class Op>
inline constexpr bool kAdds = false;
template <>
inline constexpr bool kAdds<AddTo> = true;

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
      if (sy == 1) return pack_run(to, from, sx, n);
      for (int64_t i = 0; i < n; ++i) to[i * sy] = from[i * sx];
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

/// The operands of one call, their relations checked.
template <class T, class I>
struct Scatter {
  const TensorView &x, &index, &source, &y;
  int32_t axis;
  int64_t skip;  // position that is left out, INT64_MIN for none

  [[nodiscard]] int64_t size() const { return y.shape[axis]; }
  [[nodiscard]] int64_t count() const { return index.shape[axis]; }
  /// The starts of a view's lines along the axis, as far as index reaches.
  [[nodiscard]] TensorView lines_of(const TensorView& view) const {
    TensorView lines = without_axis(view, axis);
    for (int32_t d = 0; d < view.rank; ++d) lines.shape[d] = d == axis ? 1 : index.shape[d];
    return lines;
  }
  [[noreturn]] void fail_at(int64_t position, int64_t line, int64_t k) const {
    fail_index(position, axis, size(), element_number(index, axis, line, k));
  }
};

/// Whether every line of y is reached, so that x can be copied line by line on the way.
template <class T, class I>
CR_INLINE bool reaches_all(const Scatter<T, I>& s) {
  for (int32_t d = 0; d < s.y.rank; ++d) {
    if (d != s.axis && s.index.shape[d] != s.y.shape[d]) return false;
  }
  return true;
}

/// y's lines of `size` elements from x's, which follow each other as they do in y or are one element (`single`).
template <class T>
CR_INLINE void start_lines(T* to, const T* x, bool single, int64_t n) {
  if (single) return fill_run(to, *x, n);
  copy_contiguous(to, x, n);
}

/// One position for each of n lines of `size` elements that follow each other, checked.
template <class Op, class T, class I>
CR_INLINE void scatter_ones(T* y, int64_t size, const I* position, int64_t si, const T* source, int64_t sx, int64_t n, int64_t skip) {
  for (int64_t i = 0; i < n; ++i, y += size) {
    const int64_t k = position[i * si];
    if (k != skip) Op::put(y[k], source[i * sx]);
  }
}

/// Lines along the axis that follow each other in y, and in x (or x is one element): as many as L1 holds are copied at once, and added to.
template <class Op, class T, class I>
CR_INLINE void scatter_packed(Context& ctx, const Scatter<T, I>& s, const Loop<4>& loop, bool single) {
  constexpr int64_t piece_bytes = 8192;
  const int32_t last = loop.rank - 1;
  const int64_t size = s.size(), count = s.count(), si = s.index.strides[s.axis], from = s.source.strides[s.axis];
  const int64_t line = static_cast<int64_t>(sizeof(T)) * size, piece = line < piece_bytes ? piece_bytes / line : 1;
  const int64_t *step = loop.strides[0], *values_step = loop.strides[2];
  parallel_range(ctx, element_count(loop), line_grain(count + size), [&](int64_t begin, int64_t end) {
    int64_t first = begin;
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      for (int64_t done = 0, m; done < n; done += m) {
        m = n - done < piece ? n - done : piece;
        const I* positions = static_cast<const I*>(s.index.data) + offsets[0] + done * step[last];
        T* to = static_cast<T*>(s.y.data) + offsets[1] + done * size;
        const T* values = static_cast<const T*>(s.source.data) + offsets[2] + done * values_step[last];
        start_lines(to, static_cast<const T*>(s.x.data) + offsets[3] + (single ? 0 : done * size), single, m * size);
        if (count == 1) {
          check_positions(
              positions, step[last], m, size, [&](int64_t bad, int64_t i) { s.fail_at(bad, first + done + i, 0); }, s.skip);
          scatter_ones<Op>(to, size, positions, step[last], values, values_step[last], m, s.skip);
          continue;
        }
        for (int64_t i = 0; i < m; ++i, positions += step[last], values += values_step[last]) {
          check_positions(
              positions, si, count, size, [&](int64_t bad, int64_t k) { s.fail_at(bad, first + done + i, k); }, s.skip);
          scatter_line<Op>(to + i * size, 1, positions, si, values, from, count, s.skip);
        }
      }
      first += n;
    });
  });
}

/// Lines along the axis one by one, contiguous in y: each is copied from x and added to while it is in the cache.
template <class Op, class T, class I>
CR_INLINE void scatter_near(Context& ctx, const Scatter<T, I>& s, bool copied) {
  const TensorView rest[4] = {s.lines_of(s.index), s.lines_of(s.y), s.lines_of(s.source), s.lines_of(s.x)};
  const auto loop = make_loop<4>({&rest[0], &rest[1], &rest[2], &rest[3]});
  const int32_t last = loop.rank - 1;
  const int64_t size = s.size(), count = s.count(), si = s.index.strides[s.axis], sx = s.x.strides[s.axis];
  const int64_t sy = s.y.strides[s.axis], from = s.source.strides[s.axis];
  const bool single = sx == 0 && loop.strides[3][last] == 0, follow = sx == 1 && loop.strides[3][last] == size;
  if (!copied && loop.strides[1][last] == size && (single || follow)) return scatter_packed<Op>(ctx, s, loop, single);
  parallel_range(ctx, element_count(loop), line_grain(count + (copied ? 0 : size)), [&](int64_t begin, int64_t end) {
    int64_t first = begin;
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const I* positions = static_cast<const I*>(s.index.data) + offsets[0] + i * loop.strides[0][last];
        T* to = static_cast<T*>(s.y.data) + offsets[1] + i * loop.strides[1][last];
        const T* values = static_cast<const T*>(s.source.data) + offsets[2] + i * loop.strides[2][last];
        if (!copied) pack_run(to, static_cast<const T*>(s.x.data) + offsets[3] + i * loop.strides[3][last], sx, size);
        check_positions(
            positions, si, count, size, [&](int64_t bad, int64_t k) { s.fail_at(bad, first + i, k); }, s.skip);
        scatter_line<Op>(to, sy, positions, si, values, from, count, s.skip);
      }
      first += n;
    });
  });
}

/// Lines that lie side by side, a position after the other.
template <class Op, class T, class I>
CR_INLINE void scatter_across(Context& ctx, const Scatter<T, I>& s) {
  const TensorView rest[3] = {s.lines_of(s.index), s.lines_of(s.y), s.lines_of(s.source)};
  const auto loop = make_loop<3>({&rest[0], &rest[1], &rest[2]});
  const int32_t last = loop.rank - 1;
  const int64_t size = s.size(), count = s.count();
  parallel_range(ctx, element_count(loop), line_grain(count), [&](int64_t begin, int64_t end) {
    int64_t first = begin;
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      const LineBlock<const I> at{static_cast<const I*>(s.index.data) + offsets[0], loop.strides[0][last], s.index.strides[s.axis]};
      const LineBlock<T> to{static_cast<T*>(s.y.data) + offsets[1], loop.strides[1][last], s.y.strides[s.axis]};
      const LineBlock<const T> from{static_cast<const T*>(s.source.data) + offsets[2], loop.strides[2][last], s.source.strides[s.axis]};
      const bool whole_rows = at.line == 0 && to.line == 1 && from.line == 1;
      for (int64_t k = 0; k < count; ++k) {
        for (int64_t i = 0; i < n; ++i) {
          const int64_t position = at.data[k * at.along + i * at.line];
          if (position == s.skip) continue;
          if (static_cast<uint64_t>(position) >= static_cast<uint64_t>(size)) s.fail_at(position, first + i, k);
          if (whole_rows) {
            Op::row(to.data + position * to.along, from.data + k * from.along, n);
            break;
          }
          Op::put(to.data[i * to.line + position * to.along], from.data[k * from.along + i * from.line]);
        }
      }
      first += n;
    });
  });
}

inline constexpr int64_t kShortestRow = 16;  // elements; buckets for shorter ones cost more than they save

/// Adds whole rows when each position names one: the index is constant along all other axes, and rows are contiguous everywhere.
template <class T, class I>
CR_INLINE bool scatter_by_rows(Context& ctx, const Scatter<T, I>& s) {
  const TensorView rest[4] = {s.lines_of(s.index), s.lines_of(s.y), s.lines_of(s.source), s.lines_of(s.x)};
  if (!reaches_all(s)) return false;
  const auto loop = make_loop<4>({&rest[0], &rest[1], &rest[2], &rest[3]});
  const int64_t n = element_count(loop), size = s.size(), count = s.count();
  if (loop.rank != 1 || n < kShortestRow || loop.strides[0][0] != 0 || loop.strides[1][0] != 1 || loop.strides[2][0] != 1) return false;
  const bool single = loop.strides[3][0] == 0 && s.x.strides[s.axis] == 0;
  if ((!single && loop.strides[3][0] != 1) || s.y.strides[s.axis] != n || size > INT32_MAX || count > INT32_MAX) return false;
  const I* positions = static_cast<const I*>(s.index.data);
  const int64_t si = s.index.strides[s.axis];
  check_positions(
      positions, si, count, size, [&](int64_t bad, int64_t k) { s.fail_at(bad, 0, k); }, s.skip);
  scatter_rows<T>(ctx, static_cast<T*>(s.y.data), {static_cast<const T*>(s.x.data), s.x.strides[s.axis], single},
                  {static_cast<const T*>(s.source.data), s.source.strides[s.axis], false},
                  make_buckets(ctx, positions, si, count, size, s.skip), size, n);
  return true;
}

template <class Op, class T, class I>
void scatter_typed(Context& ctx, const Args& args) {
  // A negative number to skip means none: never an index that is skipped by mistake.
  const int64_t skip = args.params[1] < 0 ? INT64_MIN : static_cast<int64_t>(args.params[1]);
  const Scatter<T, I> s{args.in[0], args.in[1], args.in[2], args.out[0], axis_param(args.out[0], args.params[0]), skip};
  CR_CHECK(s.index.rank == s.y.rank && s.source.rank == s.y.rank && s.x.rank == s.y.rank);
  for (int32_t d = 0; d < s.y.rank; ++d) {
    CR_CHECK(s.source.shape[d] == s.index.shape[d] && s.x.shape[d] == s.y.shape[d] && (d == s.axis || s.index.shape[d] <= s.y.shape[d]));
  }
  if constexpr (kAdds<Op>) {
    if (scatter_by_rows(ctx, s)) return;
  }
  int64_t nearest = INT64_MAX;  // step from line to line
  for (int32_t d = 0; d < s.y.rank; ++d) {
    if (d != s.axis && s.index.shape[d] > 1 && s.y.strides[d] < nearest) nearest = s.y.strides[d];
  }
  const bool near = s.y.strides[s.axis] <= nearest,
             fused = near && s.y.strides[s.axis] == 1 && s.size() <= kGrainElements && reaches_all(s);
  if (!fused) copy_all<T>(ctx, s.y, s.x);
  if (near) return scatter_near<Op>(ctx, s, !fused);
  scatter_across<Op>(ctx, s);
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
