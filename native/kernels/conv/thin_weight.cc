// The gradient of the weight of a thin convolution: a strip of columns of both images goes down their rows, all sums of taps in registers.
#include <utility>

#include "kernels/conv/thin_strips.h"
#include "simd/lanes.h"

namespace chainrule::CR_ISA {

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
