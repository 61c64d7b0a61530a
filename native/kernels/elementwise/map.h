#pragma once
// The driver of all elementwise kernels: any strides and broadcasting, threads, and a row function that sees contiguous data only. It is
// compiled once per instruction set (map.cc); a kernel adds its row function and nothing else.
#include "kernels/elementwise/row_by_row.h"
#include "simd/shuffle.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int32_t kAheadBytes = 4096;  // rows that stream ask for their operands this far ahead
// Whether they do so into L2 where one operand is the same row again and again. With AVX2 that takes 0.82 to 0.91 of the time for rows of
// 12 to 80 KB, 1.01 to 1.07 for shorter ones, and 1.07 to 1.2 where nothing is repeated. With AVX-512 it was not measured.
inline constexpr bool kRepeatedRowsFromL2 = kVecBytes == 32;
inline constexpr int64_t kRepeatedRowBytes[2] = {12288, 131072};  // shortest and longest

// Whether results that stream are computed from every second element of two operands where these lie, instead of from tiles that they are
// packed into. With AVX2 that takes 0.70 of the time, with the baseline 0.56. With AVX-512 it was not measured.
inline constexpr bool kEvensWhereTheyLie = kVecBytes <= 32;

/// What a row function is told beside its operands.
struct RowHints {
  bool streamed = false;        // y is larger than the caches and had better be stored past them
  uint8_t repeated = 0;         // bit k: x[k] is one number, of which there is a whole vector and no more
  bool evens = false;           // x[0][2 i] and x[1][2 i] stand for x[0][i] and x[1][i]; only where y is streamed
  bool into_l2 = false;         // rows that stream ask for their operands into L2, not into L1
  int32_t ahead = kAheadBytes;  // how far ahead of them rows that stream ask for operands; 0: they are in the caches
  const Rows* rows = nullptr;   // what the n elements consist of, if that matters; one input has a number or the same row for each
};

/// y[i] = f(x[0][i], x[1][i], ...) for i in 0..n-1; contiguous, n >= 1, element types as registered. Values must not depend on how the
/// elements are cut into rows.
using RowFn = void (*)(void* y, const void* const* x, int64_t n, const double* params, RowHints hints);

/// How a row function reads its inputs: only packed, or a number for all as well, or by any of its hints.
enum class Reads : uint8_t { packed, numbers, hinted };

/// Runs `row` over out[0] and up to three inputs broadcast to its shape. Operands that are not contiguous go through tiles in L1.
void map_rows(Context& ctx, const Args& args, RowFn row, Reads reads = Reads::packed);

/// What a tensor of T holds in memory: a bool is a byte, 0 or 1.
template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<bool> {
  using type = uint8_t;
};
template <class T>
using Stored = typename StoredAs<T>::type;

/// n lanes from p: a whole vector, or a padded one at the end.
template <class T>
CR_INLINE Vec<T> load_up_to(const T* p, int64_t n) {
  return n >= kLanes<T> ? load(p) : load_partial(p, n);
}
template <class V, class T>
CR_INLINE void store_up_to(T* p, V v, int64_t n) {
  if (n >= kLanes<T>) return store(p, v);
  store_partial(p, v, n);
}

/// How many parameters Op has: it says so by a constant kParams, unless there are none.
template <class Op>
inline constexpr int kParamsOf = 0;
template <class Op>
requires requires { Op::kParams; }
inline constexpr int kParamsOf<Op> = Op::kParams;

/// Op::f(x...) or, for ops with parameters, Op::f(x..., params).
template <class Op, class... V>
CR_INLINE auto apply(const double* params, V... x) {
  if constexpr (requires { Op::f(x..., params); }) {
    static_assert(kParamsOf<Op> > 0 && kParamsOf<Op> <= 2);
    return Op::f(x..., params);
  } else {
    return Op::f(x...);
  }
}

/// Elements from one vector of an input to the next.
template <class T>
CR_INLINE int64_t step_of(RowHints hints, int input) {
  return (hints.repeated >> input & 1) != 0 ? 0 : kLanes<T>;
}

/// Where vectors go, and where those that stream ask for their operands.
enum class Way : uint8_t { stored, streamed, streamed_from_l2 };

template <Way way, class Op, int Inputs, class T>
CR_INLINE void same_type_loop(T* out, const T* a, const T* b, int64_t n, const double* params, RowHints hints) {
  const int64_t ahead = hints.ahead / static_cast<int64_t>(sizeof(T));
  const int64_t a_step = step_of<T>(hints, 0), b_step = step_of<T>(hints, Inputs - 1);
  // Copied: where they come from a store might have changed them, so they would be read and converted again for each vector.
  const double kept[] = {kParamsOf<Op> > 0 ? params[0] : 0, kParamsOf<Op> > 1 ? params[1] : 0};
#pragma GCC unroll(kVecBytes == 32 ? 2 : 1)  // relu and addition of 1000 numbers: 0.77 and 0.83 of the time with AVX2
  for (int64_t i = 0; i < n; i += kLanes<T>, a += a_step, b += b_step) {
    Vec<T> y;
    if constexpr (Inputs == 1) y = apply<Op>(kept, load(a));
    if constexpr (Inputs == 2) y = apply<Op>(kept, load(a), load(b));
    if constexpr (way == Way::stored) {
      store(out + i, y);
    } else {
      constexpr int kNear = way == Way::streamed ? 3 : 2;
      __builtin_prefetch(a + ahead, 0, kNear);
      if constexpr (Inputs == 2) __builtin_prefetch(b + ahead, 0, kNear);
      stream_store(out + i, y);
    }
  }
}

