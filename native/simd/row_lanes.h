#pragma once
// Rows a row in each lane: short ones, transposed in registers, and longer ones that lie side by side, so that memory has them in this
// order. What is done to a row is then done to all of them at once, element by element.
#include "simd/stream.h"
#include "simd/transpose.h"

namespace chainrule::CR_ISA {

/// Elements that a short row has at most: one for each of the sixteen virtual lanes, so that sums keep the order of longer ones.
inline constexpr int64_t kShortRow = kVirtualLanes;

/// Longest rows that are taken side by side; those of more elements are transposed.
inline constexpr int64_t kSideBySide = 1024;

/// Rows that begin `next` elements apart, their elements `step` apart.
struct RowPlace {
  int64_t next, step;
};

/// Vectors of rows side by side that are taken at once: some whole lines of the cache, fewer where all of their elements are more than L2
/// can spare. Wide ones that do not fit L1 take 0.6 to 0.8 of the time of narrower ones that do ([64,128,28,28]).
template <class T>
CR_INLINE int64_t row_vectors(int64_t n) {
  constexpr int64_t most = 256 / kVecBytes, least = kCacheLine / kVecBytes;
  const int64_t fit = 65536 / (n * kVecBytes + 1);
  return fit < least ? least : fit < most ? fit : most;
}

/// v[k * n + j][r] = x[(k lanes + r) * next + j * step] for k lanes + r < rows and j < n; zeros in the lanes without a row. Where step is
/// 1, n is at most kShortRow.
template <class T>
CR_INLINE void load_row_lanes(const T* x, RowPlace at, int64_t rows, int64_t n, Vec<T>* v) {
  constexpr int64_t lanes = kLanes<T>;
  if (at.next == 1 && at.step != 1) {
    for (int64_t j = 0; j < n; ++j) {
      const T* from = x + j * at.step;
      Vec<T>* to = v + j;
      int64_t r = 0;
      for (; r + lanes <= rows; r += lanes, to += n) *to = load(from + r);
      if (r < rows) *to = load_partial(from + r, rows - r);
    }
    return;
  }
  for (; rows > 0; rows -= lanes, x += lanes * at.next, v += n) {
    if (at.step != 1) {
      for (int64_t j = 0; j < n; ++j) {
        v[j] = Vec<T>{};
        for (int64_t r = 0; r < rows && r < lanes; ++r) v[j][r] = x[r * at.next + j * at.step];
      }
      continue;
    }
    for (int64_t c = 0; c < n; c += lanes) {
      const int64_t some = n - c < lanes ? n - c : lanes;
      Vec<T> square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = i < rows ? load_some(x + i * at.next + c, some) : Vec<T>{};
      transpose_square(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) v[c + i] = square[i];
    }
  }
}

/// The way back.
template <class T>
CR_INLINE void store_row_lanes(const Vec<T>* v, int64_t rows, int64_t n, T* y, RowPlace at) {
  constexpr int64_t lanes = kLanes<T>;
  if (at.next == 1 && at.step != 1) {
    for (int64_t j = 0; j < n; ++j) {
      T* to = y + j * at.step;
      const Vec<T>* from = v + j;
      int64_t r = 0;
      for (; r + lanes <= rows; r += lanes, from += n) store(to + r, *from);
      if (r < rows) store_partial(to + r, *from, rows - r);
    }
    return;
  }
  for (; rows > 0; rows -= lanes, y += lanes * at.next, v += n) {
    if (at.step != 1) {
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t r = 0; r < rows && r < lanes; ++r) y[r * at.next + j * at.step] = v[j][r];
      }
      continue;
    }
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
  }
}

/// value(0..n-1) of each lane, n <= kBlockElements, joined as reduce_each with as many Groups joins a row: element i goes to virtual lane
/// i % 16 of one of the groups, and those of what fills no turn of all groups to the first; then the trees.
template <class Op, int Groups, class V, class Value>
CR_INLINE V fold_row_lanes(int64_t n, Value value) {
  constexpr int64_t turn = Groups * kVirtualLanes;
  V level[turn];
  int64_t i = 0;
  for (; i + turn <= n; i += turn) {
    for (int64_t l = 0; l < turn; ++l) level[l] = take<Op>(i == 0 ? Op::template identity<V>() : level[l], value(i + l));
  }
  for (int64_t half = i == 0 ? 0 : turn / 2; half >= kVirtualLanes; half /= 2) {
    for (int64_t l = 0; l < half; ++l) level[l] = Op::join(level[l], level[l + half]);
  }
  for (; i < n; i += kVirtualLanes) {
    const int64_t some = n - i < kVirtualLanes ? n - i : int64_t{kVirtualLanes};
    for (int64_t l = 0; l < some; ++l) level[l] = take<Op>(i == 0 ? Op::template identity<V>() : level[l], value(i + l));
  }
  for (int64_t half = kVirtualLanes / 2; half > 0; half /= 2) {
    for (i = 0; i + half < n && i < half; ++i) level[i] = Op::join(level[i], level[i + half]);
    if (n > half) n = half;
  }
  return level[0];
}
template <class Op, class V>
CR_INLINE V fold_row_lanes(const V* v, int64_t n) {
  return fold_row_lanes<Op, kLaneGroups<Scalar<V>>, V>(n, [=](int64_t i) CR_INLINE_LAMBDA { return v[i]; });
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
