// Sums of all elements up to and including each, along an axis; f32 is accumulated in f64, as rounding errors would pile up along the line.
#include "kernels/index/lines.h"
#include "simd/transpose.h"

namespace chainrule::CR_ISA {

template <class T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<float> {
  using type = double;
};
template <>
struct Accumulator<int32_t> {
  using type = uint32_t;  // wraps around, as a sum of integers does
};
template <>
struct Accumulator<int64_t> {
  using type = uint64_t;
};

/// to = sums += from, for n lines side by side.
template <class T, class A>
CR_INLINE void add_side_by_side(A* sums, const T* from, T* to, int64_t n) {
  constexpr int64_t lanes = kLanes<A>;
  typedef typename VecType<T, lanes* static_cast<int>(sizeof(T))>::type Part;  // as many T as a register has A
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Part part;
    std::memcpy(&part, from + i, sizeof part);
    const Vec<A> sum = load(sums + i) + __builtin_convertvector(part, Vec<A>);
    store(sums + i, sum);
    part = __builtin_convertvector(sum, Part);
    std::memcpy(to + i, &part, sizeof part);
  }
  for (; i < n; ++i) to[i] = static_cast<T>(sums[i] += static_cast<A>(from[i]));
}

inline constexpr int64_t kLineTile = 128;  // lines that lie side by side
inline constexpr int kFewLines = 4;        // lines far from each other: more of them could share a set of the cache

/// Steps between lines and along them.
struct Steps {
  int64_t line, along;
};

/// `Lines` lines at once, their sums in registers: each addition waits for the one before it on its line only.
template <class A, int Lines, class T>
CR_INLINE void sum_lines(const T* from, Steps x, T* to, Steps y, int64_t size) {
  A sums[Lines] = {};
  for (int64_t k = 0; k < size; ++k) {
#pragma GCC unroll 4
    for (int i = 0; i < Lines; ++i)
      to[k * y.along + i * y.line] = static_cast<T>(sums[i] += static_cast<A>(from[k * x.along + i * x.line]));
  }
}

/// The I-th part of a vector as a vector of A: all of it where both have one width, one half where A is twice as wide.
template <class A, int I, class V, int... K>
CR_INLINE auto part_of(V v, std::integer_sequence<int, K...>) {
  return __builtin_convertvector(__builtin_shufflevector(v, v, (I * kLanes<A> + K)...), Vec<A>);
}
template <class T, class A, int... K>
CR_INLINE Vec<T> whole_of(const Vec<A>* part, std::integer_sequence<int, K...>) {
  typedef typename VecType<T, kLanes<A>* static_cast<int>(sizeof(T))>::type Part;
  if constexpr (sizeof(A) == sizeof(T)) return __builtin_convertvector(part[0], Vec<T>);
  return __builtin_shufflevector(__builtin_convertvector(part[0], Part), __builtin_convertvector(part[kLanes<T> / kLanes<A> - 1], Part),
                                 K...);
}

/// As sum_lines for kLanes<T> lines that are contiguous: squares are transposed in registers, so that the lines lie side by side. The order
/// of additions is the line's own. `Step` is 1, or -1 when sums begin at the last element; x and y point to where they begin.
template <class A, int Step, class T>
void sum_contiguous(const T* x, int64_t sx, T* y, int64_t sy, int64_t size) {
  constexpr int64_t lanes = kLanes<T>;
  constexpr int parts = kLanes<T> / kLanes<A>;
  constexpr auto in_part = std::make_integer_sequence<int, kLanes<A>>{};
  Vec<A> sum[parts] = {};
  int64_t k = 0;
  for (; k + lanes <= size; k += lanes) {
    const int64_t low = Step > 0 ? k : -(k + lanes - 1);
    Vec<T> square[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) square[i] = load(x + i * sx + low);
    transpose_square(square);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      Vec<T>& column = square[Step > 0 ? i : lanes - 1 - i];
      sum[0] = sum[0] + part_of<A, 0>(column, in_part);
      if constexpr (parts == 2) sum[1] = sum[1] + part_of<A, 1>(column, in_part);
      column = whole_of<T, A>(sum, std::make_integer_sequence<int, lanes>{});
    }
    transpose_square(square);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) store(y + i * sy + low, square[i]);
  }
  A rest[lanes];
  std::memcpy(rest, sum, sizeof sum);
  for (; k < size; ++k) {
    for (int i = 0; i < lanes; ++i) y[i * sy + Step * k] = static_cast<T>(rest[i] += static_cast<A>(x[i * sx + Step * k]));
  }
}

template <class T>
void cumsum(Context& ctx, const Args& args) {
  using A = typename Accumulator<T>::type;
  const TensorView &x = args.in[0], &y = args.out[0];
  const int32_t axis = axis_param(x, args.params[0]);
  const bool reverse = args.params[1] != 0;
  CR_CHECK(x.rank == y.rank && x.shape[axis] == y.shape[axis]);
  const TensorView rest[2] = {without_axis(y, axis), without_axis(x, axis)};
  const auto loop = make_loop<2>({&rest[0], &rest[1]});
  const int64_t size = x.shape[axis], direction = reverse ? -1 : 1, start = reverse ? size - 1 : 0;
  const Steps sy{loop.strides[0][loop.rank - 1], y.strides[axis] * direction},
      sx{loop.strides[1][loop.rank - 1], x.strides[axis] * direction};
  const bool side_by_side = sy.line == 1 && sx.line == 1 && element_count(loop) > 1 && sx.along != 1 && sx.along != -1;
  const bool along_lines = sx.along == direction && sy.along == direction;
  parallel_range(ctx, element_count(loop), line_grain(2 * size), [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      const T* from = static_cast<const T*>(x.data) + offsets[1] + start * x.strides[axis];
      T* to = static_cast<T*>(y.data) + offsets[0] + start * y.strides[axis];
      int64_t done = 0;
      for (; side_by_side && done < count; done += kLineTile) {
        A sums[kLineTile] = {};
        const int64_t n = count - done < kLineTile ? count - done : kLineTile;
        for (int64_t k = 0; k < size; ++k) add_side_by_side(sums, from + done + k * sx.along, to + done + k * sy.along, n);
      }
      for (; along_lines && done + kLanes<T> <= count; done += kLanes<T>) {
        const auto sum = reverse ? &sum_contiguous<A, -1, T> : &sum_contiguous<A, 1, T>;
        sum(from + done * sx.line, sx.line, to + done * sy.line, sy.line, size);
      }
      for (; done + kFewLines <= count; done += kFewLines)
        sum_lines<A, kFewLines>(from + done * sx.line, sx, to + done * sy.line, sy, size);
      for (; done < count; ++done) sum_lines<A, 1>(from + done * sx.line, sx, to + done * sy.line, sy, size);
    });
  });
}

template <class... T>
constexpr auto cumsum_kernels() {
  return kernel_set(Registration{"cumsum", kDTypeOf<T>, kIsa, "T>T", "axis,reverse", &cumsum<T>}...);
}
CR_REGISTER(cumsum, (cumsum_kernels<float, double, int32_t, int64_t>()));

}  // namespace chainrule::CR_ISA
