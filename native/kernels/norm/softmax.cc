// softmax and logSoftmax along one axis, with their gradients. Each has a form for one row and one for a row in each lane (short rows, rows
// side by side); both add in the same order.
#include "kernels/norm/row_loop.h"

namespace chainrule::CR_ISA {

/// y = e^(x - max) / sum of e^(x - max): no overflow, and at least one term is 1.
struct Softmax {
  template <class T>
  static void row(const RowTarget<T>& to, const T* const (&in)[1], int64_t n) {
    using V = Vec<T>;
    const T* x = in[0];
    const V high = splat<V>(row_peak(x, n));
    const T sum = reduce_each<JoinSum, T, 1>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
      prefetch(x + n + i);
      const V e = exp_weight(load_some(x + i, m) - high);
      store_some(to.line + i, e, m);
      return e;
    });
    const V scale = splat<V>(1 / sum);
    write_row(to.y, n, to.streamed, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(to.line + i, m) * scale; });
  }
  template <class V>
  static void lanes(V* const (&v)[1], int64_t n) {
    const V high = fold_row_lanes<JoinLarger>(v[0], n);
    const V sum = fold_row_lanes<JoinSum, 1, V>(n, [&](int64_t j) CR_INLINE_LAMBDA { return v[0][j] = exp_weight(v[0][j] - high); });
    const V scale = splat<V>(1) / sum;
    for (int64_t j = 0; j < n; ++j) v[0][j] *= scale;
  }
};

/// y = (x - max) - log(sum of e^(x - max)).
struct LogSoftmax {
  template <class T>
  static void row(const RowTarget<T>& to, const T* const (&in)[1], int64_t n) {
    using V = Vec<T>;
    const T* x = in[0];
    const PowerSum<T> all = power_sum(x, n);
    const V high = splat<V>(all.high), log_sum = log(splat<V>(all.sum));
    write_row(to.y, n, to.streamed, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return (load_some(x + i, m) - high) - log_sum; });
  }
  template <class V>
  static void lanes(V* const (&v)[1], int64_t n) {
    const V high = fold_row_lanes<JoinLarger>(v[0], n);
    const V log_sum = log(fold_row_lanes<JoinSum, 1, V>(n, [&](int64_t j) CR_INLINE_LAMBDA { return exp_weight(v[0][j] - high); }));
    for (int64_t j = 0; j < n; ++j) v[0][j] = (v[0][j] - high) - log_sum;
  }
};

/// dx = y (g - sum of g y).
struct SoftmaxGrad {
  template <class T>
  static void row(const RowTarget<T>& to, const T* const (&in)[2], int64_t n) {
    using V = Vec<T>;
    const T *g = in[0], *y = in[1];
    const V dot = splat<V>(
        reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m) * load_some(y + i, m); }));
    const auto value = [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(y + i, m) * (load_some(g + i, m) - dot); };
    // Not asking for the rows that follow takes 0.8 of the time with AVX2 ([4096,1024]); with AVX-512 that was not measured.
    write_row(to.y, n, to.streamed, value, [=](int64_t i) CR_INLINE_LAMBDA {
      if constexpr (kVecBytes == 64) {
        prefetch(g + n + i);
        prefetch(y + n + i);
      }
    });
  }
  template <class V>
  static void lanes(V* const (&v)[2], int64_t n) {
    constexpr int groups = kLaneGroups<Scalar<V>>;
    const V dot = fold_row_lanes<JoinSum, groups, V>(n, [&](int64_t j) CR_INLINE_LAMBDA { return v[0][j] * v[1][j]; });
    for (int64_t j = 0; j < n; ++j) v[0][j] = v[1][j] * (v[0][j] - dot);
  }
};

/// dx = g - e^y sum of g.
struct LogSoftmaxGrad {
  template <class T>
  static void row(const RowTarget<T>& to, const T* const (&in)[2], int64_t n) {
    using V = Vec<T>;
    const T *g = in[0], *y = in[1];
    const V sum = splat<V>(reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m); }));
    const auto value = [=](int64_t i, int64_t m)
                           CR_INLINE_LAMBDA { return fma(-exp_weight(load_some(y + i, m)), sum, load_some(g + i, m)); };
    // Streamed rows ask for those after the next into L2: 0.8 to 0.98 of the time with AVX2; with AVX-512 that was not measured.
    const bool far = kVecBytes != 64 && to.streamed;
    write_row(to.y, n, to.streamed, value, [=](int64_t i) CR_INLINE_LAMBDA {
      prefetch(g + n + i);
      prefetch(y + n + i);
      if (!far) return;
      __builtin_prefetch(g + 2 * n + i, 0, 2);
      __builtin_prefetch(y + 2 * n + i, 0, 2);
    });
  }
  template <class V>
  static void lanes(V* const (&v)[2], int64_t n) {
    const V sum = fold_row_lanes<JoinSum>(v[0], n);
    for (int64_t j = 0; j < n; ++j) v[0][j] = fma(-exp_weight(v[1][j]), sum, v[0][j]);
  }
};

template <class T, class Op, int N>
CR_INLINE void run_loop(Context& ctx, const RowLoop<N>& loop, T* y, const T* const (&x)[N - 1]) {
  if (loop.length <= kShortRow || side_by_side(loop)) {
    for_row_lanes<T, N>(ctx, loop, y, x, [&](Vec<T>* const(&v)[N - 1]) { Op::lanes(v, loop.length); });
  } else {
    for_rows<T, N>(ctx, loop, y, x, [&](const RowTarget<T>& to, const T* const(&own)[N - 1]) { Op::row(to, own, loop.length); });
  }
}
template <class T, class Op>
void run_rows(Context& ctx, const Args& args) {
  const auto loop = make_row_loop<2>({&args.out[0], &args.in[0]}, args.params[0]);
  run_loop<T, Op, 2>(ctx, loop, static_cast<T*>(args.out[0].data), {static_cast<const T*>(args.in[0].data)});
}
template <class T, class Op>
void run_grad_rows(Context& ctx, const Args& args) {
  const auto loop = make_row_loop<3>({&args.out[0], &args.in[0], &args.in[1]}, args.params[0]);
  run_loop<T, Op, 3>(ctx, loop, static_cast<T*>(args.out[0].data),
                     {static_cast<const T*>(args.in[0].data), static_cast<const T*>(args.in[1].data)});
}

template <class Op>
constexpr auto row_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "T>T", "axis", &run_rows<float, Op>},
                    Registration{name, DType::f64, kIsa, "T>T", "axis", &run_rows<double, Op>});
}
template <class Op>
constexpr auto row_grad_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "TT>T", "axis", &run_grad_rows<float, Op>},
                    Registration{name, DType::f64, kIsa, "TT>T", "axis", &run_grad_rows<double, Op>});
}
CR_REGISTER(softmax, (row_kernels<Softmax>("softmax")));
CR_REGISTER(log_softmax, (row_kernels<LogSoftmax>("log_softmax")));
CR_REGISTER(softmax_grad, (row_grad_kernels<SoftmaxGrad>("softmax_grad")));
CR_REGISTER(log_softmax_grad, (row_grad_kernels<LogSoftmaxGrad>("log_softmax_grad")));

}  // namespace chainrule::CR_ISA
