// Gated recurrent units (Cho et al. 2014, arXiv:1406.1078; the reset gate acts after the product, as in cuDNN and PyTorch), one layer in
// one direction, and its gradient through time.
#include "kernels/recurrent/gates.h"

namespace chainrule::CR_ISA {

/// Some units of one row of one step, `stride` between the gates of a unit: `gates` hold x W_ih^T + b_ih for r, z, n and become the
/// activated gates, `products` h W_hn^T + b_hn (in training, where products is not nullptr); sums are h W_hh^T, bias is b_hh.
template <class T>
CR_INLINE void gru_row(int64_t units, const T* sums, int64_t stride, T* gates, T* products, const T* bias, const T* h, T* next, T* y) {
  using V = Vec<T>;
  for_lanes<T>(units, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    V sum[3];
#pragma GCC unroll 3
    for (int g = 0; g < 3; ++g) {
      sum[g] = load_some(sums + g * units + i, m);
    }
    const V reset = sigmoid(load_some(gates + i, m) + sum[0] + load_some(bias + i, m));
    const V keep = sigmoid(load_some(gates + stride + i, m) + sum[1] + load_some(bias + stride + i, m));
    const V product = sum[2] + load_some(bias + 2 * stride + i, m);
    const V fresh = tanh(fma(reset, product, load_some(gates + 2 * stride + i, m)));
    const V state = fma(keep, load_some(h + i, m) - fresh, fresh);
    if (products != nullptr) {
      store_some(products + i, product, m);
      store_some(gates + i, reset, m);
      store_some(gates + stride + i, keep, m);
      store_some(gates + 2 * stride + i, fresh, m);
    }
    store_some(next + i, state, m);
    store_some(y + i, state, m);
  });
}

/// weight [3H, H], bias [3H], h0 [B, H]; gates [T, B, 3H] = x W_ih^T + b_ih -> y [T, B, H], last h [B, H] and, for the gradient, products
/// [T, B, H] = h W_hn^T + b_hn, what each step began with, before [T, B, H], and the activated gates in place of the others (both [0] where
/// there will be none: then gates stay as they are).
template <class T>
void gru(Context& ctx, const Args& args) {
  const TensorView &weight = args.in[0], &bias_view = args.in[1];
  const Walk walk = make_walk(args.out[0], weight, 3, args.params[0], args.params[1]);
  const int64_t n = walk.hidden, size = static_cast<int64_t>(sizeof(T));
  CR_CHECK(bias_view.rank == 1 && bias_view.shape[0] == 3 * n);
  const auto gates = sequence<T>(args.out[0], walk, 3 * n), y = sequence<T>(args.out[1], walk, n);
  const auto products = optional_sequence<T>(args.out[3], walk, n), before = optional_sequence<T>(args.out[4], walk, n);
  const bool training = products.data != nullptr;
  CR_CHECK(training == (before.data != nullptr));
  T *h = state<T>(args.out[2], walk), *bias = scratch<T>(ctx, max_of(1, 3 * n));
  copy_state(args.in[2], walk, h);
  for (int64_t j = 0; j < 3 * n; ++j) bias[j] = static_cast<const T*>(bias_view.data)[j * bias_view.strides[0]];
  const auto packed = pack_gates(ctx, StridedB<T>{static_cast<const T*>(weight.data), weight.strides[1], weight.strides[0]}, n, 3);
  for_row_blocks<T>(ctx, walk, Steps<T>::each(n, 3), [&](int64_t first, int64_t rows, T* room) {
    Steps<T> steps(room, rows, n, 3);
    steps.begin(h + first * n);
    for (int64_t i = 0; i < walk.steps; ++i) {
      const int64_t t = walk.step(i);
      const auto early = [&](int64_t b, int64_t j, int64_t units) CR_INLINE_LAMBDA {
        for (int64_t g = 0; g < 3; ++g) prefetch_run(gates.at(t, first + b) + g * n + j, units * size);
      };
      steps.take(packed, early, [&](int64_t b, int64_t j, int64_t units, const T* sums) CR_INLINE_LAMBDA {
        T *row = gates.at(t, first + b) + j, *product = training ? products.at(t, first + b) + j : nullptr;
        const T* now = steps.now + b * steps.row + j;
        gru_row(units, sums, n, row, product, bias + j, now, steps.next + b * steps.row + j, y.at(t, first + b) + j);
        if (training) std::memcpy(before.at(t, first + b) + j, now, static_cast<size_t>(units) * sizeof(T));
      });
    }
    steps.end(h + first * n);
  });
}

