// matmul and linear with operands of 16 bits: f32, bf16 and f16 in any mixture, products and sums in f32, the result rounded once.
#include "kernels/linalg/half/operands.h"

namespace chainrule::CR_ISA {

namespace {

/// A product whose pointers are addresses only: each operand has a type of its own.
struct AnyProduct {
  Product<float> p;
  DType a, b, c;
};

/// What is summed at once when a result in halves needs several blocks of k: 12 MiB at most.
constexpr int64_t kSumRows = kBlockSlivers * kTileRows, kSumCols = 4096;

CR_INLINE const void* address(const void* data, DType type, int64_t offset) {
  return static_cast<const char*>(data) + offset * (is_half(type) ? 2 : 4);
}

/// x[0..n) as contiguous f32.
const float* widened_vector(Context& ctx, const void* data, DType type, int64_t stride, int64_t n) {
  float* to = scratch<float>(ctx, n);
  AnyMatrix{data, type, n * stride, stride}.widen(0, 1, 0, n, to, n);
  return to;
}

/// One rectangle of one matrix, in pieces whose sums fit the scratch memory.
void multiply_rectangle(Context& ctx, const AnyProduct& any, const Rect& rect, const Offsets<float>& at, int worker,
                        const Setting& setting) {
  const Product<float>& p = any.p;
  const bool keep = is_half(any.c) && k_blocks(p.k).count > 1;
  const int64_t height = keep ? min_of(rect.rows, kSumRows) : rect.rows, width = keep ? min_of(rect.cols, kSumCols) : rect.cols;
  const int64_t ld = ceil_div(width, kLanes<float>) * kLanes<float> + kLanes<float>;  // an odd number of lines
  float* buffer = worker_scratch<float>(ctx, worker, kBlockScratch<float> + (keep ? height * ld : 0));
  const AnyA a{{address(p.a, any.a, at.a), any.a, p.a_row, p.a_k}};
  const AnyB b{{address(p.b, any.b, at.b), any.b, p.b_k, p.b_col}};
  float* c = static_cast<float*>(const_cast<void*>(address(p.c, any.c, at.c)));
  for (int64_t i = 0; i < rect.rows; i += height) {
    for (int64_t j = 0; j < rect.cols; j += width) {
      const Rect piece{rect.row + i, min_of(height, rect.rows - i), rect.col + j, min_of(width, rect.cols - j)};
      const AnyC to{
          {c, p.c_row, p.c_col, p.bias, p.bias_row, p.bias_col}, any.c, keep ? buffer + kBlockScratch<float> : nullptr, ld, piece};
      multiply_block(piece, p.k, a, b, to, buffer, setting);
    }
  }
}

/// y = w x + bias with all sums in f32; y is rounded at the end.
template <class W>
void multiply_vector(Context& ctx, const AnyProduct& any, const Offsets<float>& at) {
  const Product<float>& q = any.p;
  const void* vector = address(q.b, any.b, at.b);
  const float* x = is_half(any.b) ? widened_vector(ctx, vector, any.b, q.b_k, q.k) : static_cast<const float*>(vector);
  float* c = static_cast<float*>(const_cast<void*>(address(q.c, any.c, at.c)));
  float* y = is_half(any.c) ? scratch<float>(ctx, q.m) : c;
  run_gemv(ctx, Gemv<W>{reinterpret_cast<const W*>(q.a) + at.a, x, q.bias, y, q.m, q.k, q.a_row, q.a_k, is_half(any.b) ? 1 : q.b_k,
                        is_half(any.c) ? 1 : q.c_row, q.bias_row});
  if (!is_half(any.c)) return;
  if (q.c_row != 1) {
    const AnyC to{{c, q.c_row, 1}, any.c, nullptr, 0, {}};
    for (int64_t i = 0; i < q.m; ++i) to.finish(y + i, 1, i, 0, 1, 1);
  } else {
    AnyC{{c, 0, 1}, any.c, nullptr, 0, {}}.finish(y, 0, 0, 0, 1, q.m);
  }
}

AnyProduct exchanged(const AnyProduct& any) { return {exchanged(any.p), any.b, any.a, any.c}; }

void run_any_product(Context& ctx, AnyProduct any) {
  if (is_vector_product(any.p)) {
    AnyProduct vector = any.p.n == 1 ? any : exchanged(any);
    vector.p = vector_product(any.p);
    with_type(vector.a, [&](const auto* none) {
      using W = std::remove_cvref_t<decltype(*none)>;
      for_matrices(vector.p, [&](const Offsets<float>& at) { multiply_vector<W>(ctx, vector, at); });
    });
    return;
  }
  fold_batch_into_rows(any.p);
  const AnyProduct turned = exchanged(any);
  if (estimated_cycles(turned.p) < estimated_cycles(any.p)) any = turned;
  for_rectangles(ctx, any.p, [&](const Rect& rect, const Offsets<float>& at, int worker, const Setting& setting) {
    multiply_rectangle(ctx, any, rect, at, worker, setting);
  });
}

bool is_single(DType type) { return type == DType::f32 || is_half(type); }

/// As matmul.
void matmul_half(Context& ctx, const Args& args) {
  const TensorView &a = args.in[0], &b = args.in[1], &c = args.out[0];
  CR_CHECK(is_single(a.dtype) && is_single(b.dtype) && is_single(c.dtype));
  run_any_product(ctx, {matmul_product<float>(a, b, c), a.dtype, b.dtype, c.dtype});
}

/// As linear.
void linear_half(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &weight = args.in[1], &bias = args.in[2], &y = args.out[0];
  CR_CHECK(is_single(x.dtype) && is_single(weight.dtype) && is_single(bias.dtype) && is_single(y.dtype));
  Product<float> p = linear_product<float>(x, weight, bias, y);
  if (is_half(bias.dtype)) {
    p.bias = widened_vector(ctx, bias.data, bias.dtype, bias.strides[0], p.n);
    p.bias_col = 1;
  }
  run_any_product(ctx, {p, x.dtype, weight.dtype, y.dtype});
}

}  // namespace

CR_REGISTER(matmul_half, (kernel_set(Registration{"matmul_half", DType::f32, kIsa, "**>*", "", &matmul_half},
                                     Registration{"matmul_half", DType::bf16, kIsa, "**>*", "", &matmul_half},
                                     Registration{"matmul_half", DType::f16, kIsa, "**>*", "", &matmul_half})));
CR_REGISTER(linear_half, (kernel_set(Registration{"linear_half", DType::f32, kIsa, "***>*", "", &linear_half},
                                     Registration{"linear_half", DType::bf16, kIsa, "***>*", "", &linear_half},
                                     Registration{"linear_half", DType::f16, kIsa, "***>*", "", &linear_half})));

}  // namespace chainrule::CR_ISA
