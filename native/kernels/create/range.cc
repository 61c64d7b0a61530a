// Evenly spaced numbers, computed in f64 from the element's position: no error adds up.
#include "core/error.h"
#include "simd/lanes.h"
#include "simd/parallel.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// base + (first + i toward) step for i = 0, 1, ...; toward is 1 or -1.
struct Spacing {
  double base, first, toward, step;
};

/// to[i] = many(i), vectors from i on, or one(i).
template <class T, class Many, class One>
CR_INLINE void write_values(T* to, int64_t n, bool streamed, Many many, One one) {
  if (streamed) return stream_run(to, n, many, one);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store(to + i, many(i));
  for (; i < n; ++i) to[i] = one(i);
}

/// Whole numbers that f64 and i64 count alike: what is added in i64 need not be converted, for which AVX2 has no instruction.
CR_INLINE bool is_whole(Spacing at, int64_t n) {
  const double last = at.base + (at.first + at.toward * static_cast<double>(n)) * at.step;
  const auto whole = [](double x) { return __builtin_fabs(x) < 0x1p53 && x == static_cast<double>(static_cast<int64_t>(x)); };
  return whole(at.base) && whole(at.step) && whole(last) && whole(at.base + at.first * at.step);
}

template <class T>
CR_INLINE void write_range(T* to, int64_t n, Spacing at, bool streamed) {
  // As many f64 as a vector of T has lanes; the compiler takes them apart.
  typename VecType<double, static_cast<int>(sizeof(double)) * kLanes<T>>::type lane = {};
  for (int k = 0; k < kLanes<T>; ++k) lane[k] = k;
  const auto value = [=](auto i) CR_INLINE_LAMBDA { return at.base + (at.first + at.toward * i) * at.step; };
  const auto one = [=](int64_t i) CR_INLINE_LAMBDA { return static_cast<T>(value(static_cast<double>(i))); };
  const auto many = [=](int64_t i) CR_INLINE_LAMBDA { return __builtin_convertvector(value(static_cast<double>(i) + lane), Vec<T>); };
  if constexpr (kDTypeOf<T> == DType::i64) {
    if (is_whole(at, n)) {
      const auto start = static_cast<int64_t>(at.base + at.first * at.step), step = static_cast<int64_t>(at.toward * at.step);
      VL steps = {};
      for (int k = 0; k < kLanes<T>; ++k) steps[k] = k * step;
      return write_values(
          to, n, streamed, [=](int64_t i) CR_INLINE_LAMBDA { return start + i * step + steps; },
          [=](int64_t i) CR_INLINE_LAMBDA { return start + i * step; });
    }
  }
  write_values(to, n, streamed, many, one);
}

/// y[i] = start + i step; in the second half end - (n - 1 - i) step when `end` is a number, so that both ends are exact.
template <class T>
void range(Context& ctx, const Args& args) {
  const TensorView& y = args.out[0];
  CR_CHECK(y.rank == 1 && (y.strides[0] == 1 || y.shape[0] <= 1));
  const double start = args.params[0], step = args.params[1], end = args.params[2];
  const int64_t n = y.shape[0], middle = end == end ? (n + 1) / 2 : n;
  const bool streamed = n * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
  parallel_range(ctx, n, 32768, [&](int64_t first, int64_t past) {
    T* to = static_cast<T*>(y.data);
    const int64_t change = middle < first ? first : middle > past ? past : middle;
    write_range(to + first, change - first, {start, static_cast<double>(first), 1, step}, streamed);
    write_range(to + change, past - change, {end, static_cast<double>(n - 1 - change), -1, -step}, streamed);
    if (streamed) stream_fence();
  });
}

template <class... T>
constexpr auto range_kernels() {
  return kernel_set(Registration{"range", kDTypeOf<T>, kIsa, ">T", "start,step,end", &range<T>}...);
}
CR_REGISTER(range, (range_kernels<float, double, int32_t, int64_t, uint8_t>()));

}  // namespace chainrule::CR_ISA
