#include "kernels/conv/lanes_tile.h"
#include "kernels/conv/pointwise.h"
#include "kernels/conv/thin.h"
#include "kernels/conv/tiles.h"
#include "kernels/conv/winograd.h"

namespace chainrule::CR_ISA {

// Gradient of the weight: dW^T [C KH KW, O] = unfolded input [C KH KW, pixels] x y's gradient [pixels, O], summed over all pixels of the
// batch. Pixels are many and the matrix is small, so the sum is cut: slices of windows, each summed in order into a matrix of its own, the
// matrices added as a binary tree. The number of slices depends on the shape alone. Three ways to sum a window:
//   taps    y's gradient is packed as [pixel][channel]; the input is read where it lies in a padded copy, a tile being taps x channels
//   lanes   few channels: pixels are the vectors, nothing is packed
//   points  1 x 1: a plain matrix product of planes, of which the side with fewer channels is packed; dW, not dW^T, when that is x

inline constexpr int64_t kMaxSlices = 16;
inline constexpr int64_t kFewOuts = 4, kFewRows = 32;  // channels of y, rows of dW^T: below, vectors of pixels are better

/// C with rows of whole vectors: any tile can be written in place.
template <class T>
struct PartialC {
  T* data;
  int64_t row;
  T* at(int64_t i, int64_t j, int64_t, int64_t, int64_t& row_stride) const {
    row_stride = row;
    return data + i * row + j;
  }
  void read(T*, int64_t, int64_t, int64_t, int64_t) const {}
  void write(const T*, int64_t, int64_t, int64_t, int64_t) const {}
  void finish(T*, int64_t, int64_t, int64_t, int64_t, int64_t) const {}
};

/// parts[0] += parts[1] + ... as a tree: at each step the upper half is added to the lower one.
template <class T>
CR_INLINE void add_slices(T* parts, int64_t size, int64_t slices, int64_t begin, int64_t end) {
  for (int64_t left = slices; left > 1;) {
    const int64_t half = (left + 1) / 2;
    for (int64_t i = 0; i + half < left; ++i) {
      T* to = parts + i * size;
      const T* from = to + half * size;
      for (int64_t e = begin; e < end; e += kLanes<T>) store(to + e, load(to + e) + load(from + e));
    }
    left = half;
  }
}

/// gw [O, C, KH, KW] from the sums [groups, C KH KW, O / groups], whose rows are `row` long.
template <class T>
CR_INLINE void write_weights(const ConvShape& s, const T* sums, int64_t row, const TensorView& gw) {
  T* to = static_cast<T*>(gw.data);
  const int64_t m = s.in_channels * s.h.taps * s.w.taps;
  for (int64_t g = 0; g < s.groups; ++g, sums += m * row, to += s.out_channels * m) pack_transposed(sums, row, s.out_channels, m, to, m);
}

/// The same from sums [groups, O / groups, C] of points.
template <class T>
CR_INLINE void write_points(const ConvShape& s, const T* sums, int64_t row, const TensorView& gw) {
  T* to = static_cast<T*>(gw.data);
  for (int64_t o = 0; o < s.groups * s.out_channels; ++o, sums += row, to += s.in_channels) {
    std::memcpy(to, sums, static_cast<size_t>(s.in_channels) * sizeof(T));
  }
}

/// One unit of work: the windows of a slice, one group.
template <class T>
struct WeightJob {
  const ConvShape& s;
  const TensorView &gy, &x;
  const Windows& windows;
  const Planes& planes;
  const int64_t* taps;  // lanes: offset of each tap; taps: of each pixel
  int64_t m, row;       // the sums are m rows, `row` elements apart
  int64_t padded_size;
};

template <class T>
CR_INLINE const T* gradient_at(const WeightJob<T>& job, const Window& at, int64_t group) {
  const TensorView& v = job.gy;
  return static_cast<const T*>(v.data) + at.image * v.strides[0] + group * job.s.out_channels * v.strides[1] + at.row * v.strides[2];
}
template <class T>
CR_INLINE void copy_window(const WeightJob<T>& job, const Window& at, int64_t group, T* padded) {
  Planes own = job.planes;
  own.h.first = at.row * job.s.h.stride - job.s.h.pad;
  copy_planes(own, job.x, at.image, at.images, group * job.s.in_channels, job.s.in_channels, padded);
}

/// to [pixel][kPanelCols] = channels channel..channel+width of the window's gradient.
template <class T>
CR_INLINE void pack_gradient(const WeightJob<T>& job, const Window& at, const T* from, int64_t width, T* to) {
  const int64_t* strides = job.gy.strides;
  const int64_t cols = job.s.w.out, ld = kPanelCols<T>;
  const bool flat = strides[3] == 1 && strides[2] == cols;
  for (int64_t n = 0; n < at.images; ++n, from += strides[0]) {
    if (flat) {
      transpose_rows(from, strides[1], at.rows * cols, width, to, ld);
      to += at.rows * cols * ld;
      continue;
    }
    for (int64_t r = 0; r < at.rows; ++r, to += cols * ld) {
      for (int64_t i = 0; i < cols; ++i) {
        for (int64_t c = 0; c < width; ++c) to[i * ld + c] = from[c * strides[1] + r * strides[2] + i * strides[3]];
      }
    }
  }
  for (T* p = to - at.images * at.rows * cols * ld; width < ld && p < to; p += ld) {
    for (int64_t c = width; c < ld; ++c) p[c] = T{};
  }
}

/// sums [taps of all input channels][channels of a panel] += the window's products.
template <class T>
CR_INLINE void add_taps(const ConvShape& s, const Planes& planes, const int64_t* pixels, int64_t count, const T* x, const T* panel,
                        int64_t vecs, T* sums, int64_t row, bool accumulate) {
  const int64_t outer = s.h.taps, inner = s.w.taps, channel = channel_size(planes), line = s.h.dilation * planes.w.count;
  const int64_t parts = ceil_div(inner, kTapRows);
  const KBlocks blocks = k_blocks(count);
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t v = part * inner / parts, cols = (part + 1) * inner / parts - v, most = tap_lines(cols);
    // Tap (h, v) of channel c and those `apart` and `x_apart` further on, `lines` of them.
    const auto add = [&](int64_t c, int64_t h, int64_t lines, int64_t apart, int64_t x_apart) {
      TapTile<T> tile{
          0,       pixels, x + c * channel + h * line + v, x_apart, panel, sums + ((c * outer + h) * inner + v) * row, apart, row,
          nullptr, false};
      for (int64_t block = 0; block < blocks.count; ++block) {
        tile.k = min_of(blocks.size, count - block * blocks.size);
        tile.accumulate = accumulate || block > 0;
        multiply_taps(lines, cols, vecs, tile);
        tile.offset += tile.k;
        tile.b += tile.k * kPanelCols<T>;
      }
    };
    // A tile's lines are lines of taps, or, where those are too few for a whole tile, channels.
    const int64_t whole = outer / most * most;
    for (int64_t c = 0; c < s.in_channels; ++c) {
      for (int64_t h = 0; h < whole; h += most) add(c, h, most, inner * row, line);
    }
    for (int64_t c = 0; c < s.in_channels; c += most) {
      for (int64_t h = whole; h < outer; ++h) add(c, h, min_of(most, s.in_channels - c), outer * inner * row, channel);
    }
  }
}

