#pragma once
// A batched matrix product as the kernels see it: strides for the three matrices and for every batch axis.
#include "core/error.h"
#include "core/view.h"
#include "kernels/linalg/gemm/cut.h"
#include "kernels/linalg/gemm/kept.h"
#include "kernels/linalg/gemm/lanes.h"
#include "kernels/linalg/gemm/narrow.h"
#include "kernels/linalg/gemm/near.h"
#include "kernels/linalg/gemv.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// Elements of a product that L2 and its prefetcher serve well.
template <class T>
inline constexpr int64_t kNear = (1280 << 10) / static_cast<int64_t>(sizeof(T));

template <class T>
struct Product {
  const T *a, *b;
  T* c;
  const T* bias = nullptr;
  int64_t bias_row = 0, bias_col = 0;
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_col, c_row, c_col;
  int32_t batch_rank = 0;
  int64_t batch_shape[kMaxRank], a_batch[kMaxRank], b_batch[kMaxRank], c_batch[kMaxRank];
};

/// Adds a batch axis, innermost last; neighbours that are one axis in all three operands become one.
template <class T>
CR_INLINE void add_batch_axis(Product<T>& p, int64_t size, int64_t a, int64_t b, int64_t c) {
  if (size == 1) return;
  const int32_t r = p.batch_rank;
  if (r > 0 && p.a_batch[r - 1] == a * size && p.b_batch[r - 1] == b * size && p.c_batch[r - 1] == c * size) {
    p.batch_shape[r - 1] *= size;
    p.a_batch[r - 1] = a;
    p.b_batch[r - 1] = b;
    p.c_batch[r - 1] = c;
    return;
  }
  p.batch_shape[r] = size;
  p.a_batch[r] = a;
  p.b_batch[r] = b;
  p.c_batch[r] = c;
  ++p.batch_rank;
}

/// The stride of axis d (counted in an operand of `rank` axes) of a view whose missing or length-1 axes are broadcast.
CR_INLINE int64_t batch_stride(const TensorView& view, int32_t rank, int32_t d, int64_t size) {
  const int32_t own = d - (rank - view.rank);
  if (own < 0 || view.shape[own] == 1) return 0;
  CR_CHECK(view.shape[own] == size);
  return view.strides[own];
}

/// a [..., m, k], b [..., k, n], c [..., m, n], batch axes broadcast.
template <class T>
CR_INLINE Product<T> matmul_product(const TensorView& a, const TensorView& b, const TensorView& c) {
  const int32_t rank = c.rank, ra = a.rank, rb = b.rank;
  CR_CHECK(ra >= 2 && rb >= 2 && rank >= ra && rank >= rb);
  Product<T> p;
  p.a = static_cast<const T*>(a.data);
  p.b = static_cast<const T*>(b.data);
  p.c = static_cast<T*>(c.data);
  p.m = c.shape[rank - 2];
  p.n = c.shape[rank - 1];
  p.k = a.shape[ra - 1];
  CR_CHECK(a.shape[ra - 2] == p.m && b.shape[rb - 1] == p.n && b.shape[rb - 2] == p.k);
  p.a_row = a.strides[ra - 2];
  p.a_k = a.strides[ra - 1];
  p.b_k = b.strides[rb - 2];
  p.b_col = b.strides[rb - 1];
  p.c_row = c.strides[rank - 2];
  p.c_col = c.strides[rank - 1];
  CR_CHECK(p.c_row == 1 || p.c_col == 1);
  for (int32_t d = 0; d < rank - 2; ++d) {
    add_batch_axis(p, c.shape[d], batch_stride(a, rank, d, c.shape[d]), batch_stride(b, rank, d, c.shape[d]), c.strides[d]);
  }
  return p;
}

