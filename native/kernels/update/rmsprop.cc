// RMSprop (Hinton's lecture 6e; centered: Graves 2013, arXiv:1308.0850) and Adagrad (Duchi et al. 2011).
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

/// s = alpha s + (1 - alpha) g^2;  a = sqrt(s - m^2) + eps, where m = alpha m + (1 - alpha) g if centered, else 0;
/// p -= lr g / a, or with momentum b = momentum b + g / a;  p -= lr b. Slots: p, s, then m (centered), then b (momentum).
template <class T, bool Centered, bool Momentum>
struct RmspropStep {
  T lr, alpha, rest, eps, decay, momentum, sign;
  void operator()(Vec<T> g, Vec<T> (&v)[2 + Centered + Momentum]) const {
    using V = Vec<T>;
    const V d = fma(splat<V>(decay), v[0], splat<V>(sign) * g);
    v[1] = fma(splat<V>(alpha), v[1], splat<V>(rest) * d * d);
    V square = v[1];
    if constexpr (Centered) {
      v[2] = fma(splat<V>(alpha), v[2], splat<V>(rest) * d);
      square = fma(-v[2], v[2], square);
    }
    V move = d / (sqrt(square) + splat<V>(eps));
    if constexpr (Momentum) move = v[2 + Centered] = fma(splat<V>(momentum), v[2 + Centered], move);
    v[0] = fma(splat<V>(-lr), move, v[0]);
  }
};

template <class T, bool Centered, bool Momentum>
CR_INLINE void rmsprop(Context& ctx, const Args& args) {
  const RmspropStep<T, Centered, Momentum> step{param<T>(args, 0), param<T>(args, 1), static_cast<T>(1 - args.params[1]), param<T>(args, 2),
                                                param<T>(args, 3), param<T>(args, 4), args.params[6] != 0 ? T(-1) : T(1)};
  step_group<T, 2 + Centered + Momentum>(ctx, args, step);
}

template <class T>
void run_rmsprop(Context& ctx, const Args& args) {
  const bool momentum = args.params[4] != 0, centered = args.params[5] != 0;
  if (centered) return momentum ? rmsprop<T, true, true>(ctx, args) : rmsprop<T, true, false>(ctx, args);
  return momentum ? rmsprop<T, false, true>(ctx, args) : rmsprop<T, false, false>(ctx, args);
}

/// s += g^2;  p -= lr g / (sqrt(s) + eps). Slots: p, s.
template <class T>
struct AdagradStep {
  T lr, eps, decay, sign;
  void operator()(Vec<T> g, Vec<T> (&v)[2]) const {
    using V = Vec<T>;
    const V d = fma(splat<V>(decay), v[0], splat<V>(sign) * g);
    v[1] = fma(d, d, v[1]);
    v[0] = fma(splat<V>(-lr), d / (sqrt(v[1]) + splat<V>(eps)), v[0]);
  }
};

template <class T>
void run_adagrad(Context& ctx, const Args& args) {
  step_group<T, 2>(ctx, args, AdagradStep<T>{param<T>(args, 0), param<T>(args, 1), param<T>(args, 2), args.params[3] != 0 ? T(-1) : T(1)});
}

template <class... T>
constexpr auto rmsprop_kernels() {
  return kernel_set(
      Registration{"rmsprop_step", kDTypeOf<T>, kIsa, "T~>=T~", "lr,alpha,eps,weightDecay,momentum,centered,maximize", &run_rmsprop<T>}...,
      Registration{"adagrad_step", kDTypeOf<T>, kIsa, "T~>=T~", "lr,eps,weightDecay,maximize", &run_adagrad<T>}...);
}
CR_REGISTER(rmsprop, (rmsprop_kernels<float, double>()));

}  // namespace chainrule::CR_ISA
