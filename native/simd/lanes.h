#pragma once
// Reductions in a fixed order, whatever the width of a register: element i of a block goes to virtual lane i % 16 of one of a few groups
// that take turns, groups and lanes are folded by a fixed tree, and so are blocks of 4096 elements. Sums have the same bits for any number
// of threads and on every instruction set, and an error that grows with the logarithm of their length.
#include "simd/vec.h"

/// Stands after a lambda's parameters: its body becomes part of the loop that calls it.
#define CR_INLINE_LAMBDA __attribute__((always_inline))

namespace chainrule::CR_ISA {

inline constexpr int kVirtualLanes = 16;
inline constexpr int64_t kBlockElements = 4096;

/// Sixteen lanes of A, in as many registers as that takes.
template <class A>
struct Lanes {
  static constexpr int kParts = kVirtualLanes / kLanes<A>;
  Vec<A> part[kParts];
};

/// kLanes<A> elements from p, converted to A.
template <class A, class T>
CR_INLINE Vec<A> load_as(const T* p) {
  if constexpr (kDTypeOf<A> == kDTypeOf<T>) {
    return load(p);
  } else {
    typedef T Source __attribute__((vector_size(sizeof(T) * kLanes<A>)));
    Source v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Vec<A>);
  }
}
/// A `bool` tensor holds bytes; vectors have no bool elements.
template <class A>
CR_INLINE Vec<A> load_as(const bool* p) {
  return load_as<A>(reinterpret_cast<const uint8_t*>(p));
}

/// -1 in the first n lanes (all of them when n is larger).
template <class V>
CR_INLINE IntVec<V> lanes_below(int64_t n) {
  using I = IntVec<V>;
  constexpr int lanes = kLanes<Scalar<V>>;
  I index = {};
  for (int i = 0; i < lanes; ++i) index[i] = static_cast<Scalar<I>>(i);
  return index < splat<I>(static_cast<Scalar<I>>(n < lanes ? n : lanes));
}

template <class Op, class A>
CR_INLINE Lanes<A> identity_lanes() {
  Lanes<A> all;
#pragma GCC unroll 8
  for (int k = 0; k < Lanes<A>::kParts; ++k) all.part[k] = Op::template identity<Vec<A>>();
  return all;
}

template <class Op, class A>
CR_INLINE Lanes<A> join_lanes(const Lanes<A>& a, const Lanes<A>& b) {
  Lanes<A> both;
#pragma GCC unroll 8
  for (int k = 0; k < Lanes<A>::kParts; ++k) both.part[k] = Op::join(a.part[k], b.part[k]);
  return both;
}

/// Lane i of the result is lane i + Step (modulo the number of lanes) of v.
template <int Step, class V>
CR_INLINE V rotate_lanes(V v) {
  constexpr int n = kLanes<Scalar<V>>;
  constexpr int s = Step;
  if constexpr (n == 2) {
    return __builtin_shufflevector(v, v, s % n, (s + 1) % n);
  } else if constexpr (n == 4) {
    return __builtin_shufflevector(v, v, s % n, (s + 1) % n, (s + 2) % n, (s + 3) % n);
  } else if constexpr (n == 8) {
    return __builtin_shufflevector(v, v, s % n, (s + 1) % n, (s + 2) % n, (s + 3) % n, (s + 4) % n, (s + 5) % n, (s + 6) % n, (s + 7) % n);
  } else {
    static_assert(n == 16);
    return __builtin_shufflevector(v, v, s % n, (s + 1) % n, (s + 2) % n, (s + 3) % n, (s + 4) % n, (s + 5) % n, (s + 6) % n, (s + 7) % n,
                                   (s + 8) % n, (s + 9) % n, (s + 10) % n, (s + 11) % n, (s + 12) % n, (s + 13) % n, (s + 14) % n,
                                   (s + 15) % n);
  }
}

