#include "kernels/conv/thin.h"

#include "kernels/linalg/gemm/micro.h"
#include "simd/lanes.h"
#include "simd/masked.h"

namespace chainrule::CR_ISA {

/// The lanes of a strip of columns, from `col` on, that are inside the image for each tap: K / 2 + d is d columns to the right.
template <int K, class T>
struct Inside {
  LaneRun<T> taps[K];
};
template <int K, class T>
CR_INLINE Inside<K, T> strip_inside(int64_t col, int64_t width) {
  Inside<K, T> in;
  CR_UNROLL for (int b = 0; b < K; ++b) {
    const int64_t at = col + b - K / 2;
    in.taps[b] = lane_run<T>(-at, width - at);
  }
  return in;
}

/// taps[b] = the row's columns moved by tap b, zeros outside; p is where the strip begins.
template <int K, class T>
CR_INLINE void load_taps(const T* p, const Inside<K, T>& in, Vec<T>* taps) {
  CR_UNROLL for (int b = 0; b < K; ++b) taps[b] = load_run(p + (b - K / 2), in.taps[b]);
}

/// One vector of columns of one plane.
template <class T>
struct Strip {
  const T* from;
  T* to;
  int64_t col;
};

/// Where a strip's results come from and go to.
template <class T>
struct StripJob {
  int64_t height, width, from_row, to_row;
  int64_t first, past;  // rows of the result
  const T* weight;      // K x K
  bool add;             // to what is there
  const T* bias;        // added at the end; or nullptr
};

/// Strips side by side, to hide the latency of fma: each result is one chain in the order of the taps. No branch but for rows: they took
/// as long as half of the arithmetic.
template <int K, int Strips, class T>
[[gnu::noinline]] void convolve_strips(const StripJob<T>& job, const Strip<T>* strips) {
  using V = Vec<T>;
  constexpr int half = K / 2;
  const int64_t from_row = job.from_row, to_row = job.to_row;
  V weight[K * K];
  CR_UNROLL for (int i = 0; i < K * K; ++i) weight[i] = splat<V>(job.weight[i]);
  const V bias = job.bias == nullptr ? V{} : splat<V>(*job.bias);
  const T* from[Strips];
  T* to[Strips];
  Inside<K, T> inside[Strips];
  V sum[Strips][K] = {};  // results of rows r - half .. r + half
  CR_UNROLL for (int s = 0; s < Strips; ++s) {
    from[s] = strips[s].from;
    to[s] = strips[s].to;
    inside[s] = strip_inside<K, T>(strips[s].col, job.width);
  }
  for (int64_t r = job.first - half; r < job.past + half; ++r) {
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      const bool more = job.add && r + half < job.past;
      sum[s][K - 1] = more ? load_run<T>(to[s] + (r + half) * to_row, inside[s].taps[half]) : V{};
      if (r >= 0 && r < job.height) {
        V taps[K];
        load_taps<K>(from[s] + r * from_row, inside[s], taps);
        CR_UNROLL for (int b = 0; b < K; ++b) {
          CR_UNROLL for (int i = 0; i < K; ++i) sum[s][i] = fma(weight[(K - 1 - i) * K + b], taps[b], sum[s][i]);
        }
      }
      if (r - half >= job.first) {
        const V v = job.bias == nullptr ? sum[s][0] : sum[s][0] + bias;
        store_run(to[s] + (r - half) * to_row, v, inside[s].taps[half]);
      }
      CR_UNROLL for (int i = 0; i + 1 < K; ++i) sum[s][i] = sum[s][i + 1];
    }
  }
}

/// Rows that are worked on together: few enough for all their columns to stay in cache.
CR_INLINE int64_t thin_rows(int64_t height, int64_t width) { return min_of(height, max_of(16, 4096 / width)); }
/// Images in a unit of work.
CR_INLINE int64_t thin_images(int64_t images, int64_t work) { return min_of(images, max_of(1, kUnitWork / max_of(1, work))); }

