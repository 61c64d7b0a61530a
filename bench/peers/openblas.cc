/// OpenBLAS as a peer: matrix products, one call of cblas_sgemm (or sgemv for a vector) for each matrix of a batch.
#include <cblas.h>

#include "serve.h"

namespace {

using peer::Buffer;
using peer::Case;
using peer::Work;

struct Product {
  int m, n, k, batch;
  bool ta, tb;
};

Product product_of(const Case& one) {
  const auto a = one.shape(0), b = one.shape(1);
  const bool ta = one.flag("ta"), tb = one.flag("tb");
  int64_t batch = 1;
  for (size_t i = 0; i + 2 < a.size(); i++) batch *= a[i];
  const auto last = [](const std::vector<int64_t>& shape, size_t from_end) { return static_cast<int>(shape[shape.size() - from_end]); };
  return {last(a, ta ? 1 : 2), last(b, tb ? 2 : 1), last(a, ta ? 2 : 1), static_cast<int>(batch), ta, tb};
}

void multiply(const Product& p, const float* a, const float* b, float* c) {
  if (p.m == 1 && !p.ta) {
    cblas_sgemv(CblasRowMajor, p.tb ? CblasNoTrans : CblasTrans, p.tb ? p.n : p.k, p.tb ? p.k : p.n, 1, b, p.tb ? p.k : p.n, a, 1, 0, c, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, p.ta ? CblasTrans : CblasNoTrans, p.tb ? CblasTrans : CblasNoTrans, p.m, p.n, p.k, 1, a, p.ta ? p.m : p.k, b,
              p.tb ? p.k : p.n, 0, c, p.n);
}

std::optional<Work> prepare(const Case& one) {
  if (one.kind() != "matmul" || one.mode() != "forward") return std::nullopt;
  const Product p = product_of(one);
  const size_t in = static_cast<size_t>(p.m) * p.k, weights = static_cast<size_t>(p.k) * p.n, out = static_cast<size_t>(p.m) * p.n;
  const Buffer a = one.inputs[0], b = one.inputs[1], c(out * p.batch);
  return Work{[=] {
                for (int i = 0; i < p.batch; i++) multiply(p, a.data() + i * in, b.data() + i * weights, c.data() + i * out);
              },
              {c},
              {a, b}};
}

}  // namespace

int main() { return peer::serve(std::string(openblas_get_config()), prepare); }
