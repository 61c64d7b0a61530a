// The k first of each line in sorted order. Candidates are collected while a line is read: what comes after the worst of the k best so far
// is passed over, many elements at a time, and when the candidates' room is full the k best of them are kept; where k is small each
// candidate is put in its place at once. So a line is read once, and little of it is ever sorted. Equal elements keep their order, as in
// sort.
#include "kernels/elementwise/map.h"
#include "kernels/index/sort_items.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kMoreCandidates = 512;  // beyond k: sorting them is rare, and cheap
inline constexpr int64_t kGlance = 64;           // elements that are passed over together

/// Whether one of `Count` elements may come before `bound`; NaN among them or as bound says yes.
template <int64_t Count, class T>
CR_INLINE bool any_before(const T* x, T bound, bool largest) {
  const Vec<T> limit = splat<Vec<T>>(bound);
  decltype(limit < limit) behind = limit == limit;
#pragma GCC unroll 4
  for (int64_t i = 0; i < Count; i += kLanes<T>) {
    const Vec<T> v = load(x + i);
    behind &= largest ? v <= limit : v >= limit;
  }
  return any(~behind);
}

/// The candidates of one line.
template <class T>
struct Best {
  using I = Item<T>;
  I *items, *room;
  int64_t k, capacity, count = 0;
  bool full = false;  // k were found, and `last` is the worst of them
  typename I::Key last = 0;
  T bound = T{};

  /// Keeps the k best in order.
  void keep(const T* from, int64_t step) {
    I* sorted = sort_items<static_cast<int>(sizeof(T))>(items, room, count);
    if (sorted != items) {
      room = items;
      items = sorted;
    }
    if (count < k) return;
    count = k;
    full = true;
    last = items[k - 1].key();
    bound = from[items[k - 1].position() * step];
  }
  void offer(typename I::Key key, int64_t position, const T* from, int64_t step) {
    if (full && key >= last) return;
    const I item = I::make(key, position);
    if (k <= kInsertionRun) return insert(item, from, step);
    items[count++] = item;
    if (count == capacity) keep(from, step);
  }
  /// Few are in order at all times.
  void insert(const I& item, const T* from, int64_t step) {
    int64_t at = full ? k - 1 : count++;
    for (; at > 0 && item.less(items[at - 1]); --at) items[at] = items[at - 1];
    items[at] = item;
    if (count < k) return;
    full = true;
    last = items[k - 1].key();
    bound = from[items[k - 1].position() * step];
  }
};

template <class T>
CR_INLINE void offer_run(Best<T>& best, const T* from, int64_t step, int64_t begin, int64_t end, bool largest) {
  for (int64_t i = begin; i < end; ++i) best.offer(sort_key(from[i * step], largest), i, from, step);
}

template <class T>
CR_INLINE void search_line(Best<T>& best, const T* from, int64_t step, int64_t n, bool largest) {
  int64_t i = 0;
  if constexpr (sizeof(T) >= 4) {
    for (; step == 1 && i + kGlance <= n; i += kGlance) {
      if (best.full && !any_before<kGlance>(from + i, best.bound, largest)) continue;
      for (int64_t at = i; at < i + kGlance; at += kLanes<T>) {
        if (best.full && !any_before<kLanes<T>>(from + at, best.bound, largest)) continue;
        offer_run(best, from, step, at, at + kLanes<T>, largest);
      }
    }
  }
  offer_run(best, from, step, i, n, largest);
  best.keep(from, step);
}

template <class T>
void topk(Context& ctx, const Args& args) {
  const SortLines s = sort_lines(args);
  const bool largest = args.params[1] != 0;
  const int64_t n = s.x.shape[s.axis], k = s.values.shape[s.axis], lines = s.lines();
  if (k == 0) return;
  const int64_t wanted = 2 * k > k + kMoreCandidates ? 2 * k : k + kMoreCandidates, capacity = wanted < n ? wanted : n;
  const int64_t grain = n >= kGrainElements ? 1 : kGrainElements / n;
  parallel_units(ctx, (lines + grain - 1) / grain, [&](int64_t unit, int worker) {
    auto* items = worker_scratch<Item<T>>(ctx, worker, 2 * capacity);
    s.each<T>(unit * grain, (unit + 1) * grain < lines ? (unit + 1) * grain : lines, [&](const T* from, T* to, int64_t* to_index) {
      Best<T> best{items, items + capacity, k, capacity};
      search_line(best, from, s.x.strides[s.axis], n, largest);
      s.put(best.items, k, from, to, to_index);
    });
  });
}

template <class... T>
constexpr auto topk_kernels() {
  return kernel_set(Registration{"topk", kDTypeOf<T>, kIsa, "T>Tl", "axis,largest", &topk<Stored<T>>}...);
}
CR_REGISTER(topk, (topk_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
