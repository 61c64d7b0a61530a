// Stable sort along an axis, with the positions that the values came from.
#include "kernels/elementwise/map.h"
#include "kernels/index/sort_items.h"

namespace chainrule::CR_ISA {

/// One long line on all threads.
template <class T>
void sort_long(Context& ctx, const SortLines& s, bool descending, const T* from, T* to, int64_t* to_index) {
  using I = Item<T>;
  const int64_t n = s.x.shape[s.axis], sx = s.x.strides[s.axis];
  auto* items = scratch<I>(ctx, 2 * n);
  parallel_range(ctx, n, kSortChunk, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) items[k] = I::make(sort_key(from[k * sx], descending), k);
  });
  const I* sorted = sort_items_parallel<static_cast<int>(sizeof(T))>(ctx, items, items + n, n);
  parallel_range(ctx, n, kSortChunk, [&](int64_t begin, int64_t end) {
    s.put(sorted + begin, end - begin, from, to + begin * s.values.strides[s.axis], to_index + begin * s.indices.strides[s.axis]);
  });
}

template <class T>
void sort(Context& ctx, const Args& args) {
  using I = Item<T>;
  const SortLines s = sort_lines(args);
  const bool descending = args.params[1] != 0;
  const int64_t n = s.x.shape[s.axis], sx = s.x.strides[s.axis], lines = s.lines();
  CR_CHECK(s.values.shape[s.axis] == n);
  if (lines == 1 && n >= kParallelSort) {
    return s.each<T>(0, 1, [&](const T* from, T* to, int64_t* to_index) { sort_long(ctx, s, descending, from, to, to_index); });
  }
  const int64_t grain = n >= 4096 ? 1 : 4096 / (n > 0 ? n : 1) + 1;
  parallel_units(ctx, (lines + grain - 1) / grain, [&](int64_t unit, int worker) {
    auto* items = worker_scratch<I>(ctx, worker, 2 * n);
    s.each<T>(unit * grain, (unit + 1) * grain < lines ? (unit + 1) * grain : lines, [&](const T* from, T* to, int64_t* to_index) {
      for (int64_t k = 0; k < n; ++k) items[k] = I::make(sort_key(from[k * sx], descending), k);
      s.put(sort_items<static_cast<int>(sizeof(T))>(items, items + n, n), n, from, to, to_index);
    });
  });
}

template <class... T>
constexpr auto sort_kernels() {
  return kernel_set(Registration{"sort", kDTypeOf<T>, kIsa, "T>Tl", "axis,descending", &sort<Stored<T>>}...);
}
CR_REGISTER(sort, (sort_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