/// x [..., k], weight [n, k], bias [n], y [..., n]: y = x weight^T + bias.
template <class T>
CR_INLINE Product<T> linear_product(const TensorView& x, const TensorView& weight, const TensorView& bias, const TensorView& y) {
  const int32_t rank = x.rank;
  CR_CHECK(rank >= 1 && y.rank == rank && weight.rank == 2 && bias.rank == 1);
  CR_CHECK(x.shape[rank - 1] == weight.shape[1] && y.shape[rank - 1] == weight.shape[0] && bias.shape[0] == weight.shape[0]);
  Product<T> p;
  p.a = static_cast<const T*>(x.data);
  p.b = static_cast<const T*>(weight.data);
  p.c = static_cast<T*>(y.data);
  p.bias = static_cast<const T*>(bias.data);
  p.bias_col = bias.strides[0];
  p.m = 1;
  p.n = weight.shape[0];
  p.k = weight.shape[1];
  p.a_row = p.c_row = 0;
  p.a_k = x.strides[rank - 1];
  p.b_k = weight.strides[1];
  p.b_col = weight.strides[0];
  p.c_col = y.strides[rank - 1];
  CR_CHECK(p.c_col == 1);
  for (int32_t d = 0; d < rank - 1; ++d) {
    CR_CHECK(x.shape[d] == y.shape[d]);
    add_batch_axis(p, y.shape[d], x.strides[d], 0, y.strides[d]);
  }
  return p;
}

/// Batch axes that B does not have are more rows of A: [N, m, k] x [k, n] is one product of N m rows.
template <class T>
CR_INLINE void fold_batch_into_rows(Product<T>& p) {
  while (p.batch_rank > 0) {
    const int32_t last = p.batch_rank - 1;
    const bool rows_continue = p.m == 1 || (p.a_batch[last] == p.a_row * p.m && p.c_batch[last] == p.c_row * p.m);
    if (p.b_batch[last] != 0 || !rows_continue) return;
    if (p.m == 1) {
      p.a_row = p.a_batch[last];
      p.c_row = p.c_batch[last];
    }
    p.m *= p.batch_shape[last];
    p.batch_rank = last;
  }
}

/// c^T = b^T a^T: the same numbers with the factors exchanged.
template <class T>
CR_INLINE Product<T> exchanged(const Product<T>& p) {
  Product<T> q = p;
  q.a = p.b;
  q.b = p.a;
  q.m = p.n;
  q.n = p.m;
  q.a_row = p.b_col;
  q.a_k = p.b_k;
  q.b_k = p.a_k;
  q.b_col = p.a_row;
  q.c_row = p.c_col;
  q.c_col = p.c_row;
  q.bias_row = p.bias_col;
  q.bias_col = p.bias_row;
  for (int32_t d = 0; d < p.batch_rank; ++d) {
    q.a_batch[d] = p.b_batch[d];
    q.b_batch[d] = p.a_batch[d];
  }
  return q;
}

/// The part of estimated_cycles for packing the right factor.
template <class T>
CR_INLINE double packing_cycles(const Product<T>& p) {
  if (p.b_col == 1 && p.n % kLanes<T> == 0) return 0;
  return 5 * static_cast<double>(p.n) * static_cast<double>(p.k) / static_cast<double>(kLanes<T>);
}

/// About how long the driver takes, in cycles of a machine that does one fma of vectors in each: the products, with what the last vector of
/// a row wastes; factors that are transposed while they are packed; a result that is transposed when it is written.
template <class T>
CR_INLINE double estimated_cycles(const Product<T>& p) {
  constexpr auto lanes = static_cast<double>(kLanes<T>);
  const auto m = static_cast<double>(p.m), n = static_cast<double>(p.n), k = static_cast<double>(p.k);
  const auto vectors = static_cast<double>(ceil_div(p.n, kLanes<T>));
  const double products = m * vectors * k, left = p.a_k == 1 ? 0 : 8 * static_cast<double>(ceil_div(p.m, kLanes<T>)) * k;
  const double result = p.c_col == 1 ? 0 : 10 * m * n / lanes * static_cast<double>(k_blocks(p.k).count);
  return products + left + packing_cycles(p) + result;
}

/// A right factor that would be transposed by packing is read where it lies as the left one, and a narrow one fills vectors as rows. Each
/// element is the same chain of fma either way, so the bits are the same.
template <class T>
CR_INLINE void exchange_when_faster(Product<T>& p) {
  const Product<T> q = exchanged(p);
  if (estimated_cycles(q) < estimated_cycles(p)) p = q;
}

