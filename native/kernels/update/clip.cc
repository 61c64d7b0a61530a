// Gradient clipping over all gradients of a model: their common norm, the scaling by it, and clamping by value.
#include "kernels/update/group.h"

namespace chainrule::CR_ISA {

inline constexpr int kSumLanes = 16;

/// A part of a norm with v added to it, in each lane: |v|, v^2, or the larger magnitude; a NaN stays.
template <int Order>
CR_INLINE VD with_magnitude(VD sum, VD v) {
  if constexpr (Order == 2) return fma(v, v, sum);
  const VD size = abs(v);
  if constexpr (Order == 1) return sum + size;
  return select<VD>((size > sum) | (v != v), size, sum);
}

/// The same of one unit of work, `before` included, in f64 over 16 virtual lanes: the order depends on shapes alone.
template <class T, int Order>
CR_INLINE double norm_part(const T* x, int64_t stride, int64_t n, double before) {
  constexpr int vectors = kSumLanes / kLanes<double>;
  typedef typename VecType<T, kLanes<double>* static_cast<int>(sizeof(T))>::type Part;
  VD sums[vectors] = {};
  T buffer[kSumLanes];
  for (int64_t i = 0; i < n; i += kSumLanes) {
    const T* from = x + i;
    if (stride != 1 || n - i < kSumLanes) {
      for (int64_t k = 0; k < kSumLanes; ++k) buffer[k] = i + k < n ? x[(i + k) * stride] : T{0};  // zeros change no sum
      from = buffer;
    }
#pragma GCC unroll 8
    for (int k = 0; k < vectors; ++k) {
      Part part;
      std::memcpy(&part, from + k * kLanes<double>, sizeof part);
      sums[k] = with_magnitude<Order>(sums[k], __builtin_convertvector(part, VD));
    }
  }
  double lane[kSumLanes];
  std::memcpy(lane, sums, sizeof lane);
  for (int width = kSumLanes / 2; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) {
      const double other = lane[k + width];
      lane[k] = Order == 0 ? (other > lane[k] || other != other ? other : lane[k]) : lane[k] + other;
    }
  }
  return Order == 0 ? (lane[0] > before || lane[0] != lane[0] ? lane[0] : before) : before + lane[0];
}

template <class T, int Order>
CR_INLINE double norm_of(Context& ctx, const Args& args) {
  int64_t total = 0;
  for (int32_t i = 0; i < args.ins; ++i) total += element_count(args.in[i]);
  const int64_t units = (total + kGrainElements - 1) / kGrainElements;
  double* parts = scratch<double>(ctx, units > 0 ? units : 1);
  parallel_units(ctx, units, [&](int64_t unit, int) {
    const int64_t begin = unit * kGrainElements, end = begin + kGrainElements < total ? begin + kGrainElements : total;
    double sum = 0;
    int64_t start = 0;
    for (int32_t i = 0; i < args.ins && start < end; ++i) {
      const int64_t size = element_count(args.in[i]);
      const int64_t low = begin > start ? begin - start : 0, high = end - start < size ? end - start : size;
      start += size;
      if (low >= high) continue;
      const T* x = static_cast<const T*>(args.in[i].data);
      const auto loop = make_loop<1>({&args.in[i]});
      walk(loop, low, high,
           [&](const int64_t* offsets, int64_t n) { sum = norm_part<T, Order>(x + offsets[0], loop.strides[0][loop.rank - 1], n, sum); });
    }
    parts[unit] = sum;
  });
  double norm = 0;
  for (int64_t unit = 0; unit < units; ++unit) {
    norm = Order != 0 ? norm + parts[unit] : (parts[unit] > norm || parts[unit] != parts[unit] ? parts[unit] : norm);
  }
  return Order == 2 ? __builtin_sqrt(norm) : norm;
}

/// order: 1 sum of magnitudes, 2 Euclidean, 0 the largest magnitude.
template <class T>
void run_grad_norm(Context& ctx, const Args& args) {
  CR_CHECK(element_count(args.out[0]) == 1);
  const double order = args.params[0];
  const double norm = order == 1 ? norm_of<T, 1>(ctx, args) : order == 2 ? norm_of<T, 2>(ctx, args) : norm_of<T, 0>(ctx, args);
  *static_cast<T*>(args.out[0].data) = static_cast<T>(norm);
}

/// x *= min(1, maxNorm / (norm + 1e-6))
template <class T>
void run_scale_to_norm(Context& ctx, const Args& args) {
  CR_CHECK(element_count(args.in[0]) == 1);
  for (int32_t i = 0; i < args.outs; ++i) CR_CHECK(is_contiguous(args.out[i]));
  const T ratio = param<T>(args, 0) / (*static_cast<const T*>(args.in[0].data) + static_cast<T>(1e-6));
  if (ratio >= T(1)) return;
  parallel_tensors(ctx, args.out, args.outs, [&](int32_t i, int64_t begin, int64_t end) {
    T* x[] = {static_cast<T*>(args.out[i].data)};
    step_run<T, 1>(x[0] + begin, x, begin, end - begin, [&](Vec<T>, Vec<T>* v) { v[0] = v[0] * ratio; });
  });
}

/// x = min(max(x, -limit), limit); NaN stays.
template <class T>
void run_clamp_in_place(Context& ctx, const Args& args) {
  for (int32_t i = 0; i < args.outs; ++i) CR_CHECK(is_contiguous(args.out[i]));
  const T limit = param<T>(args, 0);
  parallel_tensors(ctx, args.out, args.outs, [&](int32_t i, int64_t begin, int64_t end) {
    T* x[] = {static_cast<T*>(args.out[i].data)};
    const auto above = splat<Vec<T>>(limit);
    step_run<T, 1>(x[0] + begin, x, begin, end - begin,
                   [&](Vec<T>, Vec<T>* v) { v[0] = select<Vec<T>>(v[0] > above, above, select<Vec<T>>(v[0] < -above, -above, v[0])); });
  });
}

template <class... T>
constexpr auto clip_kernels() {
  return kernel_set(Registration{"grad_norm", kDTypeOf<T>, kIsa, "T~>T", "order", &run_grad_norm<T>}...,
                    Registration{"scale_to_norm", kDTypeOf<T>, kIsa, "T>=T~", "maxNorm", &run_scale_to_norm<T>}...,
                    Registration{"clamp_in_place", kDTypeOf<T>, kIsa, ">=T~", "limit", &run_clamp_in_place<T>}...);
}
CR_REGISTER(clip, (clip_kernels<float, double>()));

}  // namespace chainrule::CR_ISA