/// Sixteen lanes in one vector: lane i joined with lane i + 8, and so on until they fit.
template <class Op, class A>
CR_INLINE Vec<A> fold_parts(Lanes<A> all) {
#pragma GCC unroll 4
  for (int half = Lanes<A>::kParts / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (int k = 0; k < half; ++k) all.part[k] = Op::join(all.part[k], all.part[k + half]);
  }
  return all.part[0];
}

/// Lane i joined with lane i + 8, then + 4, + 2, + 1.
template <class Op, class A>
CR_INLINE A fold_lanes(const Lanes<A>& all) {
  constexpr int lanes = kLanes<A>;
  Vec<A> v = fold_parts<Op, A>(all);
  if constexpr (lanes > 8) v = Op::join(v, rotate_lanes<8>(v));
  if constexpr (lanes > 4) v = Op::join(v, rotate_lanes<4>(v));
  if constexpr (lanes > 2) v = Op::join(v, rotate_lanes<2>(v));
  return Op::join(v, rotate_lanes<1>(v))[0];
}

/// `value` joined to what was joined before. An Op that has take() does so in another way than it joins two results: JoinSquares.
template <class Op, class V>
CR_INLINE V take(V joined, V value) {
  if constexpr (requires { Op::take(joined, value); }) {
    return Op::take(joined, value);
  } else {
    return Op::join(joined, value);
  }
}

/// How many groups of sixteen lanes a long sum has in flight, so that it does not wait for the additions before: as many as fit registers.
template <class A>
inline constexpr int kLaneGroups = sizeof(A) <= 4 ? 4 : 2;

/// Joins body(i, m), the values of elements i..i+m-1, over begin..end-1: one vector, or at the end fewer than its lanes (m of them count).
/// Op has identity<V>() and join(V, V). `Groups` groups of sixteen lanes take turns; they are joined in a tree before what is left over.
template <class Op, class A, int Groups = kLaneGroups<A>, class Body>
CR_INLINE Lanes<A> reduce_range(int64_t begin, int64_t end, Body body) {
  constexpr int parts = Lanes<A>::kParts, lanes = kLanes<A>;
  Lanes<A> sum = identity_lanes<Op, A>();
  int64_t i = begin;
  if (Groups > 1 && i + Groups * kVirtualLanes <= end) {
    Lanes<A> group[Groups];
#pragma GCC unroll 4
    for (int g = 0; g < Groups; ++g) group[g] = sum;
    for (; i + Groups * kVirtualLanes <= end; i += Groups * kVirtualLanes) {
#pragma GCC unroll 4
      for (int g = 0; g < Groups; ++g) {
#pragma GCC unroll 8
        for (int k = 0; k < parts; ++k) {
          group[g].part[k] = take<Op>(group[g].part[k], body(i + g * kVirtualLanes + k * lanes, static_cast<int64_t>(lanes)));
        }
      }
    }
#pragma GCC unroll 2
    for (int half = Groups / 2; half > 0; half /= 2) {
#pragma GCC unroll 2
      for (int g = 0; g < half; ++g) group[g] = join_lanes<Op>(group[g], group[g + half]);
    }
    sum = group[0];
  }
  for (; i + kVirtualLanes <= end; i += kVirtualLanes) {
#pragma GCC unroll 8
    for (int k = 0; k < parts; ++k) sum.part[k] = take<Op>(sum.part[k], body(i + k * lanes, static_cast<int64_t>(lanes)));
  }
#pragma GCC unroll 8
  for (int k = 0; k < parts; ++k) {
    const int64_t left = end - i - k * lanes;
    if (left <= 0) break;
    const Vec<A> value = body(i + k * lanes, left < lanes ? left : static_cast<int64_t>(lanes));
    sum.part[k] = take<Op>(sum.part[k], select<Vec<A>>(lanes_below<Vec<A>>(left), value, Op::template identity<Vec<A>>()));
  }
  return sum;
}

