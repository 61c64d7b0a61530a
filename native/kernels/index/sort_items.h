#pragma once
// Stable sorting of (key, position) by key, where keys are unsigned integers in the order of the values: NaN is larger than every number,
// as in PyTorch, and -0 equals 0. Few items are merged, many go digit by digit from the lowest (Knuth, volume 3, 5.2.5).
#include "kernels/index/lines.h"

namespace chainrule::CR_ISA {

/// A key of 32 bits above its position: one word, ordered as both together.
struct PackedItem {
  using Key = uint32_t;
  uint64_t word;

  static PackedItem make(Key key, int64_t position) { return {uint64_t{key} << 32 | static_cast<uint64_t>(position)}; }
  [[nodiscard]] Key key() const { return static_cast<Key>(word >> 32); }
  [[nodiscard]] int64_t position() const { return static_cast<int64_t>(word & 0xffffffffU); }
  [[nodiscard]] bool less(const PackedItem& other) const { return word < other.word; }
};
struct WideItem {
  using Key = uint64_t;
  Key value;
  int64_t at;

  static WideItem make(Key key, int64_t position) { return {key, position}; }
  [[nodiscard]] Key key() const { return value; }
  [[nodiscard]] int64_t position() const { return at; }
  [[nodiscard]] bool less(const WideItem& other) const { return value < other.value; }
};

template <bool Wide>
struct ItemOf {
  using type = PackedItem;
};
template <>
struct ItemOf<true> {
  using type = WideItem;
};
/// What elements of T are sorted as.
template <class T>
using Item = typename ItemOf<sizeof(T) == 8>::type;

/// An unsigned integer that compares as the value does; the other way round when descending.
template <class T>
CR_INLINE typename Item<T>::Key sort_key(T value, bool descending) {
  using Key = typename Item<T>::Key;
  Key bits;
  if constexpr (sizeof(T) == 1) {
    bits = static_cast<uint8_t>(value);
    return descending ? bits ^ 0xffU : bits;  // one digit stays one digit
  } else {
    constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
    if constexpr (kDTypeOf<T> == DType::f32 || kDTypeOf<T> == DType::f64) {
      const T number = value + T{0};  // -0 becomes 0
      std::memcpy(&bits, &number, sizeof bits);
      bits = (bits & sign) != 0 ? static_cast<Key>(~bits) : bits | sign;
      if (value != value) bits = static_cast<Key>(~Key{0});
    } else {
      std::memcpy(&bits, &value, sizeof bits);
      bits ^= sign;
    }
    return descending ? static_cast<Key>(~bits) : bits;
  }
}

inline constexpr int64_t kInsertionRun = 16;
inline constexpr int kDigit = 256;               // values of a digit
inline constexpr int64_t kSortChunk = 32768;     // items of one unit of work
inline constexpr int64_t kParallelSort = 65536;  // items from which one line is shared among threads
inline constexpr int64_t kFewItems = 128;        // of one word; merging them is faster than counting digits
inline constexpr int64_t kFewWideItems = 512;

template <class I>
CR_INLINE void insertion_sort(I* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const I item = items[i];
    int64_t at = i;
    for (; at > 0 && item.less(items[at - 1]); --at) items[at] = items[at - 1];
    items[at] = item;
  }
}

template <class I>
CR_INLINE void merge(const I* a, int64_t na, const I* b, int64_t nb, I* to) {
  while (na > 0 && nb > 0) {
    const bool second = b->less(*a);
    *to++ = second ? *b : *a;
    b += second;
    nb -= second;
    a += !second;
    na -= !second;
  }
  if (na > 0) std::memcpy(to, a, static_cast<size_t>(na) * sizeof(*a));
  if (nb > 0) std::memcpy(to, b, static_cast<size_t>(nb) * sizeof(*b));
}

template <class I>
CR_INLINE I* merge_sort(I* items, I* room, int64_t n) {
  for (int64_t i = 0; i < n; i += kInsertionRun) insertion_sort(items + i, n - i < kInsertionRun ? n - i : kInsertionRun);
  for (int64_t width = kInsertionRun; width < n; width *= 2) {
    for (int64_t i = 0; i < n; i += 2 * width) {
      const int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
      merge(items + i, middle - i, items + middle, end - middle, room + i);
    }
    I* sorted = room;
    room = items;
    items = sorted;
  }
  return items;
}

template <class I>
CR_INLINE unsigned digit_of(const I& item, int digit) {
  return static_cast<unsigned>(item.key() >> (8 * digit)) & (kDigit - 1);
}