template <int K, class T>
CR_INLINE void thin_product_of(Context& ctx, const ThinProduct<T>& p) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t each = thin_images(p.images, p.height * p.width * K * K * p.sources), parts = ceil_div(p.images, each);
  const int64_t across = ceil_div(p.width, lanes), rows = thin_rows(p.height, p.width);
  parallel_units(ctx, p.groups * p.results * parts, [&](int64_t unit, int) {
    const int64_t channel = unit / parts, group = channel / p.results, first = unit % parts * each;
    const int64_t count = min_of(each, p.images - first) * across;
    T weight[K * K];
    for (int64_t j = 0; j < p.sources; ++j) {
      const T* w = p.weight + group * p.group + channel % p.results * p.result + j * p.source;
      for (int i = 0; i < K * K; ++i) weight[i] = w[i / K * p.row + i % K * p.col];
      const T* bias = p.bias != nullptr && j + 1 == p.sources ? p.bias + channel * p.bias_stride : nullptr;
      StripJob<T> job{p.height, p.width, p.from.row, p.to.row, 0, 0, weight, j > 0, bias};
      for (; job.first < p.height; job.first = job.past) {
        job.past = min_of(p.height, job.first + rows);
        for (int64_t i = 0; i < count; i += 2) {
          Strip<T> strips[2];
          for (int64_t n = i; n < min_of(i + 2, count); ++n) {
            const int64_t image = first + n / across, col = n % across * lanes;
            strips[n - i] = {p.from.data + image * p.from.image + (group * p.sources + j) * p.from.channel + col,
                             p.to.data + image * p.to.image + channel * p.to.channel + col, col};
          }
          if (i + 2 <= count) {
            convolve_strips<K, 2>(job, strips);
          } else {
            convolve_strips<K, 1>(job, strips);
          }
        }
      }
    }
  });
}

void thin_product(Context& ctx, int64_t k, const ThinProduct<float>& p) {
  return k == 3 ? thin_product_of<3>(ctx, p) : thin_product_of<5>(ctx, p);
}
void thin_product(Context& ctx, int64_t k, const ThinProduct<double>& p) {
  return k == 3 ? thin_product_of<3>(ctx, p) : thin_product_of<5>(ctx, p);
}

inline constexpr int kThinLanes = 16;  // virtual lanes of a sum over pixels: column j belongs to lane j % 16
inline constexpr int64_t kThinUnits = 16;

/// Rows first..past-1 of x, and all of g.
template <class T>
struct PlanePair {
  const T *x, *g;
  int64_t x_row, g_row, height, width, first, past;
};

/// sums[a K + b] += products of y's gradient g with x moved by tap (a, b), lane by lane: strips of columns, each down the rows.
/// The same rows of g `ahead` further on are asked for.
template <int K, class T>
[[gnu::noinline]] void correlate_rows(const PlanePair<T>& p, int64_t ahead, T* sums) {
  using V = Vec<T>;
  constexpr int half = K / 2;
  for (int64_t part = 0; part < kThinLanes; part += kLanes<T>) {
    V sum[K * K];
    CR_UNROLL for (int i = 0; i < K * K; ++i) sum[i] = load(sums + i * kThinLanes + part);
    for (int64_t col = part; col < p.width; col += kThinLanes) {
      const Inside<K, T> inside = strip_inside<K, T>(col, p.width);
      const T *x = p.x + p.first * p.x_row + col, *g = p.g + p.first * p.g_row + col;
      const auto line_of = [&](int64_t row) CR_INLINE_LAMBDA {
        return row >= 0 && row < p.height ? load_run<T>(g + (row - p.first) * p.g_row, inside.taps[half]) : V{};
      };
      V line[K];  // rows r - half .. r + half of g
      CR_UNROLL for (int i = 0; i + 1 < K; ++i) line[i] = line_of(p.first - half + i);
      for (int64_t r = p.first; r < p.past; ++r) {
        V taps[K];
        __builtin_prefetch(g + (r - p.first) * p.g_row + ahead);
        load_taps<K>(x + (r - p.first) * p.x_row, inside, taps);
        line[K - 1] = line_of(r + half);
        CR_UNROLL for (int a = 0; a < K; ++a) {
          CR_UNROLL for (int b = 0; b < K; ++b) sum[a * K + b] = fma(taps[b], line[K - 1 - a], sum[a * K + b]);
        }
        CR_UNROLL for (int i = 0; i + 1 < K; ++i) line[i] = line[i + 1];
      }
    }
    CR_UNROLL for (int i = 0; i < K * K; ++i) store(sums + i * kThinLanes + part, sum[i]);
  }
}

