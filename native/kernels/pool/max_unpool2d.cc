// The gradient of a maximum, and the gradient of that: values go to, or come from, the positions that max_pool2d found.
#include "kernels/pool/window.h"

namespace chainrule::CR_ISA {

/// g, where [..., OH, OW] -> gx [..., H, W]: zero, and g added at its position. A plane is one thread's work: the order of sums is fixed.
template <class T>
void max_unpool2d(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  check_same_planes(args.in[0], args.in[1]);
  const auto g = planes_of<const T>(args.in[0]);
  const auto where = planes_of<const IntFor<T>>(args.in[1]);
  const auto to = output_planes<T>(args.out[0]);
  CR_CHECK(g.height == where.height && g.width == where.width);
  const int64_t size = to.height * to.width;
  for_each_row(ctx, to.count, 1, size, [&](int64_t at, int64_t, int64_t, int) {
    T* gx = plane(to, at);
    std::memset(gx, 0, static_cast<size_t>(size) * sizeof(T));
    const T* values = plane(g, at);
    const IntFor<T>* positions = plane(where, at);
    for (int64_t row = 0; row < g.height; ++row) {
      for (int64_t column = 0; column < g.width; ++column) {
        const int64_t i = positions[row * where.row_stride + column * where.stride];
        if (static_cast<uint64_t>(i) < static_cast<uint64_t>(size)) gx[i] += values[row * g.row_stride + column * g.stride];
      }
    }
  });
}

/// x [..., H, W], where [..., OH, OW] -> y [..., OH, OW] = x at each position, 0 at none.
template <class T>
void max_pool2d_at(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  check_same_planes(args.in[0], args.in[1]);
  const auto x = planes_of<const T>(args.in[0]);
  const auto where = planes_of<const IntFor<T>>(args.in[1]);
  const auto to = output_planes<T>(args.out[0]);
  CR_CHECK(to.height == where.height && to.width == where.width);
  const uint64_t size = static_cast<uint64_t>(x.height * x.width);
  for_each_row(ctx, to.count, 1, to.height * to.width, [&](int64_t at, int64_t, int64_t, int) {
    const T* values = plane(x, at);
    const IntFor<T>* positions = plane(where, at);
    T* y = plane(to, at);
    for (int64_t row = 0; row < to.height; ++row) {
      for (int64_t column = 0; column < to.width; ++column) {
        const int64_t i = positions[row * where.row_stride + column * where.stride];
        const bool inside = static_cast<uint64_t>(i) < size;
        y[row * to.width + column] = inside ? values[i / x.width * x.row_stride + i % x.width * x.stride] : T{0};
      }
    }
  });
}

CR_REGISTER(max_unpool2d, (kernel_set(Registration{"max_unpool2d", DType::f32, kIsa, "Ti>T", "", &max_unpool2d<float>},
                                      Registration{"max_unpool2d", DType::f64, kIsa, "Tl>T", "", &max_unpool2d<double>},
                                      Registration{"max_pool2d_at", DType::f32, kIsa, "Ti>T", "", &max_pool2d_at<float>},
                                      Registration{"max_pool2d_at", DType::f64, kIsa, "Tl>T", "", &max_pool2d_at<double>})));

}  // namespace chainrule::CR_ISA
