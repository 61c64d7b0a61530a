// Long short-term memory (Hochreiter and Schmidhuber 1997), one layer in one direction, and its gradient through time.
#include "kernels/recurrent/sequence.h"

namespace chainrule::CR_ISA {

/// One row of one step: gates hold i, f, g, o before their activation and after it; c is the cell state.
template <class T>
CR_INLINE void lstm_row(int64_t n, T* gates, T* c, T* y) {
  using V = Vec<T>;
  for_lanes<T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V in = sigmoid(load_some(gates + i, m)), forget = sigmoid(load_some(gates + n + i, m));
    const V update = tanh(load_some(gates + 2 * n + i, m)), out = sigmoid(load_some(gates + 3 * n + i, m));
    const V cell = fma(forget, load_some(c + i, m), in * update);
    store_some(gates + i, in, m);
    store_some(gates + n + i, forget, m);
    store_some(gates + 2 * n + i, update, m);
    store_some(gates + 3 * n + i, out, m);
    store_some(c + i, cell, m);
    store_some(y + i, out * tanh(cell), m);
  });
}

/// weight [4H, H], h0, c0 [B, H]; gates [T, B, 4H] = x W_ih^T + b, which become the activated gates -> y [T, B, H], last h and c [B, H]
/// and, for the gradient, cells [T, B, H] and what each step began with, before [T, B, H] (both of shape [0] where there will be none).
template <class T>
void lstm(Context& ctx, const Args& args) {
  const TensorView& weight = args.in[0];
  const Walk walk = make_walk(args.out[0], weight, 4, args.params[0], args.params[1]);
  const int64_t n = walk.hidden, bytes = n * static_cast<int64_t>(sizeof(T));
  const auto gates = sequence<T>(args.out[0], walk, 4 * n), y = sequence<T>(args.out[1], walk, n);
  const auto cells = optional_sequence<T>(args.out[4], walk, n), before = optional_sequence<T>(args.out[5], walk, n);
  T *h = state<T>(args.out[2], walk), *c = state<T>(args.out[3], walk);
  copy_state(args.in[1], walk, h);
  copy_state(args.in[2], walk, c);
  const StridedB<T> turned{static_cast<const T*>(weight.data), weight.strides[1], weight.strides[0]};
  const auto packed = pack_whole(ctx, turned, n, 4 * n);
  for_row_blocks<T>(ctx, walk, 0, [&](int64_t first, int64_t rows, T* buffer) {
    StridedA<T> last{h + first * n, n, 1};
    for (int64_t i = 0; i < walk.steps; ++i) {
      const int64_t t = walk.step(i);
      const StridedC<T> sums{gates.at(t, first), gates.row, 1};
      multiply_block(Rect{0, rows, 0, 4 * n}, n, last, packed, sums, buffer, Setting{true});
      for (int64_t b = 0; b < rows; ++b) {
        if (before.data != nullptr) std::memcpy(before.at(t, first + b), last.data + b * last.row, static_cast<size_t>(bytes));
        lstm_row(n, gates.at(t, first + b), c + (first + b) * n, y.at(t, first + b));
        if (cells.data != nullptr) std::memcpy(cells.at(t, first + b), c + (first + b) * n, static_cast<size_t>(bytes));
      }
      last = StridedA<T>{y.at(t, first), y.row, 1};
    }
    if (walk.steps == 0) return;
    for (int64_t b = 0; b < rows; ++b) std::memcpy(h + (first + b) * n, last.data + b * last.row, static_cast<size_t>(bytes));
  });
}

/// One row of one step backwards: dh and dc come from the step after, gy from above; gives dgates and the dc of the step before.
template <class T>
CR_INLINE void lstm_grad_row(int64_t n, const T* gates, const T* cell, const T* cell_before, const T* gy, int64_t gy_col, const T* dh,
                             T* dc, T* dgates) {
  using V = Vec<T>;
  const V one = splat<V>(1);
  for_lanes<T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    const V in = load_some(gates + i, m), forget = load_some(gates + n + i, m);
    const V update = load_some(gates + 2 * n + i, m), out = load_some(gates + 3 * n + i, m);
    const V squashed = tanh(load_some(cell + i, m)), g = load_col(gy, gy_col, i, m) + load_some(dh + i, m);
    const V dcell = fma(g * out, fma(-squashed, squashed, one), load_some(dc + i, m));
    store_some(dgates + i, dcell * update * in * (one - in), m);
    store_some(dgates + n + i, dcell * load_some(cell_before + i, m) * forget * (one - forget), m);
    store_some(dgates + 2 * n + i, dcell * in * fma(-update, update, one), m);
    store_some(dgates + 3 * n + i, g * squashed * out * (one - out), m);
    store_some(dc + i, dcell * forget, m);
  });
}

/// Cotangents gy [T, B, H] of y, gh, gc [B, H] of the last states; gates, cells, c0 and weight as in lstm -> dgates [T, B, 4H] before the
/// activation, dh, dc [B, H] of the first states.
template <class T>
void lstm_grad(Context& ctx, const Args& args) {
  const TensorView &weight = args.in[6], &c0 = args.in[5];
  const Walk walk = make_walk(args.in[3], weight, 4, args.params[0], args.params[1]);
  const int64_t n = walk.hidden;
  const auto gy = sequence<const T>(args.in[0], walk, n, false), cells = sequence<const T>(args.in[4], walk, n);
  const auto gates = sequence<const T>(args.in[3], walk, 4 * n);
  const auto dgates = sequence<T>(args.out[0], walk, 4 * n);
  T *dh = state<T>(args.out[1], walk), *dc = state<T>(args.out[2], walk);
  T* begin = scratch<T>(ctx, max_of(1, walk.rows * n));
  copy_state(args.in[1], walk, dh);
  copy_state(args.in[2], walk, dc);
  copy_state(c0, walk, begin);
  const auto packed = pack_whole(ctx, StridedB<T>{static_cast<const T*>(weight.data), weight.strides[0], weight.strides[1]}, 4 * n, n);
  for_row_blocks<T>(ctx, walk, 0, [&](int64_t first, int64_t rows, T* buffer) {
    for (int64_t i = walk.steps - 1; i >= 0; --i) {
      const int64_t t = walk.step(i);
      for (int64_t b = first; b < first + rows; ++b) {
        const T* cell_before = i > 0 ? cells.at(walk.step(i - 1), b) : begin + b * n;
        lstm_grad_row(n, gates.at(t, b), cells.at(t, b), cell_before, gy.at(t, b), gy.col, dh + b * n, dc + b * n, dgates.at(t, b));
      }
      multiply_block(Rect{0, rows, 0, n}, 4 * n, StridedA<T>{dgates.at(t, first), dgates.row, 1}, packed, StridedC<T>{dh + first * n, n, 1},
                     buffer);
    }
  });
}

CR_REGISTER(lstm, (kernel_set(Registration{"lstm", DType::f32, kIsa, "TTT>=TTTTTT", "timeAxis,reverse", &lstm<float>},
                              Registration{"lstm", DType::f64, kIsa, "TTT>=TTTTTT", "timeAxis,reverse", &lstm<double>})));
CR_REGISTER(lstm_grad, (kernel_set(Registration{"lstm_grad", DType::f32, kIsa, "TTTTTTT>TTT", "timeAxis,reverse", &lstm_grad<float>},
                                   Registration{"lstm_grad", DType::f64, kIsa, "TTTTTTT>TTT", "timeAxis,reverse", &lstm_grad<double>})));

}  // namespace chainrule::CR_ISA
