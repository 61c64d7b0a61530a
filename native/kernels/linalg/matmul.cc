#include "kernels/linalg/product.h"

namespace chainrule::CR_ISA {

/// c = a b: a [..., m, k], b [..., k, n] -> c [..., m, n]. Batch axes are broadcast; strides may be anything.
template <class T>
void matmul(Context& ctx, const Args& args) {
  run_product(ctx, matmul_product<T>(args.in[0], args.in[1], args.out[0]), 1);
}

/// The same for integers, whose sums wrap around: any order gives the same result, and nobody waits for it.
template <class T, class Unsigned>
void matmul_integer(Context& ctx, const Args& args) {
  Product<T> p = matmul_product<T>(args.in[0], args.in[1], args.out[0]);
  const int64_t batch = batch_count(p);
  const int64_t grain = max_of(1, 32768 / max_of(1, p.n * max_of(1, p.k)));
  parallel_range(ctx, batch * p.m, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Offsets<T> at = batch_offsets(p, row / p.m);
      const T* a = p.a + at.a + row % p.m * p.a_row;
      T* c = p.c + at.c + row % p.m * p.c_row;
      for (int64_t j = 0; j < p.n; ++j) {
        const T* b = p.b + at.b + j * p.b_col;
        Unsigned sum = 0;
        for (int64_t k = 0; k < p.k; ++k) sum += static_cast<Unsigned>(a[k * p.a_k]) * static_cast<Unsigned>(b[k * p.b_k]);
        c[j * p.c_col] = static_cast<T>(sum);
      }
    }
  });
}

CR_REGISTER(matmul, (kernel_set(Registration{"matmul", DType::f32, kIsa, "TT>T", "", &matmul<float>},
                                Registration{"matmul", DType::f64, kIsa, "TT>T", "", &matmul<double>},
                                Registration{"matmul", DType::i32, kIsa, "TT>T", "", &matmul_integer<int32_t, uint32_t>},
                                Registration{"matmul", DType::i64, kIsa, "TT>T", "", &matmul_integer<int64_t, uint64_t>})));

}  // namespace chainrule::CR_ISA
