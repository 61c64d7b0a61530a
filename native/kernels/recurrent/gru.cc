// Gated recurrent units (Cho et al. 2014, arXiv:1406.1078; the reset gate acts after the product, as in cuDNN and PyTorch), one layer in
// one direction, and its gradient through time.
#include "kernels/recurrent/sequence.h"

namespace chainrule::CR_ISA {

/// One row of one step: gates hold r, z, n before their activation and after it; product is h W_hn^T + b_hn.
template <class T>
CR_INLINE void gru_row(int64_t n, T* gates, const T* product, const T* bias, const T* h, T* y) {
  using V = Vec<T>;
  for_lanes<T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V reset = sigmoid(load_some(gates + i, m) + load_some(bias + i, m));
    const V keep = sigmoid(load_some(gates + n + i, m) + load_some(bias + n + i, m));
    const V fresh = tanh(fma(reset, load_some(product + i, m), load_some(gates + 2 * n + i, m)));
    store_some(gates + i, reset, m);
    store_some(gates + n + i, keep, m);
    store_some(gates + 2 * n + i, fresh, m);
    store_some(y + i, fma(keep, load_some(h + i, m) - fresh, fresh), m);
  });
}

/// weight [3H, H], bias [3H], h0 [B, H]; gates [T, B, 3H] = x W_ih^T + b_ih, which become the activated gates -> y [T, B, H], last h [B, H]
/// and, for the gradient, products [T, B, H] = h W_hn^T + b_hn and what each step began with, before [T, B, H] (both [0] where there is
/// none).
template <class T>
void gru(Context& ctx, const Args& args) {
  const TensorView &weight = args.in[0], &bias_view = args.in[1];
  const Walk walk = make_walk(args.out[0], weight, 3, args.params[0], args.params[1]);
  const int64_t n = walk.hidden, bytes = n * static_cast<int64_t>(sizeof(T));
  CR_CHECK(bias_view.rank == 1 && bias_view.shape[0] == 3 * n);
  const auto gates = sequence<T>(args.out[0], walk, 3 * n), y = sequence<T>(args.out[1], walk, n);
  const auto products = optional_sequence<T>(args.out[3], walk, n), before = optional_sequence<T>(args.out[4], walk, n);
  T *h = state<T>(args.out[2], walk), *bias = scratch<T>(ctx, max_of(1, 3 * n));
  copy_state(args.in[2], walk, h);
  for (int64_t j = 0; j < 3 * n; ++j) bias[j] = static_cast<const T*>(bias_view.data)[j * bias_view.strides[0]];
  const StridedB<T> turned{static_cast<const T*>(weight.data), weight.strides[1], weight.strides[0]};
  const auto packed = pack_whole(ctx, turned, n, 2 * n);
  const auto packed_fresh = pack_whole(ctx, StridedB<T>{turned.data + 2 * n * turned.col, turned.row, turned.col}, n, n);
  const int64_t block = walk.rows < 2 * kBlockRows ? walk.rows : 2 * kBlockRows;
  for_row_blocks<T>(ctx, walk, block * n, [&](int64_t first, int64_t rows, T* buffer) {
    StridedA<T> last{h + first * n, n, 1};
    for (int64_t i = 0; i < walk.steps; ++i) {
      const int64_t t = walk.step(i);
      const Sequence<T> to = products.data != nullptr ? Sequence<T>{products.at(t, first), 0, products.row, 1}
                                                      : Sequence<T>{buffer + kBlockScratch<T>, 0, n, 1};
      multiply_block(Rect{0, rows, 0, 2 * n}, n, last, packed, StridedC<T>{gates.at(t, first), gates.row, 1}, buffer, Setting{true});
      multiply_block(Rect{0, rows, 0, n}, n, last, packed_fresh, StridedC<T>{to.data, to.row, 1, bias + 2 * n, 0, 1}, buffer);
      for (int64_t b = 0; b < rows; ++b) {
        const T* h_row = last.data + b * last.row;
        if (before.data != nullptr) std::memcpy(before.at(t, first + b), h_row, static_cast<size_t>(bytes));
        gru_row(n, gates.at(t, first + b), to.at(0, b), bias, h_row, y.at(t, first + b));
      }
      last = StridedA<T>{y.at(t, first), y.row, 1};
    }
    if (walk.steps == 0) return;
    for (int64_t b = 0; b < rows; ++b) std::memcpy(h + (first + b) * n, last.data + b * last.row, static_cast<size_t>(bytes));
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
