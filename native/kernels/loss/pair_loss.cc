// Losses of two tensors, element by element, with their sum or mean, and their gradient: one pass over memory each.
#include "core/error.h"
#include "core/view.h"
#include "simd/lanes.h"
#include "simd/math.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Blocks of 4096 elements that one unit sums: a power of two, so that its sum is a subtree.
inline constexpr int64_t kUnitBlocks = 8;

/// d^2
template <class V>
struct SquaredError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const { return (x - t) * (x - t); }
  CR_INLINE_LAMBDA V slope(V x, V t) const { return (x - t) + (x - t); }
};
/// |d|
template <class V>
struct AbsoluteError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const { return abs(x - t); }
  CR_INLINE_LAMBDA V slope(V x, V t) const {
    const V d = x - t;
    return select<V>(d > V{}, splat<V>(1), select<V>(d < V{}, splat<V>(-1), V{}));
  }
};
/// d^2 / 2 up to the limit, then a line.
template <class V>
struct HuberError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const {
    const V d = abs(x - t), half = splat<V>(static_cast<Scalar<V>>(0.5));
    return select<V>(d > limit, limit * (d - limit * half), half * d * d);
  }
  CR_INLINE_LAMBDA V slope(V x, V t) const { return at_most(at_least(x - t, -limit), limit); }
};
/// Huber's over the limit.
template <class V>
struct SmoothError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const { return HuberError<V>{limit}.loss(x, t) / limit; }
  CR_INLINE_LAMBDA V slope(V x, V t) const { return HuberError<V>{limit}.slope(x, t) / limit; }
};
/// Cross entropy of the probability sigmoid(x): max(x, 0) - x t + log(1 + e^-|x|).
template <class V>
struct LogisticError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const { return (max(x, V{}) - x * t) + log1p(exp(-abs(x))); }
  CR_INLINE_LAMBDA V slope(V x, V t) const { return sigmoid(x) - t; }
};
/// Cross entropy of the probability x, logarithms limited to -100. The slope (x - t) / (x (1 - x)) ends where that is tiny, as PyTorch's.
template <class V>
struct BinaryError {
  V limit;
  CR_INLINE_LAMBDA V loss(V x, V t) const {
    const V least = splat<V>(-100), yes = max(log(x), least), no = max(log1p(-x), least);
    return -(t * yes + (splat<V>(1) - t) * no);
  }
  CR_INLINE_LAMBDA V slope(V x, V t) const { return (x - t) / max((splat<V>(1) - x) * x, splat<V>(static_cast<Scalar<V>>(1e-12))); }
};

/// x and target [n], contiguous, and what is done with the losses.
struct PairLoss {
  int64_t n;
  bool single, mean;  // a loss for each element; else their sum or mean
};
CR_INLINE bool is_flat(const TensorView& view, int64_t n) {
  return view.rank == 1 && view.shape[0] == n && (n <= 1 || view.strides[0] == 1);
}
CR_INLINE bool is_single_value(const TensorView& view) { return view.rank == 0; }
CR_INLINE PairLoss pair_loss_of(const TensorView& x, const TensorView& target, double reduction) {
  CR_CHECK(x.rank == 1);
  const int64_t n = x.shape[0];
  CR_CHECK(is_flat(x, n) && is_flat(target, n));
  return {n, reduction == 0, reduction == 1};
}

/// x and target [n] -> loss [n] or [].
template <class T, template <class> class Error>
void pair_loss(Context& ctx, const Args& args) {
  const PairLoss k = pair_loss_of(args.in[0], args.in[1], args.params[0]);
  const Error<Vec<T>> error = {splat<Vec<T>>(static_cast<T>(args.params[1]))};
  const T *x = static_cast<const T*>(args.in[0].data), *target = static_cast<const T*>(args.in[1].data);
  T* loss = static_cast<T*>(args.out[0].data);
  const auto at = [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return error.loss(load_some(x + i, m), load_some(target + i, m)); };
  if (k.single) {
    CR_CHECK(is_flat(args.out[0], k.n));
    parallel_range(ctx, k.n, kUnitBlocks * kBlockElements, [&](int64_t begin, int64_t end) {
      map_row(loss + begin, end - begin, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return at(begin + i, m); });
    });
    return;
  }
  CR_CHECK(is_single_value(args.out[0]));
  const int64_t step = kUnitBlocks * kBlockElements, units = (k.n + step - 1) / step;
  auto* parts = scratch<Lanes<T>>(ctx, units + 1);
  parallel_range(ctx, k.n, step, [&](int64_t begin, int64_t end) {
    BlockTree<JoinSum, T> tree;
    tree.pushed = 0;
    for (int64_t i = begin; i < end; i += kBlockElements) {
      tree_push(tree, reduce_range<JoinSum, T, 1>(i, i + kBlockElements < end ? i + kBlockElements : end, at));
    }
    parts[begin / step] = tree_total(tree);
  });
  BlockTree<JoinSum, T> tree;
  tree.pushed = 0;
  for (int64_t unit = 0; unit < units; ++unit) tree_push(tree, parts[unit]);
  const T total = fold_lanes<JoinSum, T>(tree_total(tree));
  *loss = k.mean ? total / static_cast<T>(k.n) : total;
}

