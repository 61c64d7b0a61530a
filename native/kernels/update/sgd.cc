// Stochastic gradient descent, with and without momentum (Sutskever et al. 2013, as PyTorch writes it).
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

/// d = g + weightDecay * p;  p -= lr * d
template <class T>
struct SgdStep {
  T lr, weight_decay, sign;
  CR_INLINE Vec<T> direction(Vec<T> g, Vec<T> p, T sign, T weight_decay) {
    return fma(splat<Vec<T>>(weight_decay), p, splat<Vec<T>>(sign) * g);
  }
  void operator()(Vec<T> g, Vec<T> (&v)[1]) const {
    const Vec<T> d = direction(g, v[0], sign, weight_decay);
    v[0] = fma(splat<Vec<T>>(-lr), d, v[0]);
  }
};

/// b = momentum * b + (1 - dampening) * d, at first b = d;  d = nesterov ? d + momentum * b : b;  p -= lr * d
template <class T>
struct SgdMomentumStep {
  SgdStep<T> plain;
  T momentum, keep;
  bool nesterov, first;
  void operator()(Vec<T> g, Vec<T> (&v)[2]) const {
    const Vec<T> mu = splat<Vec<T>>(momentum);
    Vec<T> d = SgdStep<T>::direction(g, v[0], plain.sign, plain.weight_decay);
    v[1] = first ? d : fma(mu, v[1], splat<Vec<T>>(keep) * d);
    d = nesterov ? fma(mu, v[1], d) : v[1];
    v[0] = fma(splat<Vec<T>>(-plain.lr), d, v[0]);
  }
};

template <class T>
CR_INLINE SgdStep<T> sgd_step(const Args& args) {
  return {param<T>(args, 0), param<T>(args, 1), args.params[2] != 0 ? T(-1) : T(1)};
}
template <class T>
void run_sgd(Context& ctx, const Args& args) {
  step_group<T, 1>(ctx, args, sgd_step<T>(args));
}
template <class T>
void run_sgd_momentum(Context& ctx, const Args& args) {
  const T keep = static_cast<T>(1 - args.params[4]);
  step_group<T, 2>(ctx, args, SgdMomentumStep<T>{sgd_step<T>(args), param<T>(args, 3), keep, args.params[5] != 0, args.params[6] != 0});
}

template <class... T>
constexpr auto sgd_kernels() {
  return kernel_set(Registration{"sgd_step", kDTypeOf<T>, kIsa, "T~>=T~", "lr,weightDecay,maximize", &run_sgd<T>}...,
                    Registration{"sgd_momentum_step", kDTypeOf<T>, kIsa, "T~>=T~",
                                 "lr,weightDecay,maximize,momentum,dampening,nesterov,first", &run_sgd_momentum<T>}...);
}
CR_REGISTER(sgd, (sgd_kernels<float, double>()));

}  // namespace chainrule::CR_ISA
