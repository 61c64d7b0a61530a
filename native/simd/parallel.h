#pragma once
// parallel_for with a lambda, on top of run_units. In the ISA namespace because it is a template instantiated by kernels.
#include "simd/vec.h"
#include "threads/context.h"

namespace chainrule::CR_ISA {

/// body(unit, worker) for every unit in 0..units-1; see run_units for the rules.
template <class Body>
CR_INLINE void parallel_units(Context& ctx, int64_t units, Body body) {
  if (units == 1) return body(int64_t{0}, 0);
  if (units > 0)
    run_units(
        ctx, units, [](void* data, int64_t unit, int worker) { (*static_cast<Body*>(data))(unit, worker); }, &body);
}

/// Cuts 0..n-1 into ranges of `grain` (the last one shorter) and calls body(begin, end) on each. The cut depends on n and grain alone.
template <class Body>
CR_INLINE void parallel_range(Context& ctx, int64_t n, int64_t grain, Body body) {
  const int64_t units = (n + grain - 1) / grain;
  parallel_units(ctx, units, [&](int64_t unit, int) {
    const int64_t begin = unit * grain;
    body(begin, begin + grain < n ? begin + grain : n);
  });
}

template <class T>
CR_INLINE T* scratch(Context& ctx, int64_t count) {
  return static_cast<T*>(scratch_bytes(ctx, static_cast<size_t>(count) * sizeof(T)));
}
template <class T>
CR_INLINE T* worker_scratch(Context& ctx, int worker, int64_t count) {
  return static_cast<T*>(worker_scratch_bytes(ctx, worker, static_cast<size_t>(count) * sizeof(T)));
}

}  // namespace chainrule::CR_ISA
