#pragma once
// The loop of all optimizer steps, written once: every tensor of a parameter group in one command.
//
// Operands: `count` gradients in; then, updated in place, `count` parameters and `count` tensors for each further slot (momenta). Slots are
// contiguous, gradients may have any strides (the gradient of a sum is one element, repeated). Elementwise, so the cut into units of work
// does not show in the result.
#include "kernels/elementwise/loops.h"
#include "simd/views.h"

namespace chainrule::CR_ISA {

/// Elements of one unit: long runs, so that the processor's prefetchers are seldom interrupted, and units enough for all threads.
CR_INLINE int64_t update_grain(int64_t total) {
  constexpr int64_t longest = 8 * kGrainElements;
  const int64_t even = total / 16 / 64 * 64;
  return even < kGrainElements ? kGrainElements : even < longest ? even : longest;
}

/// Calls body(tensor, begin, end) so that together the pieces cover all elements of `count` tensors, on all threads.
template <class Body>
CR_INLINE void parallel_tensors(Context& ctx, const TensorView* tensors, int32_t count, Body body) {
  auto* starts = scratch<int64_t>(ctx, count + 1);  // of each tensor among the elements of all
  starts[0] = 0;
  for (int32_t i = 0; i < count; ++i) starts[i + 1] = starts[i] + element_count(tensors[i]);
  parallel_range(ctx, starts[count], update_grain(starts[count]), [&](int64_t begin, int64_t end) {
    int32_t low = 0;
    for (int32_t high = count; high - low > 1;) {
      const int32_t middle = low + (high - low) / 2;
      (starts[middle] <= begin ? low : high) = middle;
    }
    for (int32_t i = low; i < count && starts[i] < end; ++i) {
      const int64_t first = begin > starts[i] ? begin - starts[i] : 0;
      const int64_t past = end < starts[i + 1] ? end - starts[i] : starts[i + 1] - starts[i];
      if (first < past) body(i, first, past);
    }
  });
}

/// `n` contiguous elements of one tensor: step(g, slots) changes slots[0] (the parameter) and the momenta behind it.
template <class T, int Slots, class Step>
CR_INLINE void step_run(const T* g, T* const (&slots)[Slots], int64_t offset, int64_t n, const Step& step) {
  constexpr int64_t lanes = kLanes<T>;
  Vec<T> v[Slots];
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
#pragma GCC unroll 4
    for (int k = 0; k < Slots; ++k) v[k] = load(slots[k] + offset + i);
    step(load(g + i), v);
#pragma GCC unroll 4
    for (int k = 0; k < Slots; ++k) store(slots[k] + offset + i, v[k]);
  }
  if (i == n) return;
  for (int k = 0; k < Slots; ++k) v[k] = load_partial(slots[k] + offset + i, n - i);
  step(load_partial(g + i, n - i), v);
  for (int k = 0; k < Slots; ++k) store_partial(slots[k] + offset + i, v[k], n - i);
}

/// Runs `step` on every element of a group with `Slots` slots.
template <class T, int Slots, class Step>
CR_INLINE void step_group(Context& ctx, const Args& args, const Step& step) {
  const int32_t count = args.ins;
  CR_CHECK(args.outs == count * Slots);
  for (int32_t i = 0; i < args.outs; ++i) {
    const TensorView &slot = args.out[i], &parameter = args.out[i % count];
    CR_CHECK(is_contiguous(slot) && element_count(slot) == element_count(parameter));
  }
  for (int32_t i = 0; i < count; ++i) {
    CR_CHECK(args.in[i].rank == args.out[i].rank);
    for (int32_t d = 0; d < args.in[i].rank; ++d) CR_CHECK(args.in[i].shape[d] == args.out[i].shape[d]);
  }
  parallel_tensors(ctx, args.out, count, [&](int32_t i, int64_t begin, int64_t end) {
    T* slots[Slots];
    for (int32_t k = 0; k < Slots; ++k) slots[k] = static_cast<T*>(args.out[k * count + i].data);
    const T* gradient = static_cast<const T*>(args.in[i].data);
    const auto loop = make_loop<2>({&args.out[i], &args.in[i]});
    const int64_t stride = loop.strides[1][loop.rank - 1];
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      const T* g = gradient + offsets[1];
      if (stride == 1) return step_run<T, Slots>(g, slots, offsets[0], n, step);
      T buffer[kTile];
      for (int64_t at = 0; at < n; at += kTile) {
        const int64_t piece = n - at < kTile ? n - at : kTile;
        step_run<T, Slots>(as_contiguous(g + at * stride, stride, piece, buffer), slots, offsets[0] + at, piece, step);
      }
    });
  });
}

/// params[i] as the kernel's element type.
template <class T>
CR_INLINE T param(const Args& args, int i) {
  return static_cast<T>(args.params[i]);
}

}  // namespace chainrule::CR_ISA
