// Running statistics: y += weight (x - y), in place (the moving averages of batch normalization).
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

template <class T>
struct LerpStep {
  T keep, weight;
  void operator()(Vec<T> x, Vec<T> (&v)[1]) const { v[0] = fma(splat<Vec<T>>(keep), v[0], splat<Vec<T>>(weight) * x); }
};

template <class T>
void run_lerp_in_place(Context& ctx, const Args& args) {
  step_group<T, 1>(ctx, args, LerpStep<T>{static_cast<T>(1 - args.params[0]), param<T>(args, 0)});
}

template <class... T>
constexpr auto lerp_kernels() {
  return kernel_set(Registration{"lerp_in_place", kDTypeOf<T>, kIsa, "T~>=T~", "weight", &run_lerp_in_place<T>}...);
}
CR_REGISTER(lerp, (lerp_kernels<float, double>()));

}  // namespace chainrule::CR_ISA
