#include "kernels/conv/fold.h"

#include "kernels/conv/weights.h"
#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

// With stride s, pixel i of x has i + pad = q s + a, and meets pixel o of y through tap t s + a when q = o + t. Sums of one phase a are
// thus rows of q, to which each tap adds whole rows of products, t further to the right. A unit of work takes some rows of y's gradient;
// its sums reach over into the rows of the next unit. At the end the sums of both are added and the phases written side by side.

/// Along one axis: farthest tap t.
CR_INLINE int64_t fold_reach(const ConvAxis& a) { return (a.taps - 1) / a.stride; }

template <class T>
struct Fold {
  const ConvShape& s;
  int64_t rows_each, parts;  // of y
  int64_t reach_h, reach_w;
  int64_t width;    // of a row of sums, whole groups of 16
  int64_t margin;   // zeros before a row of products, whole groups of 16
  int64_t line;     // of a row of products
  int64_t channel;  // size of a unit's sums of one channel: [phase h][rows_each + reach_h][phase w][width]
  T* sums;          // [image][group][part][channel]
  [[nodiscard]] int64_t row() const { return s.w.stride * width; }
  [[nodiscard]] int64_t plane() const { return (rows_each + reach_h) * row(); }
};

/// sums[q] += products of the taps of one row and phase, for all q.
template <class T>
CR_INLINE void add_taps(const T* products, int64_t line, int64_t count, int64_t width, T* sums) {
  for (int64_t q = 0; q < width; q += kLanes<T>) {
    Vec<T> sum = load(sums + q);
    const T* from = products + q;
    for (int64_t t = 0; t < count; ++t, from += line - 1) sum += load(from);
    store(sums + q, sum);
  }
}

/// Rows first..past of y's gradient: `sums` is the unit's, `products` has room for all taps of a row.
template <class T>
CR_INLINE void fold_rows(const Fold<T>& f, PointProduct<T> p, const T* g, int64_t g_row, int64_t first, int64_t past, T* sums, T* products,
                         T* buffer) {
  const ConvShape& s = f.s;
  const KBlocks blocks = k_blocks(p.k);
  std::memset(sums, 0, static_cast<size_t>(s.in_channels * f.channel) * sizeof(T));
  std::memset(products, 0, static_cast<size_t>(p.rows.rows * f.line) * sizeof(T));
  p.y = StridedC<T>{products + f.margin, f.line, 1};
  for (int64_t o = first; o < past; ++o) {
    p.x.data = g + o * g_row;
    for (int64_t col = 0; col < s.w.out; col += kPointCols<T>) {
      for (int64_t block = 0; block < blocks.count; ++block) {
        const int64_t at = block * blocks.size;
        multiply_panel(p, col, min_of(kPointCols<T>, s.w.out - col),
                       Slab{at, min_of(blocks.size, p.k - at), block == 0, block == blocks.count - 1}, true, buffer);
      }
    }
    for (int64_t c = 0; c < s.in_channels; ++c) {
      for (int64_t h = 0; h < s.h.taps; ++h) {
        T* row = sums + c * f.channel + h % s.h.stride * f.plane() + (o - first + h / s.h.stride) * f.row();
        const T* taps = products + (c * s.h.taps + h) * s.w.taps * f.line + f.margin;
        for (int64_t b = 0; b < s.w.stride; ++b) {
          add_taps(taps + b * f.line, s.w.stride * f.line, ceil_div(s.w.taps - b, s.w.stride), f.width, row + b * f.width);
        }
      }
    }
  }
}

/// to[j] = the phases' sums side by side, for j < count. Sums of `other`, unless it is nullptr, are added.
template <class T>
CR_INLINE void write_phases(const Fold<T>& f, const T* sums, const T* other, int64_t count, T* to) {
  const ConvAxis& w = f.s.w;
  const auto value = [&](int64_t phase, int64_t q) CR_INLINE_LAMBDA {
    const int64_t at = phase * f.width + q;
    return other == nullptr ? load(sums + at) : load(sums + at) + load(other + at);
  };
  int64_t j = 0;
  const int64_t begin = ceil_div(w.pad, w.stride), first = begin * w.stride - w.pad;  // the first whole q
  const auto one = [&](int64_t i) {
    const int64_t q = (i + w.pad) / w.stride, at = (i + w.pad) % w.stride * f.width + q;
    to[i] = q >= f.width ? T{} : other == nullptr ? sums[at] : sums[at] + other[at];
  };
  if (w.stride <= 2) {
    for (; j < min_of(first, count); ++j) one(j);
    const int64_t step = w.stride * kLanes<T>;
    for (int64_t q = begin; j + step <= count && q + kLanes<T> <= f.width; q += kLanes<T>, j += step) {
      const Vec<T> even = value(0, q);
      if (w.stride == 1) {
        store(to + j, even);
        continue;
      }
      const Vec<T> odd = value(1, q);
      store(to + j, zip_low(even, odd));
      store(to + j + kLanes<T>, zip_high(even, odd));
    }
  }
  for (; j < count; ++j) one(j);
}

