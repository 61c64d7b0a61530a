#include "kernels/linalg/product.h"

namespace chainrule::CR_ISA {

/// c = a b: a [..., m, k], b [..., k, n] -> c [..., m, n]. Batch axes are broadcast; strides may be anything.
template <class T>
void matmul(Context& ctx, const Args& args) {
  run_product(ctx, matmul_product<T>(args.in[0], args.in[1], args.out[0]), 1);
}

inline constexpr int64_t kIntegerRows = 4, kIntegerVecs = 2;  // of a tile: its sums and what they are made of fit 16 registers
inline constexpr int64_t kIntegerUnit = 64;                   // rows that a panel of B is read for

/// One matrix of a batch of integers.
template <class T>
struct IntegerMatrix {
  const T *a, *b;
  T* c;
};

/// Rows begin..end of the columns j..j + width of C. `panel` has the columns of B as whole vectors, b_k elements from one k to the next.
template <class T>
CR_INLINE void multiply_integer_panel(const Product<T>& p, const IntegerMatrix<T>& x, const T* panel, int64_t b_k, int64_t begin,
                                      int64_t end, int64_t j, int64_t width) {
  using V = Vec<T>;
  constexpr int64_t lanes = kLanes<T>, columns = kIntegerVecs * lanes;
  for (int64_t i = begin; i < end; i += kIntegerRows) {
    const T* row[kIntegerRows];  // past the end: the last one again
    for (int64_t r = 0; r < kIntegerRows; ++r) row[r] = x.a + min_of(i + r, end - 1) * p.a_row;
    V sum[kIntegerRows][kIntegerVecs] = {};
    for (int64_t k = 0; k < p.k; ++k) {
      const T* b = panel + k * b_k;
      CR_UNROLL for (int r = 0; r < kIntegerRows; ++r) {
        const V a = splat<V>(row[r][k * p.a_k]);
        CR_UNROLL for (int v = 0; v < kIntegerVecs; ++v) sum[r][v] += a * load(b + v * lanes);
      }
    }
    T tile[kIntegerRows][columns];
    CR_UNROLL for (int r = 0; r < kIntegerRows; ++r) {
      CR_UNROLL for (int v = 0; v < kIntegerVecs; ++v) store(tile[r] + v * lanes, sum[r][v]);
    }
    for (int64_t r = 0; r < min_of(kIntegerRows, end - i); ++r) {
      T* c = x.c + (i + r) * p.c_row + j * p.c_col;
      for (int64_t at = 0; at < width; ++at) c[at * p.c_col] = tile[r][at];
    }
  }
}

/// Rows begin..end of C where it has so few columns that packing them would cost more than it saves.
template <class T>
CR_INLINE void multiply_integer_dots(const Product<T>& p, const IntegerMatrix<T>& x, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      T sum = 0;
      for (int64_t k = 0; k < p.k; ++k) sum += x.a[i * p.a_row + k * p.a_k] * x.b[k * p.b_k + j * p.b_col];
      x.c[i * p.c_row + j * p.c_col] = sum;
    }
  }
}

/// C = A B for integers, whose sums wrap around: the order of additions does not matter.
template <class T>
void matmul_integer(Context& ctx, const Args& args) {
  constexpr int64_t columns = kIntegerVecs * kLanes<T>;
  const Product<T> p = matmul_product<T>(args.in[0], args.in[1], args.out[0]);
  const int64_t parts = ceil_div(p.m, kIntegerUnit);
  parallel_units(ctx, batch_count(p) * parts, [&](int64_t unit, int worker) {
    const Offsets<T> at = batch_offsets(p, unit / parts);
    const IntegerMatrix<T> x{p.a + at.a, p.b + at.b, p.c + at.c};
    const int64_t begin = unit % parts * kIntegerUnit, end = min_of(p.m, begin + kIntegerUnit);
    if (p.n <= 2) return multiply_integer_dots(p, x, begin, end);
    T* packed = worker_scratch<T>(ctx, worker, p.k * columns);
    for (int64_t j = 0; j < p.n; j += columns) {
      const int64_t width = min_of(columns, p.n - j);
      const T* b = x.b + j * p.b_col;
      if (p.b_col == 1 && width == columns) {
        multiply_integer_panel(p, x, b, p.b_k, begin, end, j, width);
        continue;
      }
      for (int64_t k = 0; k < p.k; ++k) {
        for (int64_t i = 0; i < columns; ++i) packed[k * columns + i] = i < width ? b[k * p.b_k + i * p.b_col] : T(0);
      }
      multiply_integer_panel(p, x, packed, columns, begin, end, j, width);
    }
  });
}

CR_REGISTER(matmul, (kernel_set(Registration{"matmul", DType::f32, kIsa, "TT>T", "", &matmul<float>},
                                Registration{"matmul", DType::f64, kIsa, "TT>T", "", &matmul<double>},
                                Registration{"matmul", DType::i32, kIsa, "TT>T", "", &matmul_integer<int32_t>},
                                Registration{"matmul", DType::i64, kIsa, "TT>T", "", &matmul_integer<int64_t>})));

}  // namespace chainrule::CR_ISA
