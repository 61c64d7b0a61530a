/// The machine's bandwidth, by the plainest loops there are: what memory-bound rows are measured against. Reading in four streams a thread,
/// copying (the better of a loop and memcpy), and updating three arrays of four in place, as an optimizer does.
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "serve.h"

namespace {

using peer::Buffer;
using peer::json;

constexpr int64_t kGranule = 64;

/// Part of the calling thread of n numbers: [first, last).
std::pair<int64_t, int64_t> part(int64_t n) {
  const int64_t blocks = n / kGranule, threads = omp_get_num_threads(), me = omp_get_thread_num();
  return {blocks * me / threads * kGranule, blocks * (me + 1) / threads * kGranule};
}

void read(const float* x, int64_t n) {
#pragma omp parallel
  {
    const auto [first, last] = part(n);
    const int64_t quarter = (last - first) / 4;
    float a = 0, b = 0, c = 0, d = 0;
    const float *p = x + first, *q = p + quarter, *r = q + quarter, *s = r + quarter;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t i = 0; i < quarter; i++) {
      a += p[i];
      b += q[i];
      c += r[i];
      d += s[i];
    }
    volatile float sink = a + b + c + d;
    (void)sink;
  }
}

void copy(const float* x, float* y, int64_t n, bool library) {
#pragma omp parallel
  {
    const auto [first, last] = part(n);
    if (library) {
      std::memcpy(y + first, x + first, static_cast<size_t>(last - first) * sizeof(float));
    } else {
#pragma omp simd
      for (int64_t i = first; i < last; i++) y[i] = x[i] * 0.5F;
    }
  }
}

/// p, m and v of n numbers each are updated from themselves and from g.
void update(float* p, float* m, float* v, const float* g, int64_t n) {
#pragma omp parallel
  {
    const auto [first, last] = part(n);
#pragma omp simd
    for (int64_t i = first; i < last; i++) {
      m[i] = m[i] * 0.9F + g[i];
      v[i] = v[i] * 0.9F + g[i] * g[i];
      p[i] = p[i] - m[i] * v[i];
    }
  }
}

/// Best bytes per second of a few runs of at least 20 MB each.
double speed(double bytes, const std::function<void()>& run) {
  const auto calls = static_cast<int64_t>(std::ceil(2e7 / bytes));
  double best = peer::milliseconds(run, 1);
  for (int round = 0; round < 2; round++) best = std::min(best, peer::milliseconds(run, calls));
  return bytes / best * 1000;
}

/// All three speeds in that many bytes; the memory is kept while the same amount is asked for.
json bandwidth(int64_t bytes) {
  static Buffer memory;
  const int64_t n = std::max<int64_t>(bytes / 4 / (4 * kGranule) * (4 * kGranule), 16 * kGranule);
  if (memory.size() != static_cast<size_t>(n)) {
    memory = Buffer(static_cast<size_t>(n));
    std::fill_n(memory.data(), n, 1e-3F);
  }
  float* x = memory.data();
  const int64_t half = n / 2, quarter = n / 4;
  const auto moved = static_cast<double>(n) * sizeof(float);
  const double loop = speed(moved, [=] { copy(x, x + half, half, false); });
  const double library = speed(moved, [=] { copy(x, x + half, half, true); });
  return {{"read", speed(moved, [=] { read(x, n); })},
          {"copy", std::max(loop, library)},
          {"update", speed(moved * 7 / 4, [=] { update(x, x + quarter, x + 2 * quarter, x + 3 * quarter, quarter); })}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    const bool hello = request["do"] == "hello";
    std::cout << (hello ? json{{"version", "1"}} : bandwidth(request["bytes"].get<int64_t>())).dump() << std::endl;
  }
}
