// y = softmax(scale q k^T + mask) v, a tile of queries against a tile of keys at a time, with the running maximum and sum of each query
// (Dao et al. 2022, arXiv:2205.14135; Dao 2023, arXiv:2307.08691). Beside y only the logarithm of each sum is kept: memory grows with
// queries + keys.
#include "kernels/attention/mask.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kForwardGroups = 2;
template <class T>
inline constexpr int64_t kForwardTile = kForwardGroups* kGroup<T>;

/// What is known of one group of queries so far.
template <class T>
struct Running {
  T* query;    // [depth][kGroup], scaled
  T* mixed;    // [kGroup][padded(width)]: sum of weight times value
  T* largest;  // [kGroup] score
  T* sum;      // [kGroup] of weights
};

/// Scores [keys][kGroup] -> weights relative to the largest score so far; what was summed before is scaled to it. `width` is that of
/// a row of run.mixed.
template <class T>
CR_INLINE void soften(T* scores, const TilePlace& place, const Running<T>& run, int64_t width, bool first) {
  using V = Vec<T>;
  for (int64_t i = 0; i < place.queries; i += kLanes<T>) {
    const int64_t keys = place.seen<T>(i);
    for (int64_t k = keys; k < place.keys; ++k) store(scores + k * kGroup<T> + i, V{});  // read by the rows of the diagonal
    const V before = first ? splat<V>(kMinusInfinity<T>) : load(run.largest + i);
    V even = before, odd = before;  // two chains; a maximum does not depend on the order
    int64_t k2 = 0;
    for (; k2 + 2 <= keys; k2 += 2) {
      const V one = load(scores + k2 * kGroup<T> + i), other = load(scores + (k2 + 1) * kGroup<T> + i);
      even = one > even ? one : even;
      odd = other > odd ? other : odd;
    }
    if (k2 < keys) {
      const V last = load(scores + k2 * kGroup<T> + i);
      even = last > even ? last : even;
    }
    const V largest = odd > even ? odd : even;
    const V base = largest == splat<V>(kMinusInfinity<T>) ? V{} : largest;  // nothing but masked keys: exp(-inf - 0) = 0
    V sum = {};
    for (int64_t k = 0; k < keys; ++k) {
      T* at = scores + k * kGroup<T> + i;
      const V weight = exp2_flushed(load(at) - base);
      sum += weight;
      store(at, weight);
    }
    store(run.largest + i, largest);
    if (first) {
      store(run.sum + i, sum);
      continue;
    }
    const V shrink = exp2_flushed(before - base);
    store(run.sum + i, fma(load(run.sum + i), shrink, sum));
    if (!any(shrink != splat<V>(1))) continue;
    for (int64_t row = 0; row < kLanes<T>; ++row) {
      T* at = run.mixed + (i + row) * width;
      for (int64_t d = 0; d < width; d += kLanes<T>) store(at + d, load(at + d) * shrink[row]);
    }
  }
}

/// Scratch of one unit, carved from one piece.
template <class T>
struct ForwardScratch {
  T *query, *mixed, *largest, *sum, *scores, *extra, *key, *value;
  static int64_t size(const Attention<T>& a) {
    return kForwardTile<T> * (a.depth + padded(a.width) + 2) + 2 * kKeyTile * kGroup<T> + kKeyTile * (padded(a.depth) + padded(a.width));
  }
  ForwardScratch(const Attention<T>& a, T* at) {
    query = at;
    mixed = query + kForwardTile<T> * a.depth;
    largest = mixed + kForwardTile<T> * padded(a.width);
    sum = largest + kForwardTile<T>;
    scores = sum + kForwardTile<T>;
    extra = scores + kKeyTile * kGroup<T>;
    key = extra + kKeyTile * kGroup<T>;
    value = key + kKeyTile * padded(a.depth);
  }
  Running<T> group(const Attention<T>& a, int64_t g) const {
    return {query + g * kGroup<T> * a.depth, mixed + g * kGroup<T> * padded(a.width), largest + g * kGroup<T>, sum + g * kGroup<T>};
  }
};