/// m <= kLanes elements from p, zeros after.
template <class T>
CR_INLINE Vec<T> load_some(const T* p, int64_t m) {
  return m == kLanes<T> ? load(p) : load_partial(p, m);
}
template <class V, class T>
CR_INLINE void store_some(T* p, V v, int64_t m) {
  if (m == kLanes<T>) return store(p, v);
  store_partial(p, v, m);
}

/// m <= kLanes<A> elements from p converted to A, zeros after.
template <class A, class T>
CR_INLINE Vec<A> load_some_as(const T* p, int64_t m) {
  if (m == kLanes<A>) return load_as<A>(p);
  if constexpr (kDTypeOf<A> == kDTypeOf<T>) return load_partial(p, m);
  T some[kLanes<A>] = {};
  std::memcpy(some, p, static_cast<size_t>(m) * sizeof(T));
  return load_as<A>(some);
}

/// Lanes of map(x[i]) for i < n.
template <class Op, class A, class T, class Map>
CR_INLINE Lanes<A> reduce_lanes(const T* x, int64_t n, Map map) {
  return reduce_range<Op, A>(0, n, [&](int64_t i, int64_t m) CR_INLINE_LAMBDA { return map(load_some_as<A>(x + i, m)); });
}

/// The tree over blocks: pairs, pairs of pairs, and so on, as a binary counter. Whole subtrees (2^k blocks that begin at a multiple of 2^k)
/// may be computed apart and pushed as one: the result is the same.
template <class Op, class A>
struct BlockTree {
  static constexpr int kLevels = 48;
  Lanes<A> level[kLevels];
  int64_t pushed;
};
template <class Op, class A>
CR_INLINE void tree_push(BlockTree<Op, A>& tree, Lanes<A> block) {
  int depth = 0;
  for (int64_t i = tree.pushed++; i & 1; i >>= 1) block = join_lanes<Op>(tree.level[depth++], block);
  tree.level[depth] = block;
}
template <class Op, class A>
CR_INLINE Lanes<A> tree_total(const BlockTree<Op, A>& tree) {
  if (tree.pushed == 0) return identity_lanes<Op, A>();
  int depth = __builtin_ctzll(static_cast<unsigned long long>(tree.pushed));
  Lanes<A> total = tree.level[depth];
  for (++depth; tree.pushed >> depth; ++depth) {
    if (tree.pushed >> depth & 1) total = join_lanes<Op>(tree.level[depth], total);
  }
  return total;
}

/// Op over body(i, m) for 0..n-1 (see reduce_range): blocks of 4096, sixteen lanes in each, a tree above.
template <class Op, class A, int Groups = kLaneGroups<A>, class Body>
CR_INLINE A reduce_each(int64_t n, Body body) {
  if (n <= kBlockElements) return fold_lanes<Op, A>(reduce_range<Op, A, Groups>(0, n, body));
  BlockTree<Op, A> tree;
  tree.pushed = 0;
  for (int64_t i = 0; i < n; i += kBlockElements) {
    tree_push(tree, reduce_range<Op, A, Groups>(i, n - i < kBlockElements ? n : i + kBlockElements, body));
  }
  return fold_lanes<Op, A>(tree_total(tree));
}

// ---- what is joined ----
struct JoinSum {
  template <class V>
  static V identity() {
    return V{};
  }
  template <class V>
  static V join(V a, V b) {
    return a + b;
  }
};
/// Sum of squares, each rounded with the sum that it goes to.
struct JoinSquares : JoinSum {
  template <class V>
  static V take(V sum, V value) {
    return fma(value, value, sum);
  }
};
struct JoinProduct {
  template <class V>
  static V identity() {
    return splat<V>(1);
  }
  template <class V>
  static V join(V a, V b) {
    return a * b;
  }
};

/// Smallest and largest value of a type; infinities for floats.
template <class T>
inline constexpr T kHighest = static_cast<T>(kDTypeOf<T> == DType::i64 ? 0x7fffffffffffffffLL : 0x7fffffffLL);
template <>
inline constexpr float kHighest<float> = __builtin_inff();
template <>
inline constexpr double kHighest<double> = __builtin_inf();
template <class T>
inline constexpr T kLowest = static_cast<T>(-kHighest<T> - 1);
template <>
inline constexpr float kLowest<float> = -__builtin_inff();
template <>
inline constexpr double kLowest<double> = -__builtin_inf();

