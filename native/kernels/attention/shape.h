#pragma once
// What an attention kernel is given, and how its work is cut.
//
// Leading axes of query, key, value and mask are broadcast to those of the result and make `heads`: one product of matrices each, with
// query [queries, depth], key [keys, depth], value [keys, width].
#include "core/error.h"
#include "kernels/linalg/product.h"
#include "simd/philox.h"

namespace chainrule::CR_ISA {

/// One operand: the matrix of head 0, its strides, and the strides of the leading axes.
template <class T>
struct HeadMatrix {
  T* data;
  int64_t row, col;
  int64_t batch[kMaxRank];
};

/// A matrix of one head.
template <class T>
struct Matrix {
  T* data;
  int64_t row, col;
};

inline constexpr double kLog2E = 1.442695040888963407;

struct Mask {
  HeadMatrix<const void> at;  // [queries, keys]
  bool present, boolean;
};

/// Which weights are dropped: those whose word of the stream (24 bits of it) is below the threshold. The others are multiplied by `keep`.
struct Dropping {
  RandomStream random;
  double p, keep;
};

template <class T>
struct Attention {
  int64_t heads, queries, keys, depth, width;
  int32_t rank;  // leading axes
  int64_t batch[kMaxRank];
  HeadMatrix<const T> query, key, value;
  Mask mask;
  T scale;   // of the scores
  T scale2;  // the same times log2(e): scores are kept as exponents of two
  bool causal;
  Dropping dropping;
};

template <class T>
CR_INLINE HeadMatrix<T> head_matrix(const TensorView& view, int32_t rank, const int64_t* batch, int64_t rows, int64_t cols) {
  HeadMatrix<T> m;
  m.data = static_cast<T*>(view.data);
  m.row = batch_stride(view, rank + 2, rank, rows);
  m.col = batch_stride(view, rank + 2, rank + 1, cols);
  for (int32_t d = 0; d < rank; ++d) m.batch[d] = batch_stride(view, rank + 2, d, batch[d]);
  return m;
}

template <class T>
CR_INLINE int64_t head_offset(const int64_t* batch, int32_t rank, const HeadMatrix<T>& m, int64_t head) {
  int64_t offset = 0;
  for (int32_t d = rank - 1; d >= 0; --d) {
    offset += head % batch[d] * m.batch[d];
    head /= batch[d];
  }
  return offset;
}
template <class T, class M>
CR_INLINE Matrix<M> matrix_of(const Attention<T>& a, const HeadMatrix<M>& m, int64_t head) {
  return {m.data + head_offset(a.batch, a.rank, m, head), m.row, m.col};
}

/// Reads query, key, value and, when there is one, mask; `leading` has the result's leading axes and two more.
/// params: scale, causal, seed, stream, p.
template <class T>
CR_INLINE Attention<T> read_attention(const Args& args, const TensorView* in, const TensorView* mask, const TensorView& leading) {
  const TensorView &q = in[0], &k = in[1], &v = in[2];
  CR_CHECK(q.rank >= 2 && k.rank >= 2 && v.rank >= 2 && leading.rank >= q.rank && leading.rank >= k.rank && leading.rank >= v.rank);
  Attention<T> a;
  a.rank = leading.rank - 2;
  a.heads = 1;
  for (int32_t d = 0; d < a.rank; ++d) {
    a.batch[d] = leading.shape[d];
    a.heads *= a.batch[d];
  }
  a.queries = q.shape[q.rank - 2];
  a.depth = q.shape[q.rank - 1];
  a.keys = k.shape[k.rank - 2];
  a.width = v.shape[v.rank - 1];
  CR_CHECK(k.shape[k.rank - 1] == a.depth && v.shape[v.rank - 2] == a.keys);
  a.query = head_matrix<const T>(q, a.rank, a.batch, a.queries, a.depth);
  a.key = head_matrix<const T>(k, a.rank, a.batch, a.keys, a.depth);
  a.value = head_matrix<const T>(v, a.rank, a.batch, a.keys, a.width);
  a.mask = {};
  if (mask != nullptr) {
    CR_CHECK(mask->rank <= leading.rank && (mask->dtype == DType::boolean || mask->dtype == kDTypeOf<T>));
    a.mask = {head_matrix<const void>(*mask, a.rank, a.batch, a.queries, a.keys), true, mask->dtype == DType::boolean};
  }
  a.scale = static_cast<T>(args.params[0]);
  a.scale2 = static_cast<T>(args.params[0] * kLog2E);
  a.causal = args.params[1] != 0;
  const double p = args.params[4];
  a.dropping = {{static_cast<uint64_t>(args.params[2]), static_cast<uint64_t>(args.params[3])}, p, p < 1 ? 1 / (1 - p) : 0};
  return a;
}

/// A contiguous result [leading..., rows, cols] as one matrix a head.
template <class T>
CR_INLINE T* contiguous_result(const TensorView& view, int64_t heads, int64_t rows, int64_t cols) {
  int64_t size = 1;
  for (int32_t d = view.rank - 1; d >= 0; --d) {
    CR_CHECK(view.shape[d] <= 1 || view.strides[d] == size);
    size *= view.shape[d];
  }
  CR_CHECK(size == heads * rows * cols);
  return static_cast<T*>(view.data);
}

}  // namespace chainrule::CR_ISA