/// Divides by the sums and writes the rows of a group. lse is the logarithm, to base 2, of the sum of
/// all exponentials; a query without any key has zeros and a logarithm of 0.
template <class T>
CR_INLINE void finish(const Attention<T>& a, const Running<T>& run, int64_t queries, T* y, T* lse) {
  using V = Vec<T>;
  for (int64_t i = 0; i < queries; i += kLanes<T>) {
    const V sum = load(run.sum + i);
    const auto none = sum == V{};
    store(run.sum + i, select<V>(none, V{}, splat<V>(1) / sum));
    store_some(lse + i, select<V>(none, V{}, load(run.largest + i) + log2(sum)), min_of(kLanes<T>, queries - i));
  }
  for (int64_t i = 0; i < queries; ++i) {
    const V factor = splat<V>(run.sum[i]);
    const T* row = run.mixed + i * padded(a.width);
    for (int64_t d = 0; d < a.width; d += kLanes<T>)
      store_some(y + i * a.width + d, load(row + d) * factor, min_of(kLanes<T>, a.width - d));
  }
}

/// A tile of queries of a head.
struct QueryPlace {
  int64_t head, first;
};

/// Keys and values that stay in L2 from one tile of queries to the next.
inline constexpr int64_t kStayBytes = 256 << 10;

/// What the products of one tile of keys ask for: the next tile or, at the last one, what the next tile of queries begins with.
template <class T>
struct Coming {
  Ahead query, key, value;

  Coming(const Attention<T>& a, const QueryPlace& at, const QueryPlace& next, int64_t k0, bool last) {
    const int64_t head = last ? next.head : at.head, first = last ? 0 : k0 + kKeyTile, keys = min_of(kKeyTile, a.keys - first);
    const bool stays = head == at.head && a.keys * (a.depth + a.width) * static_cast<int64_t>(sizeof(T)) <= kStayBytes;
    if (head < 0) return;
    if (!stays) {
      key = rows_ahead(matrix_of(a, a.key, head), first, keys, a.depth);
      value = rows_ahead(matrix_of(a, a.value, head), first, keys, a.width);
    }
    if (last) query = rows_ahead(matrix_of(a, a.query, head), next.first, min_of(kForwardTile<T>, a.queries - next.first), a.depth);
  }
};