/// Row i of x's gradient, one channel; sums: of all parts of the image and group.
template <class T>
CR_INLINE void write_row(const Fold<T>& f, const T* sums, int64_t c, int64_t i, T* to) {
  const ConvShape& s = f.s;
  const int64_t q = (i + s.h.pad) / s.h.stride, part = min_of(q / f.rows_each, f.parts - 1);
  const auto row_of = [&](int64_t n) {  // part n's; or nullptr
    const int64_t first = n * f.rows_each, past = min_of(s.h.out, first + f.rows_each) + f.reach_h;
    const T* plane = sums + (n * s.in_channels + c) * f.channel + (i + s.h.pad) % s.h.stride * f.plane();
    return n >= 0 && q < past ? plane + (q - first) * f.row() : nullptr;
  };
  const T *before = row_of(part - 1), *own = row_of(part);
  if (own == nullptr) {  // behind the last tap
    for (int64_t j = 0; j < s.w.in; ++j) to[j] = T{};
  } else {
    write_phases(f, before == nullptr ? own : before, before == nullptr ? nullptr : own, s.w.in, to);
  }
}

inline constexpr int64_t kFoldUnits = 16;  // wanted

template <class T>
CR_INLINE void fold_all(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx) {
  const int64_t m = s.in_channels * s.h.taps * s.w.taps, k = s.out_channels, items = s.batch * s.groups;
  if (items == 0) return;
  const int64_t wanted = min_of(ceil_div(kFoldUnits, items), ceil_div(m * k * s.h.out * s.w.out, kUnitWork));
  Fold<T> f{s, 0, 0, fold_reach(s.h), fold_reach(s.w), 0, 0, 0, 0, nullptr};
  f.rows_each = max_of(f.reach_h, ceil_div(s.h.out, wanted));
  f.parts = ceil_div(s.h.out, f.rows_each);
  f.width = ceil_div(s.w.out + f.reach_w, 16) * 16;
  f.margin = ceil_div(f.reach_w, 16) * 16;
  f.line = f.margin + f.width;
  f.channel = s.h.stride * f.plane();
  f.sums = scratch<T>(ctx, items * f.parts * s.in_channels * f.channel);

  const Rows slivers{0, m, ceil_div(m, kPointRows)};
  const T* packed = pack_slivers(ctx, PointwiseWeight<T>{weight_rows<T>(ctx, weight), k * m, 1, m, nullptr, 0}, s.groups, slivers, k);
  parallel_units(ctx, items * f.parts, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, kPointScratch<T> + m * f.line);
    const int64_t item = unit / f.parts, image = item / s.groups, group = item % s.groups, first = unit % f.parts * f.rows_each;
    const T* g = static_cast<const T*>(gy.data) + image * gy.strides[0] + group * k * gy.strides[1];
    const PointProduct<T> p{slivers, k, packed + group * m * k, {g, gy.strides[1], gy.strides[3]}, {}, false};
    fold_rows(f, p, g, gy.strides[2], first, min_of(s.h.out, first + f.rows_each), f.sums + unit * s.in_channels * f.channel,
              buffer + kPointScratch<T>, buffer);
  });
  const int64_t lines = items * s.in_channels * s.h.in;
  parallel_range(ctx, lines, max_of(1, (1 << 15) / max_of(1, s.w.in)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t i = n % s.h.in, channel = n / s.h.in, c = channel % s.in_channels, item = channel / s.in_channels;
      T* to = static_cast<T*>(gx.data) + item / s.groups * gx.strides[0] + (item % s.groups * s.in_channels + c) * gx.strides[1] +
              i * gx.strides[2];
      write_row(f, f.sums + item * f.parts * s.in_channels * f.channel, c, i, to);
    }
  });
}

void fold_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx) {
  if (gx.dtype == DType::f32) return fold_all<float>(ctx, s, gy, weight, gx);
  fold_all<double>(ctx, s, gy, weight, gx);
}

}  // namespace chainrule::CR_ISA
