// Gradients of attention: the weights are worked out again, a tile at a time, from the logarithms of their sums (Dao et al. 2022, appendix
// B).
//
// There are two schedules. With enough heads a unit is a head, and each tile is made once (five products). With few, one pass makes dQ by
// tiles of queries and another dK and dV by tiles of keys (seven products), so that all threads have work. Both add the same numbers in
// the same order, tiles of keys for dQ and tiles of queries for dK and dV: which one runs changes no bit.
#include "kernels/attention/grad_tile.h"

namespace chainrule::CR_ISA {

/// delta[i] = sum of g(i, d) y(i, d), for all rows of all heads.
template <class T>
void row_products(Context& ctx, const Attention<T>& a, const HeadMatrix<const T>& g, const T* y, T* delta) {
  constexpr int64_t grain = 256;
  const int64_t parts = ceil_div(a.queries, grain);
  parallel_units(ctx, a.heads * parts, [&](int64_t unit, int) {
    const int64_t head = unit / parts, begin = unit % parts * grain, end = min_of(a.queries, begin + grain);
    const auto rows = matrix_of(a, g, head);
    for (int64_t i = begin; i < end; ++i) {
      const T *left = rows.data + i * rows.row, *right = y + (head * a.queries + i) * a.width;
      delta[head * a.queries + i] = reduce_each<JoinSum, T>(a.width, [=](int64_t d, int64_t m) CR_INLINE_LAMBDA {
        if (rows.col == 1) return load_some(left + d, m) * load_some(right + d, m);
        Vec<T> some = {};
        for (int64_t j = 0; j < m; ++j) some[j] = left[(d + j) * rows.col];
        return some * load_some(right + d, m);
      });
    }
  });
}

/// Where dK or dV of a head is summed: the result itself, or scratch of the same rows.
template <class T>
CR_INLINE Matrix<T> sum_place(T* result, int64_t cols, T* buffer) {
  if (cols % kLanes<T> == 0) return {result, cols, 1};
  return {buffer, padded(cols), 1};
}

/// Brings rows of dK or dV to their place; rows from `seen` on are zero, as no query sees them.
template <class T>
CR_INLINE void finish_rows(const Matrix<T>& sums, int64_t rows, int64_t seen, int64_t cols, T* result) {
  if (sums.data != result) {
    for (int64_t i = 0; i < min_of(rows, seen); ++i) {
      for (int64_t d = 0; d < cols; ++d) result[i * cols + d] = sums.data[i * sums.row + d];
    }
  }
  for (int64_t i = max_of(0, seen) * cols; i < rows * cols; ++i) result[i] = T{0};
}

/// Keys that some query sees, in whole tiles.
template <class T>
CR_INLINE int64_t seen_keys(const Attention<T>& a) {
  return a.causal ? min_of(a.keys, ceil_div(a.queries, kKeyTile) * kKeyTile) : a.keys;
}

/// dQ of one tile of queries.
template <class T>
void query_pass(const Gradient<T>& grad, int64_t head, int64_t first, const GradScratch<T>& buffer) {
  const Attention<T>& a = grad.forward;
  const auto tile = prepare_queries(grad, head, first, false, buffer);
  for (int64_t k0 = 0; k0 < a.keys && !(a.causal && k0 >= first + tile.count); k0 += kKeyTile) {
    grad_tile(grad, tile, k0, min_of(kKeyTile, a.keys - k0), true, Matrix<T>{}, Matrix<T>{}, GradAhead{}, buffer);
  }
  write_dquery(grad, tile, buffer);
}

/// dK and dV of keys begin..end-1, from all tiles of queries; dQ of all queries too, when the keys are all there are.
template <class T>
void key_pass(const Gradient<T>& grad, int64_t head, int64_t begin, int64_t end, bool with_dquery, const GradScratch<T>& buffer) {
  const Attention<T>& a = grad.forward;
  T *dkey = grad.dkey + (head * a.keys + begin) * a.depth, *dvalue = grad.dvalue + (head * a.keys + begin) * a.width;
  const Matrix<T> key_sums = sum_place(dkey, a.depth, buffer.dkey), value_sums = sum_place(dvalue, a.width, buffer.dvalue);
  const int64_t start = a.causal ? begin / kGradTile<T> * kGradTile<T> : 0;
  for (int64_t first = start; first < a.queries; first += kGradTile<T>) {
    const auto tile = prepare_queries(grad, head, first, true, buffer);
    for (int64_t k0 = begin; k0 < end && !(a.causal && k0 >= first + tile.count); k0 += kKeyTile) {
      const int64_t row = k0 - begin;
      const bool last = k0 + kKeyTile >= end && first + kGradTile<T> >= a.queries;
      grad_tile(grad, tile, k0, min_of(kKeyTile, end - k0), with_dquery, Matrix<T>{key_sums.data + row * key_sums.row, key_sums.row, 1},
                Matrix<T>{value_sums.data + row * value_sums.row, value_sums.row, 1},
                last && with_dquery ? head_ahead(grad, head + 1) : GradAhead{}, buffer);
    }
    if (with_dquery) write_dquery(grad, tile, buffer);
  }
  finish_rows(key_sums, end - begin, seen_keys(a) - begin, a.depth, dkey);
  finish_rows(value_sums, end - begin, seen_keys(a) - begin, a.width, dvalue);
}

template <class T>
void fill_zero(T* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = T{0};
}

template <class T>
void run_gradient(Context& ctx, const Gradient<T>& grad) {
  const Attention<T>& a = grad.forward;
  const int workers = worker_count(ctx);
  if (workers == 1 || a.heads >= 2 * workers) {
    const int64_t each = max_of(1, min_of(a.heads, kUnitWork / max_of(1, a.queries * a.keys * max_of(1, a.depth + a.width))));
    parallel_units(ctx, ceil_div(a.heads, each), [&](int64_t unit, int worker) {
      const GradScratch<T> buffer(a, worker_scratch<T>(ctx, worker, GradScratch<T>::size(a, a.keys)), a.keys);
      for (int64_t head = unit * each; head < min_of(a.heads, (unit + 1) * each); ++head) key_pass(grad, head, 0, a.keys, true, buffer);
    });
    return;
  }
  const int64_t query_tiles = ceil_div(a.queries, kGradTile<T>), key_tiles = ceil_div(a.keys, kKeyTile);
  const int64_t dquery_units = a.heads * query_tiles;
  parallel_units(ctx, dquery_units + a.heads * key_tiles, [&](int64_t unit, int worker) {
    const GradScratch<T> buffer(a, worker_scratch<T>(ctx, worker, GradScratch<T>::size(a, kKeyTile)), kKeyTile);
    if (unit < dquery_units) {  // of a causal matrix, the long rows first
      query_pass(grad, unit / query_tiles, (query_tiles - 1 - unit % query_tiles) * kGradTile<T>, buffer);
    } else {
      const int64_t begin = (unit - dquery_units) % key_tiles * kKeyTile;
      key_pass(grad, (unit - dquery_units) / key_tiles, begin, min_of(a.keys, begin + kKeyTile), false, buffer);
    }
  });
}

template <class T>
void attention_grad(Context& ctx, const Args& args) {
  // in: query, key, value, g, y, lse and perhaps mask; out: dquery, dkey, dvalue
  CR_CHECK(args.ins <= 7 && args.in[3].rank >= 2);
  Gradient<T> grad;
  Attention<T>& a = grad.forward;
  a = read_attention<T>(args, args.in, args.ins == 7 ? &args.in[6] : nullptr, args.in[3]);
  grad.g = head_matrix<const T>(args.in[3], a.rank, a.batch, a.queries, a.width);
  const T* y = contiguous_result<T>(args.in[4], a.heads, a.queries, a.width);
  grad.lse = contiguous_result<T>(args.in[5], a.heads, a.queries, 1);
  grad.dquery = contiguous_result<T>(args.out[0], a.heads, a.queries, a.depth);
  grad.dkey = contiguous_result<T>(args.out[1], a.heads, a.keys, a.depth);
  grad.dvalue = contiguous_result<T>(args.out[2], a.heads, a.keys, a.width);
  if (a.keys == 0 || a.queries == 0) {
    fill_zero(grad.dquery, a.heads * a.queries * a.depth);
    fill_zero(grad.dkey, a.heads * a.keys * a.depth);
    fill_zero(grad.dvalue, a.heads * a.keys * a.width);
    return;
  }
  T* delta = scratch<T>(ctx, a.heads * a.queries);
  row_products(ctx, a, grad.g, y, delta);
  grad.delta = delta;
  run_gradient(ctx, grad);
}

CR_REGISTER(
    attention_grad,
    (kernel_set(Registration{"attention_grad", DType::f32, kIsa, "TTTTTT*~>TTT", "scale,causal,seed,stream,p", &attention_grad<float>},
                Registration{"attention_grad", DType::f64, kIsa, "TTTTTT*~>TTT", "scale,causal,seed,stream,p", &attention_grad<double>})));

}  // namespace chainrule::CR_ISA
