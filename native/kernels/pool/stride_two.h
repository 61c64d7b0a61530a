#pragma once
// One row of windows at stride 2, the commonest poolings: 2 x 2, and 3 x 3 with padding 1. Rows are merged column by column in registers;
// even and odd columns are then taken apart, so that neighbouring lanes are neighbouring windows. Nothing goes through memory.
#include <type_traits>

#include "kernels/pool/window.h"
#include "simd/lanes.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// v, with `edge` in lanes n and behind.
template <class V>
CR_INLINE V cut_at(V v, int64_t n, Scalar<V> edge) {
  using I = IntVec<V>;
  return select<V>(lane_numbers<Scalar<V>>() < splat<I>(static_cast<Scalar<I>>(n)), v, splat<V>(edge));
}

/// write(o, item) for each vector of windows. column(i) merges the rows of columns i.. into an item, which is `edge` outside the image;
/// merge(a, b) merges items, a being to the left.
template <int K, class T, class Item, class Column, class Merge, class Write>
CR_INLINE void pool_row(int64_t out, Item edge, Column column, Merge merge, Write write) {
  Item before = edge;
  for (int64_t o = 0; o < out; o += kLanes<T>) {
    const Item a = column(2 * o), b = column(2 * o + kLanes<T>);
    const Item even = evens(a, b), odd = odds(a, b);
    if constexpr (K == 2) {
      write(o, merge(even, odd));
    } else {
      write(o, merge(merge(shift_in(before, odd), even), odd));
      before = odd;
    }
  }
}

/// Whether a vector may be read at p although the row ends in it: no window reaches past the row's end, so that nobody asks what is there.
template <class T>
CR_INLINE bool may_read_on(const T* p, const T* end, int64_t width, int64_t out) {
  return 2 * out <= width && p + kLanes<T> <= end;
}

/// The same for vectors: values only. `x` is the first of `rows` rows, as many as Rows says when that is not 0, and `end` that of what may
/// be read.
template <int K, int Rows, class T, class Merge, class Write>
CR_INLINE void pool_values(const T* x, int64_t row_stride, int64_t rows, int64_t width, int64_t out, const T* end, T edge, Merge merge,
                           Write write) {
  using V = Vec<T>;
  const int64_t count = Rows == 0 ? rows : Rows;
  const auto column = [&](int64_t i) CR_INLINE_LAMBDA {
    const int64_t n = width - i;
    const T* p = x + i;
    if (n >= kLanes<T> || (n > 0 && may_read_on(p + (count - 1) * row_stride, end, width, out))) {
      V v = load(p);
      for (int64_t r = 1; r < count; ++r) v = merge(v, load(p + r * row_stride));
      return v;
    }
    if (n <= 0) return splat<V>(edge);
    V v = load_partial(p, n);
    for (int64_t r = 1; r < count; ++r) v = merge(v, load_partial(p + r * row_stride, n));
    return cut_at(v, n, edge);
  };
  pool_row<K, T>(out, splat<V>(edge), column, merge, write);
}

}  // namespace chainrule::CR_ISA
