#include "kernels/conv/thin.h"

#include <utility>

#include "kernels/linalg/gemm/micro.h"
#include "simd/lanes.h"
#include "simd/masked.h"

namespace chainrule::CR_ISA {

/// The lanes of a strip of columns, from `col` on, that are inside the image for each tap: K / 2 + d is d columns to the right.
template <int K, class T>
struct TapLanes {
  LaneRun<T> taps[K];
};
template <int K, class T>
CR_INLINE TapLanes<K, T> tap_lanes(int64_t col, int64_t width) {
  TapLanes<K, T> in;
  CR_UNROLL for (int b = 0; b < K; ++b) {
    const int64_t at = col + b - K / 2;
    in.taps[b] = lane_run<T>(-at, width - at);
  }
  return in;
}

/// Those of each strip of a row, kLanes columns apart, and of one that ends where the row does.
template <int K, class T>
CR_INLINE const TapLanes<K, T>* strip_lanes(Context& ctx, int64_t width) {
  const int64_t strips = ceil_div(width, kLanes<T>);
  auto* in = scratch<TapLanes<K, T>>(ctx, strips + 1);
  for (int64_t i = 0; i < strips; ++i) in[i] = tap_lanes<K, T>(i * kLanes<T>, width);
  in[strips] = tap_lanes<K, T>(width - kLanes<T>, width);
  return in;
}

/// taps[b] = the row's columns moved by tap b, zeros outside; p is where the strip begins.
template <int K, class T>
CR_INLINE void load_taps(const T* p, const TapLanes<K, T>& in, Vec<T>* taps) {
  CR_UNROLL for (int b = 0; b < K; ++b) taps[b] = load_run(p + (b - K / 2), in.taps[b]);
}

/// One vector of columns of one plane.
template <int K, class T>
struct Strip {
  const T* from;
  T* to;
  const TapLanes<K, T>* inside;
};

/// Where a strip's results come from and go to.
template <class T>
struct StripJob {
  int64_t height, from_row, to_row;
  int64_t first, past;  // rows of the result
  const T* weight;      // tap (a, b) at a weight_row + b weight_col
  int64_t weight_row, weight_col;
  bool add;       // to what is there
  const T* bias;  // added at the end; or nullptr
};

/// Strips side by side, to hide the latency of fma, on their way down: each result is one chain in the order of the taps. Inner: no tap of
/// theirs is outside the image.
template <int K, int Strips, bool Inner, class T>
struct StripWalk {
  using V = Vec<T>;
  static constexpr int half = K / 2;
  const T* from[Strips];
  T* to[Strips];
  TapLanes<K, T> inside[Strips];
  V weight[K * K];
  V sum[Strips][K] = {};  // results of rows r - half .. r + half, the first of them at `Turn`

  [[gnu::always_inline]] StripWalk(const StripJob<T>& job, const Strip<K, T>* strips) {
    CR_UNROLL for (int i = 0; i < K * K; ++i) weight[i] = splat<V>(job.weight[i / K * job.weight_row + i % K * job.weight_col]);
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      from[s] = strips[s].from + max_of(0, job.first - half) * job.from_row;
      to[s] = strips[s].to + job.first * job.to_row;
      inside[s] = *strips[s].inside;
    }
  }
  /// Adds a row of the source to the results that it belongs to, and goes on to the next.
  template <int Turn>
  [[gnu::always_inline]] inline void add_row(int64_t row) {
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      V taps[K];
      if constexpr (Inner) {
        CR_UNROLL for (int b = 0; b < K; ++b) taps[b] = load(from[s] + (b - half));
      } else {
        load_taps<K>(from[s], inside[s], taps);
      }
      from[s] += row;
      asm("" : "+r"(from[s]));  // one address, not one for each row of a loop
      CR_UNROLL for (int b = 0; b < K; ++b) {
        CR_UNROLL for (int i = 0; i < K; ++i) {
          V& v = sum[s][(i + Turn) % K];
          v = fma(weight[(K - 1 - i) * K + b], taps[b], v);
        }
      }
    }
  }
  /// Writes the first row of results; its registers are the last row's now.
  template <int Turn>
  [[gnu::always_inline]] inline void store_row(int64_t row) {
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      if constexpr (Inner) {
        store(to[s], sum[s][Turn]);
      } else {
        store_run(to[s], sum[s][Turn], inside[s].taps[half]);
      }
      to[s] += row;
      asm("" : "+r"(to[s]));
      sum[s][Turn] = V{};
    }
  }
  [[gnu::always_inline]] inline void turn() {
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      CR_UNROLL for (int i = 0; i + 1 < K; ++i) sum[s][i] = sum[s][i + 1];
      sum[s][K - 1] = V{};
    }
  }
};