/// Keys of `Digits` bytes, all digits counted in one pass; a digit that is the same everywhere needs no pass of its own.
template <int Digits, class I>
CR_INLINE I* radix_sort(I* items, I* room, int64_t n) {
  uint32_t count[Digits][kDigit] = {};
  for (int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 8
    for (int d = 0; d < Digits; ++d) ++count[d][digit_of(items[i], d)];
  }
  for (int d = 0; d < Digits; ++d) {
    if (count[d][digit_of(items[0], d)] == n) continue;
    uint32_t start = 0;
    for (uint32_t& c : count[d]) {
      const uint32_t here = c;
      c = start;
      start += here;
    }
    for (int64_t i = 0; i < n; ++i) room[count[d][digit_of(items[i], d)]++] = items[i];
    I* sorted = room;
    room = items;
    items = sorted;
  }
  return items;
}

/// Sorts n items, using as much room again; returns where the result is. Keys have `Digits` bytes.
template <int Digits, class I>
I* sort_items(I* items, I* room, int64_t n) {
  if (n <= (sizeof(I) == 8 ? kFewItems : kFewWideItems) || n > UINT32_MAX) return merge_sort(items, room, n);
  return radix_sort<Digits>(items, room, n);
}

/// The same for many items, on all threads: each chunk counts its digits, and knows from the others' counts where its items go.
template <int Digits, class I>
CR_INLINE I* sort_items_parallel(Context& ctx, I* items, I* room, int64_t n) {
  const int64_t chunks = (n + kSortChunk - 1) / kSortChunk;
  auto* count = scratch<int64_t>(ctx, chunks * kDigit);
  for (int d = 0; d < Digits; ++d) {
    parallel_units(ctx, chunks, [&](int64_t chunk, int) {
      int64_t* own = count + chunk * kDigit;
      std::memset(own, 0, kDigit * sizeof(int64_t));
      const int64_t end = (chunk + 1) * kSortChunk < n ? (chunk + 1) * kSortChunk : n;
      for (int64_t i = chunk * kSortChunk; i < end; ++i) ++own[digit_of(items[i], d)];
    });
    int64_t start = 0, first = 0;  // `first`: items with the digit of the first one
    for (int64_t chunk = 0; chunk < chunks; ++chunk) first += count[chunk * kDigit + digit_of(items[0], d)];
    if (first == n) continue;
    for (int value = 0; value < kDigit; ++value) {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const int64_t here = count[chunk * kDigit + value];
        count[chunk * kDigit + value] = start;
        start += here;
      }
    }
    parallel_units(ctx, chunks, [&](int64_t chunk, int) {
      int64_t* own = count + chunk * kDigit;
      const int64_t end = (chunk + 1) * kSortChunk < n ? (chunk + 1) * kSortChunk : n;
      for (int64_t i = chunk * kSortChunk; i < end; ++i) room[own[digit_of(items[i], d)]++] = items[i];
    });
    I* sorted = room;
    room = items;
    items = sorted;
  }
  return items;
}

/// What sort and topk have in common: lines of x along the axis, and where their values and positions go.
struct SortLines {
  Loop<3> loop;
  const TensorView &x, &values, &indices;
  int32_t axis;

  [[nodiscard]] int64_t lines() const { return element_count(loop); }
  [[nodiscard]] int64_t step(int operand) const { return loop.strides[operand][loop.rank - 1]; }

  /// Writes the first `count` of a line's sorted items.
  template <class T, class I>
  void put(const I* sorted, int64_t count, const T* from, T* to, int64_t* to_index) const {
    const int64_t sx = x.strides[axis], sv = values.strides[axis], si = indices.strides[axis];
    for (int64_t k = 0; k < count; ++k) {
      const int64_t position = sorted[k].position();
      to[k * sv] = from[position * sx];
      to_index[k * si] = position;
    }
  }
  /// line(from, to, to_index) for lines [begin, end).
  template <class T, class Line>
  void each(int64_t begin, int64_t end, Line line) const {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        line(static_cast<const T*>(x.data) + offsets[2] + i * step(2), static_cast<T*>(values.data) + offsets[0] + i * step(0),
             static_cast<int64_t*>(indices.data) + offsets[1] + i * step(1));
      }
    });
  }
};

CR_INLINE SortLines sort_lines(const Args& args) {
  const TensorView &x = args.in[0], &values = args.out[0], &indices = args.out[1];
  const int32_t axis = axis_param(x, args.params[0]);
  CR_CHECK(x.rank == values.rank && x.rank == indices.rank && values.shape[axis] == indices.shape[axis]);
  CR_CHECK(values.shape[axis] <= x.shape[axis] && x.shape[axis] <= UINT32_MAX);
  const TensorView rest[3] = {without_axis(values, axis), without_axis(indices, axis), without_axis(x, axis)};
  for (int32_t d = 0; d < x.rank; ++d) CR_CHECK(rest[0].shape[d] == rest[1].shape[d] && rest[0].shape[d] == rest[2].shape[d]);
  return {make_loop<3>({&rest[0], &rest[1], &rest[2]}), x, values, indices, axis};
}

}  // namespace chainrule::CR_ISA
