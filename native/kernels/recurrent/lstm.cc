// Long short-term memory (Hochreiter and Schmidhuber 1997), one layer in one direction, and its gradient through time.
#include "kernels/recurrent/gates.h"

namespace chainrule::CR_ISA {

/// Some units of one row of one step, `stride` between the gates of a unit: `gates` hold x W_ih^T + b for i, f, g, o and become the
/// activated gates (in training), sums are h W_hh^T; c is the cell state.
template <class T>
CR_INLINE void lstm_row(int64_t units, const T* sums, int64_t stride, T* gates, bool training, T* c, T* h, T* y) {
  using V = Vec<T>;
  for_lanes<T>(units, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    V gate[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      gate[g] = load_some(gates + g * stride + i, m) + load_some(sums + g * units + i, m);
    }
    const V in = sigmoid(gate[0]), forget = sigmoid(gate[1]), update = tanh(gate[2]), out = sigmoid(gate[3]);
    const V cell = fma(forget, load_some(c + i, m), in * update), state = out * tanh(cell);
    if (training) {
      store_some(gates + i, in, m);
      store_some(gates + stride + i, forget, m);
      store_some(gates + 2 * stride + i, update, m);
      store_some(gates + 3 * stride + i, out, m);
    }
    store_some(c + i, cell, m);
    store_some(h + i, state, m);
    store_some(y + i, state, m);
  });
}

/// weight [4H, H], h0, c0 [B, H]; gates [T, B, 4H] = x W_ih^T + b -> y [T, B, H], last h and c [B, H] and, for the gradient, cells
/// [T, B, H] and what each step began with, before [T, B, H], and the activated gates in place of the others (both of shape [0] where there
/// will be none: then gates stay as they are).
template <class T>
void lstm(Context& ctx, const Args& args) {
  const TensorView& weight = args.in[0];
  const Walk walk = make_walk(args.out[0], weight, 4, args.params[0], args.params[1]);
  const int64_t n = walk.hidden, size = static_cast<int64_t>(sizeof(T));
  const auto gates = sequence<T>(args.out[0], walk, 4 * n), y = sequence<T>(args.out[1], walk, n);
  const auto cells = optional_sequence<T>(args.out[4], walk, n), before = optional_sequence<T>(args.out[5], walk, n);
  const bool training = cells.data != nullptr;
  CR_CHECK(training == (before.data != nullptr));
  T *h = state<T>(args.out[2], walk), *c = state<T>(args.out[3], walk);
  copy_state(args.in[1], walk, h);
  copy_state(args.in[2], walk, c);
  const auto packed = pack_gates(ctx, StridedB<T>{static_cast<const T*>(weight.data), weight.strides[1], weight.strides[0]}, n, 4);
  for_row_blocks<T>(ctx, walk, Steps<T>::each(n, 4), [&](int64_t first, int64_t rows, T* room) {
    Steps<T> steps(room, rows, n, 4);
    steps.begin(h + first * n);
    for (int64_t i = 0; i < walk.steps; ++i) {
      const int64_t t = walk.step(i);
      const auto early = [&](int64_t b, int64_t j, int64_t units) CR_INLINE_LAMBDA {
        for (int64_t g = 0; g < 4; ++g) prefetch_run(gates.at(t, first + b) + g * n + j, units * size);
      };
      steps.take(packed, early, [&](int64_t b, int64_t j, int64_t units, const T* sums) CR_INLINE_LAMBDA {
        T *row = gates.at(t, first + b) + j, *cell = c + (first + b) * n + j;
        lstm_row(units, sums, n, row, training, cell, steps.next + b * steps.row + j, y.at(t, first + b) + j);
        if (!training) return;
        const size_t bytes = static_cast<size_t>(units) * sizeof(T);
        std::memcpy(before.at(t, first + b) + j, steps.now + b * steps.row + j, bytes);
        std::memcpy(cells.at(t, first + b) + j, cell, bytes);
      });
    }
    steps.end(h + first * n);
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
