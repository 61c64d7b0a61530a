#include "kernels/conv/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

// Gradient of the weight: dW^T [C KH KW, O] = unfolded input [C KH KW, pixels] x y's gradient [pixels, O], summed over all pixels of the
// batch. Pixels are many and the matrix is small, so the sum is cut: slices of windows, each summed in order into a matrix of its own, the
// matrices added as a binary tree. The number of slices depends on the shape alone.

inline constexpr int64_t kMaxSlices = 16;

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
  const int64_t area = s.h.taps * s.w.taps, m = s.in_channels * area;
  const bool flat = gw.strides[3] == 1 && gw.strides[2] == s.w.taps && gw.strides[1] == area;
  for (int64_t g = 0; g < s.groups; ++g, sums += m * row, to += s.out_channels * gw.strides[0]) {
    if (flat) {
      pack_transposed(sums, row, s.out_channels, m, to, gw.strides[0]);
      continue;
    }
    for (int64_t i = 0; i < m; ++i) {
      const int64_t offset = i / area * gw.strides[1] + i % area / s.w.taps * gw.strides[2] + i % s.w.taps * gw.strides[3];
      for (int64_t o = 0; o < s.out_channels; ++o) to[o * gw.strides[0] + offset] = sums[i * row + o];
    }
  }
}

template <class T>
void conv2d_grad_weight(Context& ctx, const Args& args) {
  const TensorView &gy = args.in[0], &x = args.in[1], &gw = args.out[0];
  const ConvShape s = conv_shape(x, gw, gy, args.params);
  const int64_t m = s.in_channels * s.h.taps * s.w.taps, pixels = s.h.out * s.w.out;
  const Planes image{plane_axis(s.h, 0, s.h.out), plane_axis(s.w, 0, s.w.out)};
  const int64_t work = s.out_channels * m * pixels;
  const Windows windows = make_windows(s.batch, s.h.out, s.w.out, s.in_channels * channel_size(image), work);
  const Planes planes{plane_axis(s.h, 0, windows.rows_each), image.w};
  const int64_t count = windows.image_parts * windows.row_parts;
  const int64_t wanted = s.batch * work / (2 * kUnitWork) + 1;
  const int64_t slices = max_of(1, min_of(count, min_of(wanted, kMaxSlices)));

  const int64_t row = ceil_div(s.out_channels, kLanes<T>) * kLanes<T>, part = m * row;
  T* parts = scratch<T>(ctx, slices * s.groups * part);
  int64_t* taps = scratch<int64_t>(ctx, m);
  tap_offsets(s, planes, taps);
  const int64_t image_size = s.in_channels * channel_size(planes);
  const int64_t padded_size = padded_room<T>(windows.images_each * image_size);
  parallel_units(ctx, slices * s.groups, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, padded_size + kBlockScratch<T>);
    T* padded = buffer + kFrontRoom;
    const int64_t group = unit % s.groups, slice = unit / s.groups;
    const PartialC<T> c{parts + (slice * s.groups + group) * part, row};
    const int64_t begin = slice * count / slices, end = (slice + 1) * count / slices;
    if (begin == end) std::memset(c.data, 0, static_cast<size_t>(part) * sizeof(T));
    for (int64_t index = begin; index < end; ++index) {
      const Window at = window_at(windows, index);
      Planes own = planes;
      own.h.first = at.row * s.h.stride - s.h.pad;
      copy_planes(own, x, at.image, at.images, group * s.in_channels, s.in_channels, padded);
      const int64_t per_image = at.rows * s.w.out;
      const T* from =
          static_cast<const T*>(gy.data) + at.image * gy.strides[0] + group * s.out_channels * gy.strides[1] + at.row * gy.strides[2];
      const GradientB<T> b{from, gy.strides[0], gy.strides[1], gy.strides[2], gy.strides[3], s.w.out, per_image};
      multiply_block(Rect{0, m, 0, s.out_channels}, at.images * per_image,
                     UnfoldedA<T>{padded, taps, {s.w.out, per_image, image_size, planes.w.count}}, b, c, buffer + padded_size,
                     index > begin);
    }
  });
  const int64_t whole = s.groups * part, grain = 1 << 14;
  parallel_units(ctx, ceil_div(whole, grain),
                 [&](int64_t unit, int) { add_slices(parts, whole, slices, unit * grain, min_of(whole, (unit + 1) * grain)); });
  write_weights(s, parts, row, gw);
}

CR_REGISTER(grad_weight,
            (kernel_set(Registration{"conv2d_grad_weight", DType::f32, kIsa, "TT>T", kConvParams, &conv2d_grad_weight<float>},
                        Registration{"conv2d_grad_weight", DType::f64, kIsa, "TT>T", kConvParams, &conv2d_grad_weight<double>})));

}  // namespace chainrule::CR_ISA
