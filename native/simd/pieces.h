#pragma once
// Squares of a matrix, transposed in registers.
#include <utility>

#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// 16 bytes: the pieces that vectors of any width are made of.
template <class T>
using Quad = typename VecType<T, 16>::type;
/// Elements of a piece.
template <class T>
inline constexpr int kSide = 16 / static_cast<int>(sizeof(T));

template <class T, int N, int... I>
CR_INLINE typename VecType<T, 2 * N* static_cast<int>(sizeof(T))>::type join(typename VecType<T, N* static_cast<int>(sizeof(T))>::type a,
                                                                             typename VecType<T, N* static_cast<int>(sizeof(T))>::type b,
                                                                             std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, I...);
}
/// N elements (a multiple of a piece): piece i from p + i * stride.
template <class T, int N>
CR_INLINE typename VecType<T, N* static_cast<int>(sizeof(T))>::type load_pieces(const T* p, int64_t stride) {
  if constexpr (N == kSide<T>) {
    Quad<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
  } else {
    return join<T, N / 2>(load_pieces<T, N / 2>(p, stride), load_pieces<T, N / 2>(p + N / 2 / kSide<T> * stride, stride),
                          std::make_integer_sequence<int, N>{});
  }
}

/// Within each piece: the first halves of a and b interleaved (High = 0), or the second halves.
template <class T, int High, class V, int... I>
CR_INLINE V zip_pieces(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int side = kSide<T>, lanes = static_cast<int>(sizeof...(I));
  return __builtin_shufflevector(a, b, (I / side * side + High * side / 2 + I % side / 2 + I % 2 * lanes)...);
}
template <class T, int High, int N>
CR_INLINE auto zip_pieces_of(typename VecType<T, N* static_cast<int>(sizeof(T))>::type a,
                             typename VecType<T, N* static_cast<int>(sizeof(T))>::type b) {
  return zip_pieces<T, High>(a, b, std::make_integer_sequence<int, N>{});
}

/// r[i] holds 16 bytes of the rows i, i + 4, i + 8, ...: to[c] becomes lane c of each row, in order.
template <int N>
CR_INLINE void transpose_pieces(const typename VecType<float, 4 * N>::type* r, typename VecType<float, 4 * N>::type* to) {
  using D = typename VecType<double, 4 * N>::type;
  using F = typename VecType<float, 4 * N>::type;
  const D a = bitcast<D>(zip_pieces_of<float, 0, N>(r[0], r[1])), b = bitcast<D>(zip_pieces_of<float, 0, N>(r[2], r[3]));
  const D c = bitcast<D>(zip_pieces_of<float, 1, N>(r[0], r[1])), d = bitcast<D>(zip_pieces_of<float, 1, N>(r[2], r[3]));
  to[0] = bitcast<F>(zip_pieces_of<double, 0, N / 2>(a, b));
  to[1] = bitcast<F>(zip_pieces_of<double, 1, N / 2>(a, b));
  to[2] = bitcast<F>(zip_pieces_of<double, 0, N / 2>(c, d));
  to[3] = bitcast<F>(zip_pieces_of<double, 1, N / 2>(c, d));
}
template <int N>
CR_INLINE void transpose_pieces(const typename VecType<double, 8 * N>::type* r, typename VecType<double, 8 * N>::type* to) {
  to[0] = zip_pieces_of<double, 0, N>(r[0], r[1]);
  to[1] = zip_pieces_of<double, 1, N>(r[0], r[1]);
}

/// A column of N rows for each of kSide<T> columns: to[k][j] = from[j * stride + k].
template <int N>
CR_INLINE void load_transposed(const float* from, int64_t stride, typename VecType<float, 4 * N>::type* to) {
  typename VecType<float, 4 * N>::type r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) r[i] = load_pieces<float, N>(from + i * stride, 4 * stride);
  transpose_pieces<N>(r, to);
}
template <int N>
CR_INLINE void load_transposed(const double* from, int64_t stride, typename VecType<double, 8 * N>::type* to) {
  const typename VecType<double, 8 * N>::type r[2] = {load_pieces<double, N>(from, 2 * stride),
                                                      load_pieces<double, N>(from + stride, 2 * stride)};
  transpose_pieces<N>(r, to);
}

/// Piece `Piece` of v[0], v[step], v[2 step] and so on, as many as a vector has.
template <class T, int Piece, class V, int... I>
CR_INLINE V gather_pieces(const V* v, int64_t step, std::integer_sequence<int, I...>) {
  constexpr int side = kSide<T>, lanes = static_cast<int>(sizeof...(I)), groups = lanes / side;
  if constexpr (groups == 1) {
    return v[0];
  } else if constexpr (groups == 2) {
    return __builtin_shufflevector(v[0], v[step], (I / side * lanes + Piece * side + I % side)...);
  } else {
    constexpr int half = lanes / 2;  // two pieces of v[0], then two of v[step]: the first of each is wanted
    const V low = __builtin_shufflevector(v[0], v[step], (I / half * lanes + Piece / 2 * half + I % half)...);
    const V high = __builtin_shufflevector(v[2 * step], v[3 * step], (I / half * lanes + Piece / 2 * half + I % half)...);
    return __builtin_shufflevector(low, high, (I / half * lanes + I % half / side * half + Piece % 2 * side + I % side)...);
  }
}
template <class T, int Piece = 0>
CR_INLINE void exchange_pieces(const Vec<T>* v, Vec<T>* to) {
  constexpr int side = kSide<T>, lanes = kLanes<T>;
#pragma GCC unroll 4
  for (int j = 0; j < side; ++j) to[Piece * side + j] = gather_pieces<T, Piece>(v + j, side, std::make_integer_sequence<int, lanes>{});
  if constexpr ((Piece + 1) * side < lanes) exchange_pieces<T, Piece + 1>(v, to);
}

/// A square of registers: to[k][j] = element k of the vector at from + j * stride. Each row is read once, whole: where rows compete for the
/// same cache sets that counts for more than the shuffles it costs.
template <class T, class W>
CR_INLINE void load_square(const W* from, int64_t stride, Vec<T>* to) {
  constexpr int side = kSide<T>, lanes = kLanes<T>;
  Vec<T> rows[lanes];
#pragma GCC unroll 16
  for (int g = 0; g < lanes; g += side) {
    asm("" : "+r"(from));  // or the compiler works out every row's address beforehand, for which it has no registers
    Vec<T> r[side];
#pragma GCC unroll 4
    for (int i = 0; i < side; ++i) std::memcpy(&r[i], from + i * stride, sizeof r[i]);
    transpose_pieces<lanes>(r, rows + g);
    from += side * stride;
  }
  exchange_pieces<T>(rows, to);
}

}  // namespace chainrule::CR_ISA
