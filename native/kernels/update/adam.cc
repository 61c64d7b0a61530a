// Adam (Kingma & Ba 2015, arXiv:1412.6980), AMSGrad (Reddi et al. 2018) and AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= lr / c1 * m / (sqrt(v / c2) + eps), with c1 = 1 - beta1^t, c2 = 1 -
/// beta2^t. Weight decay is added to g, or (decoupled) shrinks p first. Slots: p, m, v and, for AMSGrad, the largest v so far.
template <class T, int Slots>
struct AdamStep {
  T beta1, rest1, beta2, rest2, eps, decay, shrink, step_size, root_scale, sign;
  void operator()(Vec<T> g, Vec<T> (&s)[Slots]) const {
    using V = Vec<T>;
    s[0] = s[0] * splat<V>(shrink);
    const V d = fma(splat<V>(decay), s[0], splat<V>(sign) * g);
    s[1] = fma(splat<V>(beta1), s[1], splat<V>(rest1) * d);
    s[2] = fma(splat<V>(beta2), s[2], splat<V>(rest2) * d * d);
    if constexpr (Slots == 4) s[3] = max(s[3], s[2]);
    const V root = fma(sqrt(s[Slots - 1]), splat<V>(root_scale), splat<V>(eps));
    s[0] = fma(splat<V>(-step_size), s[1] / root, s[0]);
  }
};

template <class T, int Slots>
void run_adam(Context& ctx, const Args& args) {
  const double *p = args.params, lr = p[0], decay = p[4];
  const bool decoupled = p[5] != 0;
  AdamStep<T, Slots> step;
  step.beta1 = param<T>(args, 1);
  step.rest1 = static_cast<T>(1 - p[1]);
  step.beta2 = param<T>(args, 2);
  step.rest2 = static_cast<T>(1 - p[2]);
  step.eps = param<T>(args, 3);
  step.decay = decoupled ? T(0) : static_cast<T>(decay);
  step.shrink = decoupled ? static_cast<T>(1 - lr * decay) : T(1);
  step.step_size = static_cast<T>(lr / p[6]);
  step.root_scale = static_cast<T>(1 / __builtin_sqrt(p[7]));  // a division less: they and roots are what bounds a step in the caches
  step.sign = p[8] != 0 ? T(-1) : T(1);
  step_group<T, Slots>(ctx, args, step);
}

template <class... T>
constexpr auto adam_kernels() {
  constexpr const char* params = "lr,beta1,beta2,eps,weightDecay,decoupled,correction1,correction2,maximize";
  return kernel_set(Registration{"adam_step", kDTypeOf<T>, kIsa, "T~>=T~", params, &run_adam<T, 3>}...,
                    Registration{"adam_amsgrad_step", kDTypeOf<T>, kIsa, "T~>=T~", params, &run_adam<T, 4>}...);
}
CR_REGISTER(adam, (adam_kernels<float, double>()));

}  // namespace chainrule::CR_ISA