/// K rows of the source, and the results that they end. Sums stay in their registers.
template <int... Turn, class W>
CR_INLINE void walk_rows(W& walk, int64_t from_row, int64_t to_row, std::integer_sequence<int, Turn...>) {
  ((walk.template add_row<Turn>(from_row), walk.template store_row<Turn>(to_row)), ...);
}

/// Few instructions beside the products: branches and moves took as long as half of them, more while a neighbour shares the core.
template <int K, int Strips, bool Inner, class T>
[[gnu::noinline]] void convolve_strips(const StripJob<T>& job, const Strip<K, T>* strips) {
  constexpr int half = K / 2;
  const int64_t from_row = job.from_row, to_row = job.to_row, past = job.past, end = min_of(job.height, past + half);
  StripWalk<K, Strips, Inner, T> walk(job, strips);
  int64_t r = max_of(0, job.first - half);
  for (; r < job.first + half; ++r) {
    if (r < end) walk.template add_row<0>(from_row);
    walk.turn();
  }
  for (; r + K <= end; r += K) walk_rows(walk, from_row, to_row, std::make_integer_sequence<int, K>{});
  for (; r < past + half; ++r) {
    if (r < end) walk.template add_row<0>(from_row);
    walk.template store_row<0>(to_row);
    walk.turn();
  }
}

/// The same where results are added to what is there, or get a bias.
template <int K, int Strips, bool Inner, class T>
[[gnu::noinline]] void convolve_onto(const StripJob<T>& job, const Strip<K, T>* strips) {
  constexpr int half = K / 2;
  StripWalk<K, Strips, Inner, T> walk(job, strips);
  const Vec<T> bias = job.bias == nullptr ? Vec<T>{} : splat<Vec<T>>(*job.bias);
  for (int64_t r = job.first - half; r < job.past + half; ++r) {
    const int64_t next = r + half;
    CR_UNROLL for (int s = 0; s < Strips; ++s) {
      if (job.add && next < job.past) {
        const T* to = strips[s].to + next * job.to_row;
        walk.sum[s][K - 1] = Inner ? load(to) : load_run<T>(to, walk.inside[s].taps[half]);
      }
    }
    if (r >= 0 && r < job.height) walk.template add_row<0>(job.from_row);
    if (r - half >= job.first) {
      CR_UNROLL for (int s = 0; s < Strips; ++s) {
        if (job.bias != nullptr) walk.sum[s][0] += bias;
      }
      walk.template store_row<0>(job.to_row);
    }
    walk.turn();
  }
}

/// Rows that are worked on together: few enough for all their columns to stay in cache.
CR_INLINE int64_t thin_rows(int64_t height, int64_t width) { return min_of(height, max_of(16, 4096 / width)); }
/// Strips that wait for a partner.
template <int K, bool Inner, class T>
struct Waiting {
  Strip<K, T> strips[2];
  int count = 0;

  void add(const StripJob<T>& job, const Strip<K, T>& strip, bool plain) {
    strips[count++] = strip;
    if (count < 2) return;
    plain ? convolve_strips<K, 2, Inner>(job, strips) : convolve_onto<K, 2, Inner>(job, strips);
    count = 0;
  }
};

/// One channel of the result in images first..first+images-1; inside: of each strip of a row.
template <int K, class T>
CR_INLINE void convolve_channel(const ThinProduct<T>& p, const TapLanes<K, T>* inside, int64_t channel, int64_t first, int64_t images) {
  const int64_t rows = thin_rows(p.height, p.width), strips = ceil_div(p.width, kLanes<T>), group = channel / p.results;
  const T* weight = p.weight + group * p.group + (channel - group * p.results) * p.result;
  for (int64_t j = 0; j < p.sources; ++j, weight += p.source) {
    const T* from = p.from.data + first * p.from.image + (group * p.sources + j) * p.from.channel;
    T* to = p.to.data + first * p.to.image + channel * p.to.channel;
    const T* bias = p.bias != nullptr && j + 1 == p.sources ? p.bias + channel * p.bias_stride : nullptr;
    const bool plain = j == 0 && bias == nullptr;
    StripJob<T> job{p.height, p.from.row, p.to.row, 0, 0, weight, p.row, p.col, j > 0, bias};
    for (; job.first < p.height; job.first = job.past) {
      job.past = min_of(p.height, job.first + rows);
      Waiting<K, false, T> edge;
      Waiting<K, true, T> inner;
      for (int64_t image = 0; image < images; ++image) {
        for (int64_t strip = 0; strip < strips; ++strip) {
          // Where runs cost, the last strip ends where the image does: what it has in common with the one before is written twice.
          const bool last = !kFreeRuns && !job.add && strip > 0 && strip + 1 == strips;
          const int64_t col = last ? p.width - kLanes<T> : strip * kLanes<T>;
          const Strip<K, T> one{from + image * p.from.image + col, to + image * p.to.image + col, inside + (last ? strips : strip)};
          if (!kFreeRuns && col >= K / 2 && col + kLanes<T> + K / 2 <= p.width) {
            inner.add(job, one, plain);
          } else {
            edge.add(job, one, plain);
          }
        }
      }
      if (inner.count == 1) edge.add(job, inner.strips[0], plain);
      if (edge.count == 1) plain ? convolve_strips<K, 1, false>(job, edge.strips) : convolve_onto<K, 1, false>(job, edge.strips);
    }
  }
}