/// NaN wins. It is b, the newer one, that is asked for it: the chain of joins is then one instruction long.
struct JoinMax {
  template <class V>
  static V identity() {
    return splat<V>(kLowest<Scalar<V>>);
  }
  template <class V>
  static V join(V a, V b) {
    return max(b, a);
  }
};
struct JoinMin {
  template <class V>
  static V identity() {
    return splat<V>(kHighest<Scalar<V>>);
  }
  template <class V>
  static V join(V a, V b) {
    return min(b, a);
  }
};

/// Two sums over the same elements.
template <class X>
struct Two {
  X first, second;
};
/// Sums of both vectors that body(i, m) gives for 0..n-1, as reduce_each; Op is JoinSum. Half as many groups for twice the sums.
template <class A, class Body>
CR_INLINE Two<Lanes<A>> sum_two_range(int64_t begin, int64_t end, Body body) {
  constexpr int parts = Lanes<A>::kParts, lanes = kLanes<A>, groups = kLaneGroups<A> / 2;
  Two<Lanes<A>> sum[groups] = {};
  int64_t i = begin;
  for (; i + groups * kVirtualLanes <= end; i += groups * kVirtualLanes) {
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
#pragma GCC unroll 8
      for (int k = 0; k < parts; ++k) {
        const Two<Vec<A>> value = body(i + g * kVirtualLanes + k * lanes, static_cast<int64_t>(lanes));
        sum[g].first.part[k] += value.first;
        sum[g].second.part[k] += value.second;
      }
    }
  }
  if constexpr (groups == 2) {
    sum[0] = {join_lanes<JoinSum>(sum[0].first, sum[1].first), join_lanes<JoinSum>(sum[0].second, sum[1].second)};
  }
  while (i < end) {
#pragma GCC unroll 8
    for (int k = 0; k < parts && i < end; ++k, i += lanes) {
      const int64_t left = end - i;
      const Two<Vec<A>> value = body(i, left < lanes ? left : static_cast<int64_t>(lanes));
      const auto counts = lanes_below<Vec<A>>(left);
      sum[0].first.part[k] += select<Vec<A>>(counts, value.first, Vec<A>{});
      sum[0].second.part[k] += select<Vec<A>>(counts, value.second, Vec<A>{});
    }
  }
  return sum[0];
}
template <class A, class Body>
CR_INLINE Two<A> sum_two(int64_t n, Body body) {
  if (n <= kBlockElements) {
    const Two<Lanes<A>> block = sum_two_range<A>(0, n, body);
    return {fold_lanes<JoinSum, A>(block.first), fold_lanes<JoinSum, A>(block.second)};
  }
  BlockTree<JoinSum, A> first, second;
  first.pushed = second.pushed = 0;
  for (int64_t i = 0; i < n; i += kBlockElements) {
    const Two<Lanes<A>> block = sum_two_range<A>(i, n - i < kBlockElements ? n : i + kBlockElements, body);
    tree_push(first, block.first);
    tree_push(second, block.second);
  }
  return {fold_lanes<JoinSum, A>(tree_total(first)), fold_lanes<JoinSum, A>(tree_total(second))};
}

/// y[i] = f(i, m) for i < n: whole vectors, then one of m < lanes elements.
template <class T, class F>
CR_INLINE void map_row(T* y, int64_t n, F f) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(i, lanes));
  if (i < n) store_partial(y + i, f(i, n - i), n - i);
}

/// The largest of x[0..n); NaN if there is one.
template <class T>
CR_INLINE T row_max(const T* x, int64_t n) {
  return reduce_each<JoinMax, T>(n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(x + i, m); });
}

}  // namespace chainrule::CR_ISA
