#include "kernels/conv/pointwise.h"
#include "kernels/conv/thin.h"
#include "kernels/conv/thin_half.h"
#include "kernels/conv/unfold.h"
#include "kernels/conv/units.h"
#include "kernels/conv/weights.h"
#include "kernels/conv/winograd.h"

namespace chainrule::CR_ISA {

/// y [O, pixels] = weight [O, C KH KW] x unfolded input [C KH KW, pixels] (+ bias), the input being unfolded by addresses alone.
template <class T>
void conv2d(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &weight = args.in[1], &y = args.out[0];
  const ConvShape s = conv_shape(x, weight, y, args.params);
  CR_CHECK(is_contiguous(y));
  if (args.ins == 3) CR_CHECK(args.in[2].rank == 1 && args.in[2].shape[0] == weight.shape[0]);
  if (is_pointwise(s, x, y)) {
    const T* bias = args.ins == 3 ? static_cast<const T*>(args.in[2].data) : nullptr;
    const PointwiseWeight<T> w{
        static_cast<const T*>(weight.data),         s.out_channels * weight.strides[0], weight.strides[0], weight.strides[1], bias,
        bias == nullptr ? 0 : args.in[2].strides[0]};
    return multiply_pointwise(ctx, s, w, s.out_channels, s.in_channels, x, y);
  }
  if constexpr (sizeof(T) == 4) {
    if (winograd_pays(s, s.h.out, s.w.out)) return winograd_forward(ctx, s, x, weight, args.ins == 3 ? &args.in[2] : nullptr, y);
  }
  if (is_thin_half(s)) return thin_half_forward(ctx, s, x, weight, args.ins == 3 ? &args.in[2] : nullptr, y);
  if (unfolds(s)) return unfold_forward(ctx, s, x, weight, args.ins == 3 ? &args.in[2] : nullptr, y);
  if (is_thin(s, kThinTaps)) {
    const int64_t* stride = weight.strides;
    const T* bias = args.ins == 3 ? static_cast<const T*>(args.in[2].data) : nullptr;
    return thin_product(ctx, s.w.taps,
                        ThinProduct<T>{s.batch, s.groups, s.in_channels, s.out_channels, s.h.in, s.w.in, thin_source<T>(ctx, x),
                                       thin_result<T>(y), static_cast<const T*>(weight.data), s.out_channels * stride[0], stride[0],
                                       stride[1], stride[2], stride[3], bias, bias == nullptr ? 0 : args.in[2].strides[0]});
  }
  const int64_t k = s.in_channels * s.h.taps * s.w.taps;
  const bool few = few_channels(s.out_channels, k), chunks = takes_chunks<T>(s.out_channels, k, few);
  const Planes image{plane_axis(s.h, 0, s.h.out), plane_axis(s.w, 0, s.w.out)};
  const int64_t work = s.out_channels * k * s.h.out * s.w.out;
  const Windows windows = make_windows(s.batch, s.h.out, s.w.out, s.in_channels * channel_size(image), work);
  const Planes planes{plane_axis(s.h, 0, windows.rows_each), image.w};
  const GatherUnits units = gather_units<T>(ctx, windows, s.batch, s.groups, s.out_channels, few, chunks, work);

  const T* rows = weight_rows<T>(ctx, weight);
  Phase<T> phase{{1, 0}, {1, 0}, k, scratch<int64_t>(ctx, k), rows};
  tap_offsets(s, planes, phase.taps);
  if (chunks) {
    phase.weight = pack_whole_slivers(ctx, PointwiseWeight<T>{rows, s.out_channels * k, k, 1, nullptr, 0}, s.groups, s.out_channels, k);
  } else if (!few) {
    phase.weight = pack_panels(ctx, rows, s.groups, s.out_channels, k);
  }
  const Gather<T> g{static_cast<T*>(y.data),
                    y.strides[0],
                    y.strides[1],
                    s.w.out,
                    s.out_channels,
                    &phase,
                    1,
                    s.in_channels * channel_size(planes),
                    planes.w.count,
                    0,
                    0,
                    args.ins == 3 ? pack_bias<T>(ctx, args.in[2], s.groups, s.out_channels, few || chunks) : nullptr};
  gather_all(ctx, units, g, x, s.in_channels, planes, [&](int64_t row) { return Start{row * s.h.stride - s.h.pad, row}; });
}

CR_REGISTER(plain, (kernel_set(Registration{"conv2d", DType::f32, kIsa, "TT>T", kConvParams, &conv2d<float>},
                               Registration{"conv2d", DType::f64, kIsa, "TT>T", kConvParams, &conv2d<double>},
                               Registration{"conv2d_bias", DType::f32, kIsa, "TTT>T", kConvParams, &conv2d<float>},
                               Registration{"conv2d_bias", DType::f64, kIsa, "TTT>T", kConvParams, &conv2d<double>})));

}  // namespace chainrule::CR_ISA