template <class T>
CR_INLINE void sum_by_taps(const WeightJob<T>& job, int64_t begin, int64_t end, int64_t group, T* sums, T* buffer) {
  const ConvShape& s = job.s;
  T *padded = buffer + kFrontRoom, *panel = buffer + job.padded_size;
  for (int64_t index = begin; index < end; ++index) {
    const Window at = window_at(job.windows, index);
    copy_window(job, at, group, padded);
    const int64_t count = at.images * at.rows * s.w.out;
    for (int64_t o = 0; o < s.out_channels; o += kPanelCols<T>) {
      const int64_t width = min_of(kPanelCols<T>, s.out_channels - o), vecs = width > kLanes<T> ? 2 : 1;
      pack_gradient(job, at, gradient_at(job, at, group) + o * job.gy.strides[1], width, panel);
      add_taps(s, job.planes, job.taps, count, padded, panel, vecs, sums + o, job.row, index > begin);
    }
  }
}

/// The same rows of g without gaps, in `to`.
template <class T>
CR_INLINE PixelRows<T> gathered(PixelRows<T> p, int64_t col, int64_t channels, T* to) {
  const T* g = p.g;
  p.g = to;
  for (int64_t o = 0; o < channels; ++o) {
    for (int64_t r = 0; r < p.rows; ++r) {
      for (int64_t c = 0; c < p.cols; ++c) *to++ = g[o * p.g_channel + r * p.g_row + c * col];
    }
  }
  p.g_row = p.cols;
  p.g_channel = p.rows * p.cols;
  return p;
}