/// to[K K] = the sums of one pair of channels over images first..past-1. Each image is summed for itself, then added.
template <int K, class T>
CR_INLINE void correlate_planes(const ThinGradient<T>& p, const T* x, const T* g, int64_t first, int64_t past, T* to) {
  const int64_t rows = thin_rows(p.height, p.width);
  const int64_t ahead = rows == p.height ? p.to.image : 0;  // the next plane, when it stays in cache until it is read
  T total[K * K * kThinLanes] = {};
  for (int64_t image = first; image < past; ++image) {
    T sums[K * K * kThinLanes] = {};
    PlanePair<T> pair{x + image * p.from.image, g + image * p.to.image, p.from.row, p.to.row, p.height, p.width, 0, 0};
    for (; pair.first < p.height; pair.first = pair.past) {
      pair.past = min_of(p.height, pair.first + rows);
      correlate_rows<K>(pair, ahead, sums);
    }
    for (int i = 0; i < K * K * kThinLanes; i += kLanes<T>) store(total + i, load(total + i) + load(sums + i));
  }
  for (int i = 0; i < K * K; ++i) {
    T* lane = total + i * kThinLanes;
    for (int width = kThinLanes / 2; width >= 1; width /= 2) {
      for (int l = 0; l < width; ++l) lane[l] += lane[l + width];
    }
    to[i] = lane[0];
  }
}

template <int K, class T>
CR_INLINE void thin_gradient_of(Context& ctx, const ThinGradient<T>& p) {
  const int64_t pairs = p.groups * p.results * p.sources, each = p.results * p.sources;
  const int64_t slices = min_of(p.images, ceil_div(kThinUnits, pairs));
  T* parts = scratch<T>(ctx, pairs * slices * K * K);
  parallel_units(ctx, pairs * slices, [&](int64_t unit, int) {
    const int64_t slice = unit % slices, pair = unit / slices, group = pair / each;
    const int64_t result = pair % each / p.sources, source = pair % p.sources;
    const T* x = p.from.data + (group * p.sources + source) * p.from.channel;
    const T* g = p.to.data + (group * p.results + result) * p.to.channel;
    correlate_planes<K>(p, x, g, slice * p.images / slices, (slice + 1) * p.images / slices, parts + unit * K * K);
  });
  for (int64_t pair = 0; pair < pairs; ++pair) {
    T* to = p.weight + pair / each * p.group + pair % each / p.sources * p.result + pair % p.sources * p.source;
    for (int64_t i = 0; i < K * K; ++i) {
      const T* part = parts + pair * slices * K * K + i;
      T sum = part[0];
      for (int64_t slice = 1; slice < slices; ++slice) sum += part[slice * K * K];
      to[i / K * p.row + i % K * p.col] = sum;
    }
  }
}

void thin_gradient(Context& ctx, int64_t k, const ThinGradient<float>& p) {
  return k == 3 ? thin_gradient_of<3>(ctx, p) : thin_gradient_of<5>(ctx, p);
}
void thin_gradient(Context& ctx, int64_t k, const ThinGradient<double>& p) {
  return k == 3 ? thin_gradient_of<3>(ctx, p) : thin_gradient_of<5>(ctx, p);
}

}  // namespace chainrule::CR_ISA