/// One row of one step backwards: dh comes from the step after and becomes the part of the step before that does not go through the
/// weights.
template <class T>
CR_INLINE void gru_grad_row(int64_t n, const T* gates, const T* product, const T* h, const T* gy, int64_t gy_col, T* dh, T* dgates,
                            T* dproducts) {
  using V = Vec<T>;
  const V one = splat<V>(1);
  for_lanes<T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V reset = load_some(gates + i, m), keep = load_some(gates + n + i, m), fresh = load_some(gates + 2 * n + i, m);
    const V g = load_col(gy, gy_col, i, m) + load_some(dh + i, m);
    const V dfresh = g * (one - keep) * fma(-fresh, fresh, one);
    const V dkeep = g * (load_some(h + i, m) - fresh) * keep * (one - keep);
    const V dreset = dfresh * load_some(product + i, m) * reset * (one - reset);
    store_some(dgates + i, dreset, m);
    store_some(dgates + n + i, dkeep, m);
    store_some(dgates + 2 * n + i, dfresh, m);
    store_some(dproducts + i, dreset, m);
    store_some(dproducts + n + i, dkeep, m);
    store_some(dproducts + 2 * n + i, dfresh * reset, m);
    store_some(dh + i, g * keep, m);
  });
}

/// Cotangents gy [T, B, H] of y, gh [B, H] of the last state; gates, products, before and weight as in gru -> dgates [T, B, 3H] of
/// x W_ih^T + b_ih, dproducts [T, B, 3H] of h W_hh^T + b_hh, dh [B, H] of the first state.
template <class T>
void gru_grad(Context& ctx, const Args& args) {
  const TensorView& weight = args.in[5];
  const Walk walk = make_walk(args.in[2], weight, 3, args.params[0], args.params[1]);
  const int64_t n = walk.hidden;
  const auto gy = sequence<const T>(args.in[0], walk, n, false), gates = sequence<const T>(args.in[2], walk, 3 * n);
  const auto products = sequence<const T>(args.in[3], walk, n), before = sequence<const T>(args.in[4], walk, n);
  const auto dgates = sequence<T>(args.out[0], walk, 3 * n), dproducts = sequence<T>(args.out[1], walk, 3 * n);
  T* dh = state<T>(args.out[2], walk);
  copy_state(args.in[1], walk, dh);
  const auto packed = pack_whole(ctx, StridedB<T>{static_cast<const T*>(weight.data), weight.strides[0], weight.strides[1]}, 3 * n, n);
  for_row_blocks<T>(ctx, walk, 0, [&](int64_t first, int64_t rows, T* buffer) {
    for (int64_t i = walk.steps - 1; i >= 0; --i) {
      const int64_t t = walk.step(i);
      for (int64_t b = first; b < first + rows; ++b) {
        gru_grad_row(n, gates.at(t, b), products.at(t, b), before.at(t, b), gy.at(t, b), gy.col, dh + b * n, dgates.at(t, b),
                     dproducts.at(t, b));
      }
      multiply_block(Rect{0, rows, 0, n}, 3 * n, StridedA<T>{dproducts.at(t, first), dproducts.row, 1}, packed,
                     StridedC<T>{dh + first * n, n, 1}, buffer, Setting{true});
    }
  });
}

CR_REGISTER(gru, (kernel_set(Registration{"gru", DType::f32, kIsa, "TTT>=TTTTT", "timeAxis,reverse", &gru<float>},
                             Registration{"gru", DType::f64, kIsa, "TTT>=TTTTT", "timeAxis,reverse", &gru<double>})));
CR_REGISTER(gru_grad, (kernel_set(Registration{"gru_grad", DType::f32, kIsa, "TTTTTT>TTT", "timeAxis,reverse", &gru_grad<float>},
                                  Registration{"gru_grad", DType::f64, kIsa, "TTTTTT>TTT", "timeAxis,reverse", &gru_grad<double>})));

}  // namespace chainrule::CR_ISA