template <class T>
CR_INLINE void sum_by_lanes(const WeightJob<T>& job, int64_t begin, int64_t end, int64_t group, T* sums, T* buffer) {
  const ConvShape& s = job.s;
  T *padded = buffer + kFrontRoom, *lanes = buffer + job.padded_size;
  const int64_t image_size = s.in_channels * channel_size(job.planes);
  std::memset(lanes, 0, static_cast<size_t>(s.out_channels * job.m * kSumLanes) * sizeof(T));
  for (int64_t index = begin; index < end; ++index) {
    const Window at = window_at(job.windows, index);
    copy_window(job, at, group, padded);
    const T* g = gradient_at(job, at, group);
    for (int64_t n = 0; n < at.images; ++n, g += job.gy.strides[0]) {
      PixelRows<T> pixels{at.rows, s.w.out, g, job.gy.strides[1], job.gy.strides[2], padded + n * image_size, job.planes.w.count};
      if (job.gy.strides[3] != 1) pixels = gathered(pixels, job.gy.strides[3], s.out_channels, lanes + s.out_channels * job.m * kSumLanes);
      add_all_products(pixels, s.out_channels, job.m, job.taps, lanes);
    }
  }
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t t = 0; t < job.m; ++t) sums[t * job.row + o] = sum_lanes(lanes + (o * job.m + t) * kSumLanes);
  }
}

/// With AVX2 products whose sums stay in L2 ask for nothing: they took 0.84 to 1.0 of the time so, larger ones up to 1.05.
inline constexpr int64_t kNearSumBytes = int64_t{128} << 10;

/// sums [outputs][inputs] when `turned`, otherwise [inputs][outputs].
template <class T>
CR_INLINE void sum_points(const WeightJob<T>& job, bool turned, int64_t begin, int64_t end, int64_t group, T* sums, T* buffer) {
  const ConvShape& s = job.s;
  const TensorView &x = job.x, &gy = job.gy;
  const bool far = !kAvx2Tile || job.m * job.row * static_cast<int64_t>(sizeof(T)) > kNearSumBytes;
  for (int64_t index = begin; index < end; ++index) {
    const Window at = window_at(job.windows, index);
    for (int64_t n = 0; n < at.images; ++n) {
      const T* inputs =
          static_cast<const T*>(x.data) + (at.image + n) * x.strides[0] + group * s.in_channels * x.strides[1] + at.row * s.w.in;
      const T* outputs = gradient_at(job, at, group) + n * gy.strides[0];
      const StridedA<T> a{turned ? outputs : inputs, turned ? gy.strides[1] : x.strides[1], 1};
      const StridedB<T> b{turned ? inputs : outputs, 1, turned ? x.strides[1] : gy.strides[1]};
      multiply_block(Rect{0, job.m, 0, turned ? s.in_channels : s.out_channels}, at.rows * s.w.out, a, b, PartialC<T>{sums, job.row},
                     buffer, Setting{index > begin || n > 0, far});
    }
  }
}

/// The padded copy of the taps' way: the window as it is, whatever the stride.
CR_INLINE PlaneAxis plain_axis(const ConvAxis& a, int64_t rows) {
  return {(rows - 1) * a.stride + (a.taps - 1) * a.dilation + 1, 1, 1, -a.pad, a.in};
}
/// The columns of that copy, split into phases by the dilation: taps beside each other are neighbours.
CR_INLINE PlaneAxis tap_columns(const ConvAxis& a) {
  const int64_t count = plain_axis(a, a.out).count;
  return {ceil_div(count, a.dilation), min_of(count, a.dilation), a.dilation, -a.pad, a.in};
}
/// Offsets of a window's pixels in it.
CR_INLINE void pixel_offsets(const ConvShape& s, const Planes& p, const Windows& w, int64_t* to) {
  for (int64_t n = 0; n < w.images_each; ++n) {
    for (int64_t r = 0; r < w.rows_each; ++r) {
      for (int64_t c = 0; c < s.w.out; ++c) {
        const int64_t col = c * s.w.stride, plane = n * s.in_channels * p.w.phases + col % s.w.dilation;
        *to++ = plane * plane_size(p) + r * s.h.stride * p.w.count + col / s.w.dilation;
      }
    }
  }
}

/// The parts that sums are cut into. A pointwise layer's planes are read where they lie, an image at a time.
CR_INLINE Windows gradient_windows(const ConvShape& s, const Planes& image, bool pointwise, int64_t work) {
  Windows windows = make_windows(s.batch, s.h.out, s.w.out, s.in_channels * channel_size(image), work);
  if (pointwise) {
    windows.images_each = 1;
    windows.image_parts = s.batch;
  }
  return windows;
}