/// Whole vectors; streamed: out is aligned.
template <class Op, int Inputs, class T>
__attribute__((noinline)) void same_type_vectors(T* out, const T* a, const T* b, int64_t n, const double* params, RowHints hints) {
  if (!hints.streamed) return same_type_loop<Way::stored, Op, Inputs>(out, a, b, n, params, hints);
  if constexpr (Inputs == 2 && kRepeatedRowsFromL2) {
    if (hints.into_l2) return same_type_loop<Way::streamed_from_l2, Op, Inputs>(out, a, b, n, params, hints);
  }
  same_type_loop<Way::streamed, Op, Inputs>(out, a, b, n, params, hints);
}

/// y[i] = f(a[2 i], b[2 i]), past the caches.
template <class Op, class T>
__attribute__((noinline)) void evens_row(T* out, const T* a, const T* b, int64_t n, const double* params) {
  const auto many = [=](int64_t i) {
    const int64_t low = 2 * i, high = low + kLanes<T>;
    return apply<Op>(params, evens(load(a + low), load(a + high)), evens(load(b + low), load(b + high)));
  };
  const auto one = [=](int64_t i) { return apply<Op>(params, load_partial(a + 2 * i, 1), load_partial(b + 2 * i, 1))[0]; };
  stream_run(out, n - 1, many, one);  // what stands behind the last element is not ours to read
  out[n - 1] = one(n - 1);
}

/// Rows by one loop over all of them; input Other has a number for each, or is one row for all.
template <int Other, class Op, class T>
__attribute__((noinline)) void row_by_row(T* y, const void* const* x, int64_t n, const double* params, RowHints hints) {
  constexpr int plain = 1 - Other;
  const T *rows = static_cast<const T*>(x[plain]), *other = static_cast<const T*>(x[Other]);
  const int64_t ahead = hints.ahead / static_cast<int64_t>(sizeof(T));
  const auto f = [params](Vec<T> value, Vec<T> with) __attribute__((always_inline)) {
    return Other == 0 ? apply<Op>(params, with, value) : apply<Op>(params, value, with);
  };
  const auto stored = [](T * to, Vec<T> v, const T*) __attribute__((always_inline)) { store(to, v); };
  const auto streamed = [ahead](T * to, Vec<T> v, const T* from) __attribute__((always_inline)) {
    __builtin_prefetch(from + ahead);
    stream_store(to, v);
  };
  const Rows& shape = *hints.rows;
  const auto all = [&](auto put) __attribute__((always_inline)) {
    if ((hints.repeated >> Other & 1) == 0) return repeated_rows(y, rows, other, shape.width, n, f, put);
    numbered_rows(y, rows, shape.step[plain], other, shape.step[Other], shape.width, n, f, put);
  };
  return hints.streamed ? all(streamed) : all(stored);
}

/// Row function of an op whose inputs and output are all T.
template <class Op, int Inputs, class T>
void same_type_row(void* y, const void* const* x, int64_t n, const double* params, RowHints hints) {
  T* out = static_cast<T*>(y);
  if constexpr (Inputs == 2 && sizeof(T) >= 4) {
    if (hints.rows != nullptr && hints.rows->other == 0) return row_by_row<0, Op>(out, x, n, params, hints);
    if (hints.rows != nullptr) return row_by_row<1, Op>(out, x, n, params, hints);
  }
  if constexpr (Inputs == 2 && kEvensWhereTheyLie) {
    if (hints.evens) return evens_row<Op>(out, static_cast<const T*>(x[0]), static_cast<const T*>(x[1]), n, params);
  }
  const auto input = [&](int k, int64_t i) { return static_cast<const T*>(x[k]) + (step_of<T>(hints, k) == 0 ? 0 : i); };
  // A part of a vector up to where stores are aligned (half as fast where they are not), whole vectors, and the rest.
  int64_t done = 0, part = to_next_vector(out, n);
  for (;;) {
    if (part > 0) {
      Vec<T> v;
      if constexpr (Inputs == 1) v = apply<Op>(params, load_partial(input(0, done), part));
      if constexpr (Inputs == 2) v = apply<Op>(params, load_partial(input(0, done), part), load_partial(input(1, done), part));
      store_partial(out + done, v, part);
      done += part;
    }
    const int64_t whole = (n - done) / kLanes<T> * kLanes<T>;
    if (whole > 0) same_type_vectors<Op, Inputs>(out + done, input(0, done), input(Inputs - 1, done), whole, params, hints);
    done += whole;
    part = n - done;
    if (part == 0) return;
  }
}

template <class Op, int Inputs, class T>
void run_same_type(Context& ctx, const Args& args) {
  map_rows(ctx, args, &same_type_row<Op, Inputs, Stored<T>>, Reads::hinted);
}

}  // namespace chainrule::CR_ISA