/// One tile of queries; `next` (head -1 where there is none) is likely to follow.
template <class T>
void attend(const Attention<T>& a, const QueryPlace& place, const QueryPlace& next, T* y, T* lse, const ForwardScratch<T>& buffer) {
  const auto [head, first] = place;
  const int64_t count = min_of(kForwardTile<T>, a.queries - first), groups = ceil_div(count, kGroup<T>);
  const auto query = matrix_of(a, a.query, head), key = matrix_of(a, a.key, head), value = matrix_of(a, a.value, head);
  for (int64_t g = 0; g * kGroup<T> < count; ++g) {
    const int64_t at = g * kGroup<T>;
    pack_group({query.data + (first + at) * query.row, query.row, query.col}, min_of(kGroup<T>, count - at), a.depth, a.scale2,
               buffer.group(a, g).query);
  }
  const Matrix<const T> result{y, a.width, 1};
  for (int64_t k0 = 0; k0 < a.keys; k0 += kKeyTile) {
    const int64_t keys = min_of(kKeyTile, a.keys - k0);
    if (a.causal && k0 >= first + count) break;
    const auto k = near_rows(key, k0, keys, a.depth, buffer.key), v = whole_rows(value, k0, keys, a.width, buffer.value);
    const int64_t k1 = k0 + kKeyTile;
    const bool last = k1 >= a.keys || (a.causal && k1 >= first + count);
    const Coming<T> coming(a, place, next, k0, last);
    for (int64_t g = 0; g * kGroup<T> < count; ++g) {
      const Running<T> run = buffer.group(a, g);
      const int64_t from = first + g * kGroup<T>, queries = min_of(kGroup<T>, count - g * kGroup<T>);
      const int64_t visible = visible_keys<T>(a.causal, from, k0, keys), both = keys_of_both<T>(a.causal, from, k0, visible);
      if (visible == 0) continue;
      const TilePlace at{head, from, k0, queries, visible, kGroup<T>, both};
      multiply_visible(both, visible, queries,
                       TileArgs<T>{a.depth, k.data, k.row, k.col, run.query, kGroup<T>, buffer.scores, kGroup<T>, false},
                       Asks{coming.key.part(g, groups), coming.query.part(g, groups)});
      mask_scores(a, at, buffer.scores, buffer.extra);
      soften(buffer.scores, at, run, padded(a.width), k0 == 0);
      if (a.dropping.p > 0) {
        draw_factors(a, at, buffer.extra);
        for (int64_t i = 0; i < visible * kGroup<T>; i += kLanes<T>) {
          store(buffer.scores + i, load(buffer.scores + i) * load(buffer.extra + i));
        }
      }
      mix_visible(at.ahead(a.causal), queries, a.width,
                  TileArgs<T>{visible, buffer.scores, 1, kGroup<T>, v.data, v.row, run.mixed, padded(a.width), k0 > 0},
                  Asks{coming.value.part(g, groups), rows_ahead(result, from, last ? queries : 0, a.width)});
    }
  }
  for (int64_t g = 0; g * kGroup<T> < count; ++g) {
    finish(a, buffer.group(a, g), min_of(kGroup<T>, count - g * kGroup<T>), y + (first + g * kGroup<T>)*a.width,
           lse + first + g * kGroup<T>);
  }
}

template <class T>
void attention(Context& ctx, const Args& args) {
  const TensorView& out = args.out[0];
  CR_CHECK(args.ins <= 4 && out.rank >= 2);
  const auto a = read_attention<T>(args, args.in, args.ins == 4 ? &args.in[3] : nullptr, out);
  T* y = contiguous_result<T>(out, a.heads, a.queries, a.width);
  T* lse = contiguous_result<T>(args.out[1], a.heads, a.queries, 1);
  if (a.keys == 0) {
    for (int64_t i = 0; i < a.heads * a.queries * a.width; ++i) y[i] = T{0};
    for (int64_t i = 0; i < a.heads * a.queries; ++i) lse[i] = T{0};
    return;
  }
  const int64_t tiles = ceil_div(a.queries, kForwardTile<T>);
  const int64_t work = kForwardTile<T> * a.keys * max_of(1, a.depth + a.width);
  const int64_t each = max_of(1, kUnitWork / work), all = a.heads * tiles;
  parallel_units(ctx, ceil_div(all, each), [&](int64_t unit, int worker) {
    const ForwardScratch<T> buffer(a, worker_scratch<T>(ctx, worker, ForwardScratch<T>::size(a)));
    const auto place = [&](int64_t i) {  // of a causal matrix, the long rows first
      return i < all ? QueryPlace{i / tiles, (tiles - 1 - i % tiles) * kForwardTile<T>} : QueryPlace{-1, 0};
    };
    for (int64_t i = unit * each; i < min_of(all, (unit + 1) * each); ++i) {
      const QueryPlace at = place(i);
      attend(a, at, place(i + 1), y + at.head * a.queries * a.width, lse + at.head * a.queries, buffer);
    }
  });
}

CR_REGISTER(attention,
            (kernel_set(Registration{"attention", DType::f32, kIsa, "TTT*~>TT", "scale,causal,seed,stream,p", &attention<float>},
                        Registration{"attention", DType::f64, kIsa, "TTT*~>TT", "scale,causal,seed,stream,p", &attention<double>})));

}  // namespace chainrule::CR_ISA
