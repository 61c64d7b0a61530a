#include "kernels/conv/thin_half.h"

#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

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
  const int64_t size = s.h.in * s.w.in, *stride = weight.strides;
  const ThinPlanes<const T> from = thin_source<T>(ctx, gy);
  T* zeros = scratch<T>(ctx, s.w.out);
  std::memset(zeros, 0, static_cast<size_t>(s.w.out) * sizeof(T));
  parallel_range(ctx, s.batch * s.groups, max_of(1, kUnitWork / max_of(1, 4 * size)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t channel = n % s.groups;
      Vec<T> w[9];
      for (int64_t i = 0; i < 9; ++i) {
        w[i] = splat<Vec<T>>(static_cast<const T*>(weight.data)[channel * stride[0] + i / 3 * stride[2] + i % 3 * stride[3]]);
      }
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