/// Planes are visited in the order of memory. An odd number of strips has a partner in the next image, which has the same weights.
template <int K, class T>
CR_INLINE void thin_product_of(Context& ctx, const ThinProduct<T>& p) {
  const int64_t channels = p.groups * p.results, work = p.height * p.width * K * K * p.sources;
  const int64_t together = ceil_div(p.width, kLanes<T>) % 2 == 0 ? 1 : min_of(2, p.images);
  const int64_t all = ceil_div(p.images, together) * channels, each = max_of(1, kUnitWork / 8 / max_of(1, work * together));
  const TapLanes<K, T>* inside = strip_lanes<K, T>(ctx, p.width);
  parallel_units(ctx, ceil_div(all, each), [&](int64_t unit, int) {
    for (int64_t i = unit * each; i < min_of(all, (unit + 1) * each); ++i) {
      const int64_t first = i / channels * together;
      convolve_channel<K>(p, inside, i % channels, first, min_of(together, p.images - first));
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

/// A strip of columns of such a pair on its way down: rows r - half .. r + half of g, the first of them at `Turn`. Inner: no tap of it is
/// outside the image.
template <int K, bool Inner, class T>
struct PairWalk {
  using V = Vec<T>;
  static constexpr int half = K / 2;
  const T *x, *g;  // rows r and r + half
  int64_t x_row, g_row, x_ahead, g_ahead;
  TapLanes<K, T> inside;
  V line[K];

  [[gnu::always_inline]] inline V gradient(const T* at) const { return Inner ? load(at) : load_run<T>(at, inside.taps[half]); }
  /// Adds row r, and goes on to the next; more: whether g has a row r + half.
  template <int Turn>
  [[gnu::always_inline]] inline void add_row(V* sum, bool more) {
    V taps[K];
    __builtin_prefetch(x + x_ahead);
    __builtin_prefetch(g + g_ahead);
    if constexpr (Inner) {
      CR_UNROLL for (int b = 0; b < K; ++b) taps[b] = load(x + (b - half));
    } else {
      load_taps<K>(x, inside, taps);
    }
    line[(K - 1 + Turn) % K] = more ? gradient(g) : V{};
    x += x_row;
    g += g_row;
    asm("" : "+r"(x), "+r"(g));  // one address, not one for each row of a loop
    CR_UNROLL for (int a = 0; a < K; ++a) {
      CR_UNROLL for (int b = 0; b < K; ++b) sum[a * K + b] = fma(taps[b], line[(K - 1 - a + Turn) % K], sum[a * K + b]);
    }
  }
  [[gnu::always_inline]] inline void turn() { CR_UNROLL for (int i = 0; i + 1 < K; ++i) line[i] = line[i + 1]; }
};

/// K rows that g reaches. Its rows stay in their registers.
template <int... Turn, class W, class V>
CR_INLINE void add_rows(W& walk, V* sum, std::integer_sequence<int, Turn...>) {
  (walk.template add_row<Turn>(sum, true), ...);
}

/// Adds a strip of columns, from `col` on. The same rows of the next planes, x_ahead and g_ahead further on, are asked for.
template <int K, bool Inner, class T>
[[gnu::always_inline]] inline void correlate_strip(const PlanePair<T>& p, int64_t col, const TapLanes<K, T>& inside, int64_t x_ahead,
                                                   int64_t g_ahead, Vec<T> (&sum)[K * K]) {
  constexpr int half = K / 2;
  const T* g = p.g + col;
  PairWalk<K, Inner, T> walk{p.x + p.first * p.x_row + col, g + (p.first + half) * p.g_row, p.x_row, p.g_row, x_ahead, g_ahead, inside, {}};
  CR_UNROLL for (int i = 0; i + 1 < K; ++i) {
    const int64_t row = p.first - half + i;
    walk.line[i] = row >= 0 && row < p.height ? walk.gradient(g + row * p.g_row) : Vec<T>{};
  }
  int64_t r = p.first;
  for (; r + K <= min_of(p.past, p.height - half); r += K) add_rows(walk, sum, std::make_integer_sequence<int, K>{});
  for (; r < p.past; ++r) {
    walk.template add_row<0>(sum, r + half < p.height);
    walk.turn();
  }
}

/// The products of y's gradient g with x moved by tap a K + b, lane by lane: strips of columns, each down the rows. Sums wait in `sums`
/// between calls with rows of one image; the last one adds them to `total`.
template <int K, class T>
[[gnu::noinline]] void correlate_rows(const PlanePair<T>& p, const TapLanes<K, T>* inside, int64_t x_ahead, int64_t g_ahead, T* sums,
                                      T* total) {
  using V = Vec<T>;
  for (int64_t part = 0; part < kThinLanes; part += kLanes<T>) {
    V sum[K * K];
    CR_UNROLL for (int i = 0; i < K * K; ++i) sum[i] = p.first == 0 ? V{} : load(sums + i * kThinLanes + part);
    for (int64_t col = part; col < p.width; col += kThinLanes) {
      const TapLanes<K, T>& lanes = inside[col / kLanes<T>];
      if (!kFreeRuns && col >= K / 2 && col + kLanes<T> + K / 2 <= p.width) {
        correlate_strip<K, true>(p, col, lanes, x_ahead, g_ahead, sum);
      } else {
        correlate_strip<K, false>(p, col, lanes, x_ahead, g_ahead, sum);
      }
    }
    CR_UNROLL for (int i = 0; i < K * K; ++i) {
      T* to = total + i * kThinLanes + part;
      if (p.past < p.height) {
        store(sums + i * kThinLanes + part, sum[i]);
      } else {
        store(to, load(to) + sum[i]);
      }
    }
  }
}

/// to[K K] = the sums of one pair of channels over images first..past-1. Each image is summed for itself, then added.
template <int K, class T>
CR_INLINE void correlate_planes(const ThinGradient<T>& p, const TapLanes<K, T>* inside, const T* x, const T* g, int64_t first, int64_t past,
                                T* to) {
  const int64_t rows = thin_rows(p.height, p.width);
  const bool whole = rows == p.height;  // the next planes stay in cache until they are read
  T sums[K * K * kThinLanes], total[K * K * kThinLanes] = {};
  for (int64_t image = first; image < past; ++image) {
    PlanePair<T> pair{x + image * p.from.image, g + image * p.to.image, p.from.row, p.to.row, p.height, p.width, 0, 0};
    for (; pair.first < p.height; pair.first = pair.past) {
      pair.past = min_of(p.height, pair.first + rows);
      correlate_rows<K>(pair, inside, whole ? p.from.image : 0, whole ? p.to.image : 0, sums, total);
    }
  }
  for (int i = 0; i < K * K; ++i) {
    Lanes<T> lanes;
    for (int k = 0; k < Lanes<T>::kParts; ++k) lanes.part[k] = load(total + i * kThinLanes + k * kLanes<T>);
    to[i] = fold_lanes<JoinSum>(lanes);
  }
}

template <int K, class T>
CR_INLINE void thin_gradient_of(Context& ctx, const ThinGradient<T>& p) {
  const int64_t pairs = p.groups * p.results * p.sources, each = p.results * p.sources;
  const int64_t slices = min_of(p.images, ceil_div(kThinUnits, pairs));
  T* parts = scratch<T>(ctx, pairs * slices * K * K);
  const TapLanes<K, T>* inside = strip_lanes<K, T>(ctx, p.width);
  parallel_units(ctx, pairs * slices, [&](int64_t unit, int) {
    const int64_t slice = unit % slices, pair = unit / slices, group = pair / each;
    const int64_t result = pair % each / p.sources, source = pair % p.sources;
    const T* x = p.from.data + (group * p.sources + source) * p.from.channel;
    const T* g = p.to.data + (group * p.results + result) * p.to.channel;
    correlate_planes<K>(p, inside, x, g, slice * p.images / slices, (slice + 1) * p.images / slices, parts + unit * K * K);
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
