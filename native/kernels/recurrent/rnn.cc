// The plain recurrence h = activation(x W_ih^T + b + h W_hh^T) (Elman 1990), one layer in one direction, and its gradient through time.
#include "kernels/recurrent/sequence.h"

namespace chainrule::CR_ISA {

/// weight [H, H], h0 [B, H]; y [T, B, H] = x W_ih^T + b, which becomes the result -> last h [B, H] and, for the gradient, what each step
/// began with, before [T, B, H] ([0] where there will be none).
template <class T>
void rnn(Context& ctx, const Args& args) {
  using V = Vec<T>;
  const TensorView& weight = args.in[0];
  const Walk walk = make_walk(args.out[0], weight, 1, args.params[0], args.params[1]);
  const int64_t n = walk.hidden, bytes = n * static_cast<int64_t>(sizeof(T));
  const bool relu = args.params[2] != 0;
  const auto y = sequence<T>(args.out[0], walk, n), before = optional_sequence<T>(args.out[2], walk, n);
  T* h = state<T>(args.out[1], walk);
  copy_state(args.in[1], walk, h);
  const StridedB<T> turned{static_cast<const T*>(weight.data), weight.strides[1], weight.strides[0]};
  const auto packed = pack_whole(ctx, turned, n, n);
  for_row_blocks<T>(ctx, walk, 0, [&](int64_t first, int64_t rows, T* buffer) {
    StridedA<T> last{h + first * n, n, 1};
    for (int64_t i = 0; i < walk.steps; ++i) {
      const int64_t t = walk.step(i);
      multiply_block(Rect{0, rows, 0, n}, n, last, packed, StridedC<T>{y.at(t, first), y.row, 1}, buffer, Setting{true});
      for (int64_t b = 0; b < rows; ++b) {
        if (before.data != nullptr) std::memcpy(before.at(t, first + b), last.data + b * last.row, static_cast<size_t>(bytes));
        T* row = y.at(t, first + b);
        for_lanes<T>(n, [=](int64_t j, int64_t m) CR_INLINE_LAMBDA {
          const V x = load_some(row + j, m);
          store_some(row + j, relu ? max(x, V{}) : tanh(x), m);
        });
      }
      last = StridedA<T>{y.at(t, first), y.row, 1};
    }
    if (walk.steps == 0) return;
    for (int64_t b = 0; b < rows; ++b) std::memcpy(h + (first + b) * n, last.data + b * last.row, static_cast<size_t>(bytes));
  });
}

/// Cotangents gy [T, B, H] of y, gh [B, H] of the last state; y and weight as in rnn -> dgates [T, B, H] before the activation, dh [B, H]
/// of the first state.
template <class T>
void rnn_grad(Context& ctx, const Args& args) {
  using V = Vec<T>;
  const TensorView& weight = args.in[3];
  const Walk walk = make_walk(args.in[2], weight, 1, args.params[0], args.params[1]);
  const int64_t n = walk.hidden;
  const bool relu = args.params[2] != 0;
  const auto gy = sequence<const T>(args.in[0], walk, n, false), y = sequence<const T>(args.in[2], walk, n);
  const auto dgates = sequence<T>(args.out[0], walk, n);
  T* dh = state<T>(args.out[1], walk);
  copy_state(args.in[1], walk, dh);
  const auto packed = pack_whole(ctx, StridedB<T>{static_cast<const T*>(weight.data), weight.strides[0], weight.strides[1]}, n, n);
  for_row_blocks<T>(ctx, walk, 0, [&](int64_t first, int64_t rows, T* buffer) {
    for (int64_t i = walk.steps - 1; i >= 0; --i) {
      const int64_t t = walk.step(i);
      for (int64_t b = first; b < first + rows; ++b) {
        const T *out = y.at(t, b), *cotangent = gy.at(t, b), *later = dh + b * n;
        T* to = dgates.at(t, b);
        for_lanes<T>(n, [=, col = gy.col](int64_t j, int64_t m) CR_INLINE_LAMBDA {
          const V g = load_col(cotangent, col, j, m) + load_some(later + j, m), v = load_some(out + j, m);
          store_some(to + j, relu ? select<V>(v > V{}, g, V{}) : g * fma(-v, v, splat<V>(1)), m);
        });
      }
      multiply_block(Rect{0, rows, 0, n}, n, StridedA<T>{dgates.at(t, first), dgates.row, 1}, packed, StridedC<T>{dh + first * n, n, 1},
                     buffer);
    }
  });
}

CR_REGISTER(rnn, (kernel_set(Registration{"rnn", DType::f32, kIsa, "TT>=TTT", "timeAxis,reverse,relu", &rnn<float>},
                             Registration{"rnn", DType::f64, kIsa, "TT>=TTT", "timeAxis,reverse,relu", &rnn<double>})));
CR_REGISTER(rnn_grad, (kernel_set(Registration{"rnn_grad", DType::f32, kIsa, "TTTT>TT", "timeAxis,reverse,relu", &rnn_grad<float>},
                                  Registration{"rnn_grad", DType::f64, kIsa, "TTTT>TT", "timeAxis,reverse,relu", &rnn_grad<double>})));

}  // namespace chainrule::CR_ISA
