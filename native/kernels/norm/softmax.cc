// softmax and logSoftmax along one axis, with their gradients.
#include "kernels/norm/row_loop.h"
#include "simd/math.h"

namespace chainrule::CR_ISA {

/// y = e^(x - max) / sum of e^(x - max): no overflow, and at least one term is 1.
template <class T>
CR_INLINE void softmax_row(const T* x, int64_t n, T* y) {
  using V = Vec<T>;
  const V high = splat<V>(row_max(x, n));
  const T sum = reduce_each<JoinSum, T, 1>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V e = exp(load_some(x + i, m) - high);
    store_some(y + i, e, m);
    return e;
  });
  const V scale = splat<V>(1 / sum);
  map_row(y, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(y + i, m) * scale; });
}

/// y = (x - max) - log(sum of e^(x - max)).
template <class T>
CR_INLINE void log_softmax_row(const T* x, int64_t n, T* y) {
  using V = Vec<T>;
  const V high = splat<V>(row_max(x, n));
  const V log_sum =
      log(splat<V>(reduce_each<JoinSum, T, 1>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return exp(load_some(x + i, m) - high); })));
  map_row(y, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return (load_some(x + i, m) - high) - log_sum; });
}

/// dx = y (g - sum of g y).
template <class T>
CR_INLINE void softmax_grad_row(const T* g, const T* y, int64_t n, T* dx) {
  using V = Vec<T>;
  const V dot = splat<V>(
      reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m) * load_some(y + i, m); }));
  map_row(dx, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(y + i, m) * (load_some(g + i, m) - dot); });
}

/// dx = g - e^y sum of g.
template <class T>
CR_INLINE void log_softmax_grad_row(const T* g, const T* y, int64_t n, T* dx) {
  using V = Vec<T>;
  const V sum = splat<V>(reduce_each<JoinSum, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + i, m); }));
  map_row(dx, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return fma(-exp(load_some(y + i, m)), sum, load_some(g + i, m)); });
}

template <class T, void (*Row)(const T*, int64_t, T*)>
void run_rows(Context& ctx, const Args& args) {
  const auto loop = make_row_loop<2>({&args.out[0], &args.in[0]}, args.params[0]);
  for_rows<T, 2>(ctx, loop, static_cast<T*>(args.out[0].data), {static_cast<const T*>(args.in[0].data)},
                 [&](T* y, const T* const(&x)[1], int64_t) { Row(x[0], loop.length, y); });
}
template <class T, void (*Row)(const T*, const T*, int64_t, T*)>
void run_grad_rows(Context& ctx, const Args& args) {
  const auto loop = make_row_loop<3>({&args.out[0], &args.in[0], &args.in[1]}, args.params[0]);
  for_rows<T, 3>(ctx, loop, static_cast<T*>(args.out[0].data),
                 {static_cast<const T*>(args.in[0].data), static_cast<const T*>(args.in[1].data)},
                 [&](T* dx, const T* const(&x)[2], int64_t) { Row(x[0], x[1], loop.length, dx); });
}

CR_REGISTER(softmax, (kernel_set(Registration{"softmax", DType::f32, kIsa, "T>T", "axis", &run_rows<float, softmax_row<float>>},
                                 Registration{"softmax", DType::f64, kIsa, "T>T", "axis", &run_rows<double, softmax_row<double>>})));
CR_REGISTER(log_softmax,
            (kernel_set(Registration{"log_softmax", DType::f32, kIsa, "T>T", "axis", &run_rows<float, log_softmax_row<float>>},
                        Registration{"log_softmax", DType::f64, kIsa, "T>T", "axis", &run_rows<double, log_softmax_row<double>>})));
CR_REGISTER(softmax_grad,
            (kernel_set(Registration{"softmax_grad", DType::f32, kIsa, "TT>T", "axis", &run_grad_rows<float, softmax_grad_row<float>>},
                        Registration{"softmax_grad", DType::f64, kIsa, "TT>T", "axis", &run_grad_rows<double, softmax_grad_row<double>>})));
CR_REGISTER(
    log_softmax_grad,
    (kernel_set(Registration{"log_softmax_grad", DType::f32, kIsa, "TT>T", "axis", &run_grad_rows<float, log_softmax_grad_row<float>>},
                Registration{"log_softmax_grad", DType::f64, kIsa, "TT>T", "axis", &run_grad_rows<double, log_softmax_grad_row<double>>})));

}  // namespace chainrule::CR_ISA
