#include "kernels/conv/thin_half.h"

#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

template <class T>
CR_INLINE void splat_taps(const TensorView& weight, int64_t channel, Vec<T> (&w)[9]) {
  const T* from = static_cast<const T*>(weight.data) + channel * weight.strides[0];
  for (int64_t i = 0; i < 9; ++i) w[i] = splat<Vec<T>>(from[i / 3 * weight.strides[2] + i % 3 * weight.strides[3]]);
}

/// A row of y from three rows of x, `width` long. Sums in the order of the taps; what lies outside counts as zeros.
template <class T>
CR_INLINE void halve_rows(const T* const (&rows)[3], int64_t width, const Vec<T> (&w)[9], const T* bias, T* to) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  V before[3] = {};  // odd columns of the vectors before
  const auto sum_at = [&](int64_t c, auto load_at) CR_INLINE_LAMBDA {
    V sum = {};
    CR_UNROLL for (int a = 0; a < 3; ++a) {
      const V low = load_at(rows[a], c), high = load_at(rows[a], c + lanes), odd = odds(low, high);
      sum = fma(w[3 * a], shift_in(before[a], odd), sum);
      sum = fma(w[3 * a + 1], evens(low, high), sum);
      sum = fma(w[3 * a + 2], odd, sum);
      before[a] = odd;
    }
    return bias == nullptr ? sum : sum + splat<V>(*bias);
  };
  int64_t c = 0;
  for (; c + 2 * lanes <= width; c += 2 * lanes, to += lanes) {
    store(to, sum_at(c, [](const T* row, int64_t at) CR_INLINE_LAMBDA { return load(row + at); }));
  }
  if (c == width) return;
  const auto part = [width](const T* row, int64_t at)
                        CR_INLINE_LAMBDA { return at < width ? load_some(row + at, min_of(lanes, width - at)) : V{}; };
  store_some(to, sum_at(c, part), (width - c + 1) / 2);
}

template <class T>
CR_INLINE void halve_planes(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                            const TensorView& y) {
  const int64_t size = s.h.out * s.w.out;
  const ThinPlanes<const T> from = thin_source<T>(ctx, x);
  T* zeros = scratch<T>(ctx, s.w.in);
  std::memset(zeros, 0, static_cast<size_t>(s.w.in) * sizeof(T));
  parallel_range(ctx, s.batch * s.groups, max_of(1, kUnitWork / max_of(1, 9 * size)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t channel = n % s.groups;
      Vec<T> w[9];
      splat_taps<T>(weight, channel, w);
      const T* plane = from.data + n / s.groups * from.image + channel * from.channel;
      const T* add = bias == nullptr ? nullptr : static_cast<const T*>(bias->data) + channel * bias->strides[0];
      const auto row = [&](int64_t i) { return i >= 0 && i < s.h.in ? plane + i * from.row : zeros; };
      for (int64_t r = 0; r < s.h.out; ++r) {
        const T* const rows[3] = {row(2 * r - 1), row(2 * r), row(2 * r + 1)};
        halve_rows(rows, s.w.in, w, add, static_cast<T*>(y.data) + n * size + r * s.w.out);
      }
    }
  });
}

void thin_half_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                       const TensorView& y) {
  if (y.dtype == DType::f32) return halve_planes<float>(ctx, s, x, weight, bias, y);
  halve_planes<double>(ctx, s, x, weight, bias, y);
}

/// Two rows of y's gradient, `cols` long, and the two rows of x's that they give.
template <class T>
struct HalfRows {
  const T *g, *below;
  int64_t cols;
  T *even, *odd;
  int64_t width;
};

/// to = a and b in turns, `count` > 0 elements of them.
template <class T>
CR_INLINE void store_turns(T* to, Vec<T> a, Vec<T> b, int64_t count) {
  store_some(to, zip_low(a, b), min_of(count, kLanes<T>));
  if (count > kLanes<T>) store_some(to + kLanes<T>, zip_high(a, b), count - kLanes<T>);
}

/// Sums in the order of the taps. What lies outside counts as zeros. Odd: whether x has the odd row.
template <bool Odd, class T>
CR_INLINE void spread_rows(const HalfRows<T>& p, const Vec<T> (&w)[9]) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>;
  const V zero = {};
  const auto write = [&](int64_t c, V g, V right, V below, V across, int64_t count) CR_INLINE_LAMBDA {
    store_turns(p.even + 2 * c, fma(w[4], g, zero), fma(w[5], g, fma(w[3], right, zero)), count);
    if constexpr (Odd) {
      const V last = fma(w[8], g, fma(w[6], right, fma(w[2], below, fma(w[0], across, zero))));
      store_turns(p.odd + 2 * c, fma(w[7], g, fma(w[1], below, zero)), last, count);
    }
  };
  const int64_t end = max_of(0, p.cols - lanes);
  for (int64_t c = 0; c < end; c += lanes) write(c, load(p.g + c), load(p.g + c + 1), load(p.below + c), load(p.below + c + 1), 2 * lanes);
  const int64_t left = p.cols - end;
  const V g = load_some(p.g + end, left), below = load_some(p.below + end, left);
  write(end, g, shift_out(g, zero), below, shift_out(below, zero), p.width - 2 * end);
}

template <class T>
CR_INLINE void spread_planes(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx) {
  const int64_t size = s.h.in * s.w.in;
  const ThinPlanes<const T> from = thin_source<T>(ctx, gy);
  T* zeros = scratch<T>(ctx, s.w.out);
  std::memset(zeros, 0, static_cast<size_t>(s.w.out) * sizeof(T));
  parallel_range(ctx, s.batch * s.groups, max_of(1, kUnitWork / max_of(1, 4 * size)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t channel = n % s.groups;
      Vec<T> w[9];
      splat_taps<T>(weight, channel, w);
      const T* g = from.data + n / s.groups * from.image + channel * from.channel;
      T* to = static_cast<T*>(gx.data) + n * size;
      for (int64_t r = 0; r < s.h.out; ++r, g += from.row, to += 2 * s.w.in) {
        const HalfRows<T> rows{g, r + 1 < s.h.out ? g + from.row : zeros, s.w.out, to, to + s.w.in, s.w.in};
        if (2 * r + 1 < s.h.in) {
          spread_rows<true>(rows, w);
        } else {
          spread_rows<false>(rows, w);
        }
      }
    }
  });
}

void thin_half_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx) {
  if (gx.dtype == DType::f32) return spread_planes<float>(ctx, s, gy, weight, gx);
  spread_planes<double>(ctx, s, gy, weight, gx);
}

}  // namespace chainrule::CR_ISA
