#include "kernels/conv/thin.h"

#include <utility>

#include "kernels/conv/thin_blocks.h"
#include "kernels/conv/thin_strips.h"

namespace chainrule::CR_ISA {

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

template <class T>
CR_INLINE void thin_product_with(Context& ctx, int64_t k, const ThinProduct<T>& p) {
  if (k == 3) return thin_product_of<3>(ctx, p);
  if (k == 5) return thin_product_of<5>(ctx, p);
  if constexpr (kFreeRuns) {
    thin_product_of<7>(ctx, p);
  } else {
    thin_blocks(ctx, p);
  }
}
void thin_product(Context& ctx, int64_t k, const ThinProduct<float>& p) { thin_product_with(ctx, k, p); }
void thin_product(Context& ctx, int64_t k, const ThinProduct<double>& p) { thin_product_with(ctx, k, p); }

}  // namespace chainrule::CR_ISA
