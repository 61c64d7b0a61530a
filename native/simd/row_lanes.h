#pragma once
// Short rows, a row in each lane: up to sixteen elements of as many rows as a vector has lanes, transposed in registers. What is done to a
// row is then done to all of them at once, element by element.
#include "simd/transpose.h"

namespace chainrule::CR_ISA {

/// Elements that a short row has at most: one for each of the sixteen virtual lanes, so that sums keep the order of longer ones.
inline constexpr int64_t kShortRow = kVirtualLanes;

/// Rows that begin `next` elements apart, their elements `step` apart.
struct RowPlace {
  int64_t next, step;
};

/// v[j][r] = x[r * next + j * step] for r < rows <= lanes, j < n <= kShortRow; zeros in the lanes without a row.
template <class T>
CR_INLINE void load_row_lanes(const T* x, RowPlace at, int64_t rows, int64_t n, Vec<T>* v) {
  constexpr int64_t lanes = kLanes<T>;
  if (at.step == 1) {
    for (int64_t c = 0; c < n; c += lanes) {
      const int64_t some = n - c < lanes ? n - c : lanes;
      Vec<T> square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = i < rows ? load_some(x + i * at.next + c, some) : Vec<T>{};
      transpose_square(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) v[c + i] = square[i];
    }
  } else if (at.next == 1) {
    for (int64_t j = 0; j < n; ++j) v[j] = load_some(x + j * at.step, rows);
  } else {
    for (int64_t j = 0; j < n; ++j) {
      v[j] = Vec<T>{};
      for (int64_t r = 0; r < rows; ++r) v[j][r] = x[r * at.next + j * at.step];
    }
  }
}

/// The way back.
template <class T>
CR_INLINE void store_row_lanes(const Vec<T>* v, int64_t rows, int64_t n, T* y, RowPlace at) {
  constexpr int64_t lanes = kLanes<T>;
  if (at.step == 1) {
    for (int64_t c = 0; c < n; c += lanes) {
      const int64_t some = n - c < lanes ? n - c : lanes;
      Vec<T> square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = v[c + i];
      transpose_square(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < rows) store_some(y + i * at.next + c, square[i], some);
      }
    }
  } else if (at.next == 1) {
    for (int64_t j = 0; j < n; ++j) store_some(y + j * at.step, v[j], rows);
  } else {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t r = 0; r < rows; ++r) y[r * at.next + j * at.step] = v[j][r];
    }
  }
}

/// v[0..n) of each lane joined as reduce_each joins a row: element i with i + 8, then + 4, + 2, + 1.
template <class Op, class V>
CR_INLINE V fold_row_lanes(const V* v, int64_t n) {
  V level[kShortRow];
  for (int64_t i = 0; i < n; ++i) level[i] = take<Op>(Op::template identity<V>(), v[i]);
  for (int64_t half = kShortRow / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i + half < n && i < half; ++i) level[i] = Op::join(level[i], level[i + half]);
    if (n > half) n = half;
  }
  return level[0];
}

/// Lanes of 16 bytes, which every shuffle of x86 keeps apart or moves as a whole.
template <class V>
inline constexpr int kQuarter = 16 / static_cast<int>(sizeof(Scalar<V>));

/// Every other block of Step lanes (the first or, High = 1, the second of two), a's before b's. Of blocks shorter than 16 bytes, those of
/// the same 16 bytes stay together.
template <int High, int Step, class V, int... I>
CR_INLINE V every_other_block(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int lanes = static_cast<int>(sizeof...(I)), unit = Step < kQuarter<V> ? kQuarter<V> : lanes, half = unit / 2;
  return __builtin_shufflevector(a, b,
                                 (I / unit * unit + (I % half / Step * 2 + High) * Step + I % Step + (I % unit < half ? 0 : lanes))...);
}

/// Lane r of the result is row(r) folded as fold_lanes folds a vector: one operation joins lanes of two rows, the next of four, and so on.
/// Of the rows, those take part that lie some steps from `First`.
template <class Op, class V, int Step = 1, int First = 0, class Row>
CR_INLINE V fold_vectors(Row row) {
  constexpr int lanes = kLanes<Scalar<V>>, quarter = kQuarter<V>;
  if constexpr (Step == lanes) {
    return row(First);
  } else {
    constexpr int other = First + (Step < quarter ? quarter / 2 / Step : quarter * (lanes / 2) / Step);
    const V a = fold_vectors<Op, V, 2 * Step, First>(row), b = fold_vectors<Op, V, 2 * Step, other>(row);
    constexpr auto all = std::make_integer_sequence<int, lanes>{};
    return Op::join(every_other_block<0, Step>(a, b, all), every_other_block<1, Step>(a, b, all));
  }
}

}  // namespace chainrule::CR_ISA
