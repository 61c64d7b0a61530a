// Stable sort along an axis: merge sort of (key, position), where keys are unsigned integers in the order of the values. NaN is larger than
// every number, as in PyTorch, and -0 equals 0.
#include "kernels/index/lines.h"

namespace chainrule::CR_ISA {

template <class T>
struct SortKey {
  using type = uint64_t;
};
template <>
struct SortKey<float> {
  using type = uint32_t;
};
template <>
struct SortKey<int32_t> {
  using type = uint32_t;
};

/// An unsigned integer that compares as the value does.
template <class T>
CR_INLINE typename SortKey<T>::type sort_key(T value) {
  using Key = typename SortKey<T>::type;
  if constexpr (kDTypeOf<T> == DType::u8 || kDTypeOf<T> == DType::boolean) {
    return value;
  } else {
    constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
    Key bits;
    if constexpr (kDTypeOf<T> == DType::f32 || kDTypeOf<T> == DType::f64) {
      if (value != value) return static_cast<Key>(~Key{0});
      const T number = value + T{0};  // -0 becomes 0
      std::memcpy(&bits, &number, sizeof bits);
      return (bits & sign) != 0 ? ~bits : bits | sign;
    }
    std::memcpy(&bits, &value, sizeof bits);
    return bits ^ sign;
  }
}

template <class Key>
struct Keyed {
  Key key;
  int64_t position;
};

inline constexpr int64_t kInsertionRun = 16;

template <class Key>
CR_INLINE void insertion_sort(Keyed<Key>* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Keyed<Key> item = items[i];
    int64_t at = i;
    for (; at > 0 && items[at - 1].key > item.key; --at) items[at] = items[at - 1];
    items[at] = item;
  }
}

template <class Key>
CR_INLINE void merge(const Keyed<Key>* a, int64_t na, const Keyed<Key>* b, int64_t nb, Keyed<Key>* to) {
  while (na > 0 && nb > 0) {
    const bool second = b->key < a->key;
    *to++ = second ? *b : *a;
    b += second;
    nb -= second;
    a += !second;
    na -= !second;
  }
  if (na > 0) std::memcpy(to, a, static_cast<size_t>(na) * sizeof(*a));
  if (nb > 0) std::memcpy(to, b, static_cast<size_t>(nb) * sizeof(*b));
}

/// Sorts n items, using as much room again; returns where the result is.
template <class Key>
CR_INLINE Keyed<Key>* merge_sort(Keyed<Key>* items, Keyed<Key>* room, int64_t n) {
  for (int64_t i = 0; i < n; i += kInsertionRun) insertion_sort(items + i, n - i < kInsertionRun ? n - i : kInsertionRun);
  for (int64_t width = kInsertionRun; width < n; width *= 2) {
    for (int64_t i = 0; i < n; i += 2 * width) {
      const int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
      merge(items + i, middle - i, items + middle, end - middle, room + i);
    }
    Keyed<Key>* sorted = room;
    room = items;
    items = sorted;
  }
  return items;
}

template <class T>
void sort(Context& ctx, const Args& args) {
  using Key = typename SortKey<T>::type;
  const TensorView &x = args.in[0], &values = args.out[0], &indices = args.out[1];
  const int32_t axis = axis_param(x, args.params[0]);
  const bool descending = args.params[1] != 0;
  CR_CHECK(x.rank == values.rank && x.rank == indices.rank);
  CR_CHECK(values.shape[axis] == x.shape[axis] && indices.shape[axis] == x.shape[axis]);
  const TensorView rest[3] = {without_axis(values, axis), without_axis(indices, axis), without_axis(x, axis)};
  const auto loop = make_loop<3>({&rest[0], &rest[1], &rest[2]});
  const int64_t n = x.shape[axis];
  const int64_t lv = loop.strides[0][loop.rank - 1], li = loop.strides[1][loop.rank - 1], lx = loop.strides[2][loop.rank - 1];
  const int64_t lines = element_count(loop), grain = n >= 4096 ? 1 : 4096 / (n > 0 ? n : 1) + 1;
  parallel_units(ctx, (lines + grain - 1) / grain, [&](int64_t unit, int worker) {
    auto* items = worker_scratch<Keyed<Key>>(ctx, worker, 2 * n);
    const int64_t end = (unit + 1) * grain < lines ? (unit + 1) * grain : lines;
    walk(loop, unit * grain, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const T* from = static_cast<const T*>(x.data) + offsets[2] + i * lx;
        for (int64_t k = 0; k < n; ++k) {
          const Key key = sort_key(from[k * x.strides[axis]]);
          items[k] = {descending ? static_cast<Key>(~key) : key, k};
        }
        const Keyed<Key>* sorted = merge_sort(items, items + n, n);
        T* to = static_cast<T*>(values.data) + offsets[0] + i * lv;
        int64_t* to_index = static_cast<int64_t*>(indices.data) + offsets[1] + i * li;
        for (int64_t k = 0; k < n; ++k) {
          to[k * values.strides[axis]] = from[sorted[k].position * x.strides[axis]];
          to_index[k * indices.strides[axis]] = sorted[k].position;
        }
      }
    });
  });
}

template <class... T>
constexpr auto sort_kernels() {
  return kernel_set(Registration{"sort", kDTypeOf<T>, kIsa, "T>Tl", "axis,descending", &sort<T>}...);
}
CR_REGISTER(sort, (sort_kernels<float, double, int32_t, int64_t, uint8_t, bool>()));

}  // namespace chainrule::CR_ISA
