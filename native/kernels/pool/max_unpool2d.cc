// The gradient of a maximum, and the gradient of that: values go to, or come from, the positions that max_pool2d found.
#include "kernels/pool/pairs.h"
#include "kernels/pool/spread.h"

namespace chainrule::CR_ISA {

/// gx, rows first..past-1, of windows K x K at stride 2: each input looks whether the windows that hold it chose it. Inputs 2 q and 2 q + 1
/// are held by window q; the second one, when K is 3, by window q + 1 too. Windows are added in row-major order.
template <int K, class T>
[[gnu::noinline]] void gather_chosen(PoolAxis any_h, PoolAxis w, const T* g, int64_t g_stride, const IntFor<T>* where, int64_t where_stride,
                                     T* gx, int64_t first, int64_t past, int64_t room) {
  using V = Vec<T>;
  using I = IntVec<V>;
  constexpr int64_t lanes = kLanes<T>;
  const I steps = lane_numbers<T>() * splat<I>(2);
  const PoolAxis h = at_stride_two<K>(any_h);
  for (int64_t i = first; i < past; ++i, gx += w.in, room -= w.in) {
    const Window over = windows_over(h, i);
    const auto chosen = [&](V sum, int64_t o, int64_t q, I here) CR_INLINE_LAMBDA {
      const T* value = g + o * g_stride + q;
      const IntFor<T>* position = where + o * where_stride + q;
      const int64_t n = w.out - q;
      if (n <= 0) return sum;
      if (n >= lanes) return sum + select<V>(load(position) == here, load(value), V{});
      return sum + select<V>(load_partial(position, n) == here, load_partial(value, n), V{});
    };
    gather_row<2>(w.in, gx, room, [&](int b, int64_t q) CR_INLINE_LAMBDA {
      const I here = steps + splat<I>(static_cast<IntFor<T>>(i * w.in + 2 * q + b));
      V sum = {};
      for (int64_t o = over.begin; o < over.end; ++o) {
        sum = chosen(sum, o, q, here);
        if (K == 3 && b == 1) sum = chosen(sum, o, q + 1, here);
      }
      return sum;
    });
  }
}

/// The same for windows that are pairs: rows of windows begin..past-1 of all planes.
template <class T>
CR_INLINE void gather_pairs(const PairRows& run, const T* g, const IntFor<T>* where, T* gx, int64_t begin, int64_t past) {
  using V = Vec<T>;
  using I = IntVec<V>;
  const int64_t n = run.width, in = 2 * n;
  const PairLanes<T> at = pair_lanes<T>(n);
  const bool narrow = is_narrow<T>(n);
  const I steps = narrow ? at.column : lane_numbers<T>() * splat<I>(2), second = narrow ? at.second : I{};
  const auto first_of = [&](int64_t row) CR_INLINE_LAMBDA { return static_cast<IntFor<T>>(row % run.per_plane * 2 * in); };
  const auto value = [&](int64_t row, int64_t o, int line) CR_INLINE_LAMBDA {
    const I first = narrow ? (second ? splat<I>(first_of(row + 1)) : splat<I>(first_of(row))) : splat<I>(first_of(row));
    const I from_here = load(where + row * n + o) - (first + steps + splat<I>(static_cast<IntFor<T>>(2 * o + line * in)));
    const V v = load(g + row * n + o) + V{};  // as in a sum, -0 is 0
    return Columns<V>{select<V>(from_here == 0, v, V{}), select<V>(from_here == splat<I>(1), v, V{})};
  };
  pair_gradients(run, gx, begin, past, value, [&](int64_t row) CR_INLINE_LAMBDA {
    const int64_t first = row % run.per_plane * 2 * in;
    for (int64_t i = 0; i < 2 * in; ++i) {
      const int64_t window = row * n + i % in / 2;
      gx[2 * row * in + i] = where[window] == first + i ? g[window] + T{0} : T{0};
    }
  });
}

/// g added at each position of a plane.
template <class T>
CR_INLINE void scatter(const Planes<const T>& g, const T* values, const Planes<const IntFor<T>>& where, const IntFor<T>* positions, T* gx,
                       int64_t size) {
  std::memset(gx, 0, static_cast<size_t>(size) * sizeof(T));
  for (int64_t row = 0; row < g.height; ++row) {
    for (int64_t column = 0; column < g.width; ++column) {
      const int64_t i = positions[row * where.row_stride + column * where.stride];
      if (static_cast<uint64_t>(i) < static_cast<uint64_t>(size)) gx[i] += values[row * g.row_stride + column * g.stride];
    }
  }
}

/// g, where [..., OH, OW] -> gx [..., H, W]: zero, and g added at its position, which max_pool2d with the same parameters found. The order
/// of sums is fixed: row-major.
template <class T>
void max_unpool2d(Context& ctx, const Args& args) {
  check_same_planes(args.in[0], args.out[0]);
  check_same_planes(args.in[0], args.in[1]);
  const auto g = planes_of<const T>(args.in[0]);
  const auto where = planes_of<const IntFor<T>>(args.in[1]);
  const auto to = output_planes<T>(args.out[0]);
  CR_CHECK(g.height == where.height && g.width == where.width);
  const MaxGeometry pool = max_geometry(to.height, to.width, g.height, g.width, args.params);
  const PoolAxis &h = pool.h, &w = pool.w;
  if (is_pair_run(h, w, to, g) && is_pair_run(h, w, to, where)) {
    const PairRows run{to.count * h.out, h.out, w.out};
    return for_each_pair_row(ctx, run, [&](int64_t begin, int64_t past) { gather_pairs(run, g.data, where.data, to.data, begin, past); });
  }
  const bool pairs = is_pairs(h) && is_pairs(w), triples = is_triples(h) && is_triples(w);
  if (!(pairs || triples) || g.stride != 1 || where.stride != 1) {
    const int64_t size = to.height * to.width;
    for_each_row(ctx, to.count, 1, size,
                 [&](const RowRun& run) { scatter(g, plane(g, run.plane), where, plane(where, run.plane), plane(to, run.plane), size); });
    return;
  }
  const auto gather = pairs ? &gather_chosen<2, T> : &gather_chosen<3, T>;
  for_each_row(ctx, to.count, to.height, 2 * to.width, [&](const RowRun& run) {
    gather(h, w, plane(g, run.plane), g.row_stride, plane(where, run.plane), where.row_stride, plane(to, run.plane) + run.first * w.in,
           run.first, run.past, room_of(to, run));
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
  for_each_row(ctx, to.count, 1, to.height * to.width, [&](const RowRun& run) {
    const int64_t at = run.plane;
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

CR_REGISTER(max_unpool2d, (kernel_set(Registration{"max_unpool2d", DType::f32, kIsa, "Ti>T", CR_MAX_PARAMS, &max_unpool2d<float>},
                                      Registration{"max_unpool2d", DType::f64, kIsa, "Tl>T", CR_MAX_PARAMS, &max_unpool2d<double>},
                                      Registration{"max_pool2d_at", DType::f32, kIsa, "Ti>T", "", &max_pool2d_at<float>},
                                      Registration{"max_pool2d_at", DType::f64, kIsa, "Tl>T", "", &max_pool2d_at<double>})));

}  // namespace chainrule::CR_ISA