/// x and target [n], g [n] or [] -> dx [n].
template <class T, template <class> class Error>
void pair_loss_grad(Context& ctx, const Args& args) {
  const PairLoss k = pair_loss_of(args.in[0], args.in[1], args.params[0]);
  const Error<Vec<T>> error = {splat<Vec<T>>(static_cast<T>(args.params[1]))};
  CR_CHECK(is_flat(args.out[0], k.n) && (k.single ? is_flat(args.in[2], k.n) : is_single_value(args.in[2])));
  const T *x = static_cast<const T*>(args.in[0].data), *target = static_cast<const T*>(args.in[1].data);
  const T* g = static_cast<const T*>(args.in[2].data);
  T* dx = static_cast<T*>(args.out[0].data);
  const Vec<T> scale = splat<Vec<T>>(k.single ? T{1} : k.mean ? *g / static_cast<T>(k.n) : *g);
  parallel_range(ctx, k.n, kUnitBlocks * kBlockElements, [&](int64_t begin, int64_t end) {
    const auto slope = [=](int64_t i, int64_t m)
                           CR_INLINE_LAMBDA { return error.slope(load_some(x + begin + i, m), load_some(target + begin + i, m)); };
    if (k.single) {
      map_row(dx + begin, end - begin, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(g + begin + i, m) * slope(i, m); });
    } else {
      map_row(dx + begin, end - begin, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return scale * slope(i, m); });
    }
  });
}

constexpr const char* kPairParams = "reduction,limit";
template <template <class> class Error>
constexpr auto pair_loss_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "TT>T", kPairParams, &pair_loss<float, Error>},
                    Registration{name, DType::f64, kIsa, "TT>T", kPairParams, &pair_loss<double, Error>});
}
template <template <class> class Error>
constexpr auto pair_grad_kernels(const char* name) {
  return kernel_set(Registration{name, DType::f32, kIsa, "TTT>T", kPairParams, &pair_loss_grad<float, Error>},
                    Registration{name, DType::f64, kIsa, "TTT>T", kPairParams, &pair_loss_grad<double, Error>});
}
CR_REGISTER(squared_error, (pair_loss_kernels<SquaredError>("squared_error")));
CR_REGISTER(absolute_error, (pair_loss_kernels<AbsoluteError>("absolute_error")));
CR_REGISTER(huber_error, (pair_loss_kernels<HuberError>("huber_error")));
CR_REGISTER(smooth_error, (pair_loss_kernels<SmoothError>("smooth_error")));
CR_REGISTER(logistic_error, (pair_loss_kernels<LogisticError>("logistic_error")));
CR_REGISTER(binary_error, (pair_loss_kernels<BinaryError>("binary_error")));
CR_REGISTER(squared_error_grad, (pair_grad_kernels<SquaredError>("squared_error_grad")));
CR_REGISTER(absolute_error_grad, (pair_grad_kernels<AbsoluteError>("absolute_error_grad")));
CR_REGISTER(huber_error_grad, (pair_grad_kernels<HuberError>("huber_error_grad")));
CR_REGISTER(smooth_error_grad, (pair_grad_kernels<SmoothError>("smooth_error_grad")));
CR_REGISTER(logistic_error_grad, (pair_grad_kernels<LogisticError>("logistic_error_grad")));
CR_REGISTER(binary_error_grad, (pair_grad_kernels<BinaryError>("binary_error_grad")));

}  // namespace chainrule::CR_ISA