/// Operands of one matrix of the batch.
template <class T>
struct Offsets {
  int64_t a, b, c;
};
template <class T>
CR_INLINE Offsets<T> batch_offsets(const Product<T>& p, int64_t index) {
  Offsets<T> at{0, 0, 0};
  for (int32_t d = p.batch_rank - 1; d >= 0; --d) {
    const int64_t i = index % p.batch_shape[d];
    index /= p.batch_shape[d];
    at.a += i * p.a_batch[d];
    at.b += i * p.b_batch[d];
    at.c += i * p.c_batch[d];
  }
  return at;
}

template <class T>
CR_INLINE int64_t batch_count(const Product<T>& p) {
  int64_t batch = 1;
  for (int32_t d = 0; d < p.batch_rank; ++d) batch *= p.batch_shape[d];
  return batch;
}

/// Whether the right factor is a column, or the left one a row. Asked of the shapes alone: such sums may have an order of their own.
template <class T>
CR_INLINE bool is_vector_product(const Product<T>& p) {
  return p.n == 1 || p.m * batch_count(p) == 1;
}
/// The same product with the vector on the right.
template <class T>
CR_INLINE Product<T> vector_product(const Product<T>& p) {
  Product<T> q = p.n == 1 ? p : exchanged(p);
  fold_batch_into_rows(q);
  return q;
}
/// body(offsets) for every matrix of the batch.
template <class T, class Body>
CR_INLINE void for_matrices(const Product<T>& p, Body body) {
  const int64_t batch = batch_count(p);
  for (int64_t i = 0; i < batch; ++i) body(batch_offsets(p, i));
}

/// Where one matrix of the batch lies, and the one that the same thread is likely to multiply next; nullptr if there is none.
template <class T>
struct Place : Offsets<T> {
  const Offsets<T>* next;
};

/// body(rect, place, worker, setting) for every rectangle of every matrix of the batch. Units are rectangles of one matrix when matrices
/// are large, and runs of whole matrices when they are small.
template <class T, class Body>
CR_INLINE void for_rectangles(Context& ctx, const Product<T>& p, Body body) {
  const int64_t batch = batch_count(p);
  if (p.m == 0 || p.n == 0 || batch == 0) return;
  const int64_t work = max_of(1, p.m * p.n * max_of(1, p.k));
  const int64_t workers = worker_count(ctx), most = workers == 1 ? 1 : min_of(work / kUnitWork, ceil_div(kWorkerUnits * workers, batch));
  const Cut cut = make_cut<T>(p.m, p.n, p.k, batch, max_of(1, most), workers);
  const int64_t parts = cut.units();
  const int64_t each = parts > 1 ? 1 : max_of(1, min_of(ceil_div(kUnitWork, work), batch));
  Setting setting;
  setting.far = batch * (p.m * p.k + p.k * p.n + p.m * p.n) > kNear<T>;
  parallel_units(ctx, ceil_div(batch, each) * parts, [&](int64_t unit, int worker) {
    const Rect rect = cut_rect<T>(cut, unit % parts);
    Setting here = setting;
    if (unit % parts + 1 < parts) here.next = cut_rect<T>(cut, unit % parts + 1);
    const int64_t begin = unit / parts * each, end = min_of(begin + each, batch);
    for (int64_t i = begin; i < end; ++i) {
      const Offsets<T> next = batch_offsets(p, min_of(i + 1, batch - 1));
      body(rect, Place<T>{batch_offsets(p, i), i + 1 < batch && parts == 1 ? &next : nullptr}, worker, here);
    }
  });
}

/// The product as matrices of its first batch.
template <class T>
CR_INLINE StridedA<T> left_of(const Product<T>& p) {
  return {p.a, p.a_row, p.a_k};
}
template <class T>
CR_INLINE StridedB<T> right_of(const Product<T>& p) {
  return {p.b, p.b_k, p.b_col};
}
template <class T>
CR_INLINE StridedC<T> result_of(const Product<T>& p) {
  return {p.c, p.c_row, p.c_col, p.bias, p.bias_row, p.bias_col};
}

