#pragma once
// Rows side by side in the result, for which one input has a number each or a row for all of them: whole vectors of the result from its
// first element to its last, those in which two rows meet too.
#include "simd/lanes.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Rows of `width` elements, at least a vector; input k of row r begins at x[k] + r * step[k] elements. Input `other` has a number for each
/// of them or one row for all.
struct Rows {
  int64_t width, step[2];
  int other;
};

/// n elements of y, whole rows. `numbers` has one for each row; x lies as y does, or is one row for all (a step of 0). f(x, number) gives
/// the result, put(to, vector) stores it.
template <class T, class F, class Put>
CR_INLINE void numbered_rows(T* y, const T* x, int64_t x_step, const T* numbers, int64_t number_step, int64_t width, int64_t n, F f,
                             Put put) {
  constexpr int64_t lanes = kLanes<T>;
  T seam[2 * lanes];  // the end of a row that is repeated, and its beginning
  store(seam, load(x + width - lanes));
  store(seam + lanes, load(x));
  Vec<T> number = splat_any<T>(*numbers);
  int64_t column = to_next_vector(y, n);  // a part of a vector up to where stores are aligned
  if (column > 0) store_partial(y, f(load_partial(x, column), number), column);
  y += column;
  for (int64_t row = n / width;; --row) {
    const int64_t whole = (width - column) / lanes * lanes;
    const T* const from = x + column;
#pragma GCC unroll(kVecBytes == 32 ? 2 : 1)
    for (int64_t i = 0; i < whole; i += lanes) put(y + i, f(load(from + i), number), from + i);
    y += whole;
    column += whole;
    const int64_t left = width - column;
    if (row == 1) {
      if (left > 0) store_partial(y, f(load_partial(x + column, left), number), left);
      return;
    }
    numbers += number_step;
    const Vec<T> next = splat_any<T>(*numbers);
    if (left > 0) {
      const Vec<T> both = select<Vec<T>>(lanes_below<Vec<T>>(left), number, next);
      put(y, f(load(x_step == 0 ? seam + lanes - left : x + column), both), x + column);
      y += lanes;
    }
    column = left > 0 ? lanes - left : 0;
    number = next;
    x += x_step;
  }
}

/// n elements of y, whole rows. x lies as y does, `row` is one row for all.
template <class T, class F, class Put>
CR_INLINE void repeated_rows(T* y, const T* x, const T* row, int64_t width, int64_t n, F f, Put put) {
  constexpr int64_t lanes = kLanes<T>;
  T seam[2 * lanes];  // the row's end, and its beginning
  store(seam, load(row + width - lanes));
  store(seam + lanes, load(row));
  const T* const end = x + n;
  int64_t column = to_next_vector(y, n);  // a part of a vector up to where stores are aligned
  if (column > 0) store_partial(y, f(load_partial(x, column), load_partial(row, column)), column);
  y += column;
  x += column;
  for (;;) {
    const int64_t whole = (width - column) / lanes * lanes, left = width - column - whole;
    const T* const from = row + column;
#pragma GCC unroll(kVecBytes == 32 ? 2 : 1)
    for (int64_t i = 0; i < whole; i += lanes) put(y + i, f(load(x + i), load(from + i)), x + i);
    y += whole;
    x += whole;
    if (x + left == end) {
      if (left > 0) store_partial(y, f(load_partial(x, left), load_partial(from + whole, left)), left);
      return;
    }
    if (left > 0) {
      put(y, f(load(x), load(seam + lanes - left)), x);
      y += lanes;
      x += lanes;
    }
    column = left > 0 ? lanes - left : 0;
  }
}

}  // namespace chainrule::CR_ISA