template <class T>
void conv2d_grad_weight(Context& ctx, const Args& args) {
  const TensorView &gy = args.in[0], &x = args.in[1], &gw = args.out[0];
  const ConvShape s = conv_shape(x, gw, gy, args.params);
  CR_CHECK(is_contiguous(gw));
  if (is_thin(s, kThinGradientTaps)) {
    const int64_t* stride = gw.strides;
    return thin_gradient(
        ctx, s.w.taps,
        ThinGradient<T>{s.batch, s.groups, s.in_channels, s.out_channels, s.h.in, s.w.in, thin_source<T>(ctx, x), thin_source<T>(ctx, gy),
                        static_cast<T*>(gw.data), s.out_channels * stride[0], stride[0], stride[1], stride[2], stride[3]});
  }
  int64_t m = s.in_channels * s.h.taps * s.w.taps;
  const int64_t pixels = s.h.out * s.w.out, work = s.out_channels * m * pixels;
  int64_t row = ceil_div(s.out_channels, kLanes<T>) * kLanes<T>;
  if constexpr (sizeof(T) == 4) {
    if (winograd_pays(s, s.h.out, s.w.out)) return write_weights(s, winograd_grad_weight(ctx, s, gy, x, row), row, gw);
  }
  // The way, and with it the order of sums, is chosen by shape alone. Planes with gaps take the taps' way to the same sums as points.
  const bool pointwise = is_pointwise(s.h) && is_pointwise(s.w) && m > 1;
  const bool points = pointwise && has_flat_planes(x) && has_flat_planes(gy);
  const bool turned = points && s.out_channels > s.in_channels;
  const bool by_lanes = !pointwise && (s.out_channels <= kFewOuts || m <= kFewRows);
  const auto axis = [&](const ConvAxis& a, int64_t rows) { return by_lanes ? plane_axis(a, 0, rows) : plain_axis(a, rows); };
  const Planes image{axis(s.h, s.h.out), axis(s.w, s.w.out)};
  const Windows windows = gradient_windows(s, image, pointwise, work);
  const Planes planes{axis(s.h, windows.rows_each), by_lanes ? image.w : tap_columns(s.w)};
  const int64_t count = windows.image_parts * windows.row_parts;
  const int64_t wanted = s.batch * work / (2 * kUnitWork) + 1;
  const int64_t slices = max_of(1, min_of(count, min_of(wanted, kMaxSlices)));

  if (turned) {
    m = s.out_channels;
    row = ceil_div(s.in_channels, kLanes<T>) * kLanes<T>;
  }
  const int64_t part = m * row;
  T* parts = scratch<T>(ctx, slices * s.groups * part);
  const int64_t each = windows.images_each * windows.rows_each * s.w.out;
  int64_t* taps = scratch<int64_t>(ctx, by_lanes ? m : each);
  if (by_lanes) tap_offsets(s, planes, taps);
  if (!by_lanes && !points) pixel_offsets(s, planes, windows, taps);
  const int64_t padded_size = points ? 0 : padded_room<T>(windows.images_each * s.in_channels * channel_size(planes));
  const int64_t room = points     ? kBlockScratch<T>
                       : by_lanes ? s.out_channels * (m * kSumLanes + (gy.strides[3] == 1 ? 0 : each))
                                  : each * kPanelCols<T>;
  const WeightJob<T> job{s, gy, x, windows, planes, taps, m, row, padded_size};
  parallel_units(ctx, slices * s.groups, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, padded_size + room);
    const int64_t group = unit % s.groups, slice = unit / s.groups;
    T* sums = parts + unit * part;
    const int64_t begin = slice * count / slices, end = (slice + 1) * count / slices;
    if (begin == end) std::memset(sums, 0, static_cast<size_t>(part) * sizeof(T));
    if (points) return sum_points(job, turned, begin, end, group, sums, buffer);
    if (by_lanes) return sum_by_lanes(job, begin, end, group, sums, buffer);
    sum_by_taps(job, begin, end, group, sums, buffer);
  });
  const int64_t whole = s.groups * part, grain = 1 << 14;
  parallel_units(ctx, ceil_div(whole, grain),
                 [&](int64_t unit, int) { add_slices(parts, whole, slices, unit * grain, min_of(whole, (unit + 1) * grain)); });
  if (turned) return write_points(s, parts, row, gw);
  write_weights(s, parts, row, gw);
}

CR_REGISTER(grad_weight,
            (kernel_set(Registration{"conv2d_grad_weight", DType::f32, kIsa, "TT>T", kConvParams, &conv2d_grad_weight<float>},
                        Registration{"conv2d_grad_weight", DType::f64, kIsa, "TT>T", kConvParams, &conv2d_grad_weight<double>})));

}  // namespace chainrule::CR_ISA