/// Narrow or small products without batch; false for all others. `input` as in run_product.
template <class T>
CR_INLINE bool run_small_product(Context& ctx, const Product<T>& p, int32_t input) {
  if (p.batch_rank > 0) return false;
  if (is_narrow(p.m, p.n, p.k, left_of(p))) {
    multiply_narrow(ctx, p.m, p.n, p.k, left_of(p), right_of(p), result_of(p), input);
    return true;
  }
  const Product<T> q = exchanged(p);
  if (is_narrow(q.m, q.n, q.k, left_of(q))) {
    multiply_narrow(ctx, q.m, q.n, q.k, left_of(q), right_of(q), result_of(q), -1);
    return true;
  }
  if (!is_near_left(p.m, p.n, p.k, left_of(p), result_of(p)) || !is_near_right(p.m, right_of(p))) return false;
  multiply_near(ctx, p.m, p.n, p.k, left_of(p), right_of(p), result_of(p));
  return true;
}

/// The right factor as it is kept, or no data where there is no copy, or where exchanging the factors is as fast. Panels that lie one after
/// the other are 2 to 10 % faster (AVX2) than rows where they lie, of which a tile reads a line or two from each.
template <class T>
CR_INLINE KeptB<T> kept_right(Context& ctx, const Product<T>& p, int32_t input) {
  if (p.batch_rank > 0 || p.k == 0) return {nullptr, 0};
  if (estimated_cycles(p) - packing_cycles(p) >= estimated_cycles(exchanged(p))) return {nullptr, 0};
  return kept_panels(ctx, input, right_of(p), p.k, p.n, p.b_col == 1 ? kLongPatience : kPatience);
}

inline constexpr int64_t kTurnedSize = int64_t{1} << 18;  // of a result that is turned as a whole, in whole vectors: it stays in L2
inline constexpr int64_t kTurnGrain = int64_t{1} << 13;

/// Elements from row to row of a result that is turned.
template <class T>
CR_INLINE int64_t turned_row(const Product<T>& p) {
  return ceil_div(p.n, kLanes<T>) * kLanes<T>;
}

/// A result in columns goes to rows first, into which runs of tiles write and add, and is turned once. Tile by tile, each in a call of its
/// own and turned for each block of k, linear layers of 16 to 128 rows take 1.02 to 1.12 times as long (AVX2; elsewhere not tried).
template <class T>
CR_INLINE void run_turned(Context& ctx, const Product<T>& p) {
  Product<T> rows = p;
  rows.c_row = turned_row(p);
  rows.c_col = 1;
  rows.c = scratch<T>(ctx, p.m * rows.c_row);
  for_rectangles(ctx, rows, [&](const Rect& rect, const Place<T>&, int worker, const Setting& setting) {
    T* room = worker_scratch<T>(ctx, worker, kBlockScratch<T>);
    multiply_block(rect, rows.k, left_of(rows), right_of(rows), result_of(rows), room, setting);
  });
  const int64_t grain = ceil_div(kTurnGrain, max_of(1, p.n) * kLanes<T>) * kLanes<T>;
  parallel_range(ctx, p.m, grain, [&](int64_t begin, int64_t end) {
    pack_transposed<T>(rows.c + begin * rows.c_row, rows.c_row, p.n, end - begin, p.c + begin, p.c_col);
  });
}

/// Whether the products of a batch are multiplied side by side, in lanes: 0.06 to 0.5 of the time of tiles up to 10 x 10 with AVX2 and
/// AVX-512, 0.5 to 1.03 above. Elsewhere it was not timed.
template <class T>
CR_INLINE bool suits_lanes(const Product<T>& p, const LaneMatrix<const T>& a, const LaneMatrix<const T>& b, const LaneMatrix<T>& c) {
  const int64_t most = max_of(a.size(), max_of(b.size(), c.size())), all = a.size() + b.size() + c.size();
  if ((!kAvx2Tile && kVecBytes != 64) || p.bias != nullptr || p.k == 0 || most == 0 || !a.fits() || !b.fits() || !c.fits()) return false;
  if (p.b_col == 1 && p.n % kLanes<T> == 0 && p.m * p.n * p.k > kLaneVectors * kLanes<T>) return false;
  return most <= kLaneFarSize || batch_count(p) * all * static_cast<int64_t>(sizeof(T)) <= kLaneFarBytes;
}

/// Small products side by side; false for all others.
template <class T>
CR_INLINE bool run_in_lanes(Context& ctx, const Product<T>& p) {
  constexpr int64_t lanes = kLanes<T>;
  if (p.batch_rank <= 0 || p.batch_shape[p.batch_rank - 1] < lanes) return false;
  const int32_t last = p.batch_rank - 1;
  const LaneMatrix<const T> a{p.a, p.a_batch[last], p.m, p.k, p.a_row, p.a_k}, b{p.b, p.b_batch[last], p.k, p.n, p.b_k, p.b_col};
  const LaneMatrix<T> c{p.c, p.c_batch[last], p.m, p.n, p.c_row, p.c_col};
  if (!suits_lanes(p, a, b, c)) return false;
  const auto at = [](auto x, int64_t offset) {
    x.data += offset;
    return x;
  };
  const int64_t size = p.batch_shape[last], runs = size / lanes, all = batch_count(p) / size * runs;
  const int64_t units = max_of(1, min_of(all, all * lanes * lane_work(p.m, p.n, p.k) / kLaneUnit));
  parallel_units(ctx, units, [&](int64_t unit, int worker) {
    T* room = worker_scratch<T>(ctx, worker, 3 * kLaneSize * lanes);
    const auto multiply = [&](int64_t index) {
      const Offsets<T> from = batch_offsets(p, index);
      multiply_in_lanes<T>(at(a, from.a), at(b, from.b), at(c, from.c), room);
    };
    for (int64_t run = all * unit / units; run < all * (unit + 1) / units; ++run) {
      const int64_t begin = run / runs * size + run % runs * lanes;
      multiply(begin);
      if (run % runs == runs - 1 && size % lanes != 0) multiply(begin + size % lanes);  // some of them again
    }
  });
  return true;
}

/// `input` is the kernel's operand that p.b lies in: what is packed of it may be kept for the next call.
template <class T>
void run_product(Context& ctx, Product<T> p, int32_t input) {
  if (is_vector_product(p)) {
    const Product<T> q = vector_product(p);
    for_matrices(q, [&](const Offsets<T>& at) {
      run_gemv(ctx, Gemv<T>{q.a + at.a, q.b + at.b, q.bias, q.c + at.c, q.m, q.k, q.a_row, q.a_k, q.b_k, q.c_row, q.bias_row});
    });
    return;
  }
  fold_batch_into_rows(p);
  if (run_small_product(ctx, p, input) || run_in_lanes(ctx, p)) return;
  if (const KeptB<T> whole = kept_right(ctx, p, input); whole.data != nullptr) {
    for_rectangles(ctx, p, [&](const Rect& rect, const Place<T>&, int worker, const Setting& setting) {
      multiply_block(rect, p.k, left_of(p), whole, result_of(p), worker_scratch<T>(ctx, worker, kBlockScratch<T>), setting);
    });
    return;
  }
  exchange_when_faster(p);
  if (kAvx2Tile && p.c_col != 1 && p.batch_rank == 0 && p.m * turned_row(p) <= kTurnedSize) return run_turned(ctx, p);
  const bool single = is_single_block<T>(p.m, p.n, p.k);
  // With AVX2, tiles of four rows: in runs down a panel, not along a sliver, they take 0.91 to 0.96 of the time from L3.
  const bool near = kAvx2Tile && p.batch_rank > 0 && is_near_left(p.m, p.n, p.k, left_of(p), result_of(p)) &&
                    (is_near_right(p.m, right_of(p)) || p.m > kFewPanelUses * kTileRows);
  for_rectangles(ctx, p, [&](const Rect& rect, const Place<T>& at, int worker, Setting setting) {
    if (single && setting.far && at.next != nullptr) {
      setting.after[0] = ahead_of(p.a + at.next->a, p.m, p.a_row, p.k, p.a_k);
      setting.after[1] = ahead_of(p.b + at.next->b, p.k, p.b_k, p.n, p.b_col);
    }
    const StridedA<T> a{p.a + at.a, p.a_row, p.a_k};
    const StridedB<T> b{p.b + at.b, p.b_k, p.b_col};
    const StridedC<T> c{p.c + at.c, p.c_row, p.c_col, p.bias, p.bias_row, p.bias_col};
    T* room = worker_scratch<T>(ctx, worker, kBlockScratch<T>);
    if (near) return multiply_rect(rect, p.k, a, b, c, room, &setting);
    multiply_block(rect, p.k, a, b, c, room, setting);
  });
}

}  // namespace chainrule::CR_ISA
