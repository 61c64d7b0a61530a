// Blocks of a few rows of the result, up to four vectors of columns wide, from padded copies of planes. With twelve sums in registers a
// weight is loaded once for all vectors of a row, a vector of the source once for all rows: 7 loads for 12 products.
#include "kernels/conv/thin_blocks.h"

#include "kernels/linalg/gemm/micro.h"
#include "simd/lanes.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kTaps = 7, kHalf = kTaps / 2;
inline constexpr int64_t kCopyElements = 8192;  // wanted of a copy: 32 KiB of f32

/// Vectors of columns side by side, of one plane or of several images' planes, on their way down.
template <int Vecs, class T>
struct BlockColumns {
  const T* from[Vecs];  // first column of the first row that the taps of `row` reach, in the copy
  T* to[Vecs];
  int64_t count[Vecs];  // columns
  int64_t from_row, to_row;
  const T* weight;            // [kTaps, kTaps]
  const T* bias;              // added at the end; or nullptr
  bool add, whole;            // to what is there; every vector is whole
  int64_t row, past, height;  // rows of the result, of the image
};

/// Sums of a block, on the way down the source.
template <int Rows, int Vecs, class T>
struct BlockSums {
  const T* from[Vecs];
  int64_t at, from_row;
  const T* weight;  // of the first row of results
  Vec<T> sum[Rows][Vecs] = {};

  /// Adds a row of the source to the results Low..High-1, and goes on to the next.
  template <int Low, int High>
  [[gnu::always_inline]] inline void add_row() {
    CR_UNROLL for (int b = 0; b < kTaps; ++b) {
      asm volatile("" ::: "memory");  // the compiler would load weights early, and leave sums without registers
      Vec<T> w[Rows];
      CR_UNROLL for (int i = Low; i < High; ++i) w[i] = splat<Vec<T>>(weight[b - i * kTaps]);
      CR_UNROLL for (int v = 0; v < Vecs; ++v) {
        const Vec<T> x = load(from[v] + (at + b));
        CR_UNROLL for (int i = Low; i < High; ++i) add_product(sum[i][v], w[i], x);
      }
    }
    at += from_row;
    weight += kTaps;
    asm volatile("" : "+r"(at), "+r"(weight));  // one address each, not one for each row
  }
};

/// Rows first..past-1 of those that the block's taps reach, in order: each result is one chain in the order of the taps.
template <int Rows, int Vecs, class T>
[[gnu::always_inline]] inline void add_rows(BlockSums<Rows, Vecs, T>& s, int64_t first, int64_t past) {
  static_assert(Rows <= 4 && kHalf >= Rows - 1);
  if constexpr (Rows > 1) {
    if (first < 1) s.template add_row<0, 1>();
  }
  if constexpr (Rows > 2) {
    if (first < 2) s.template add_row<0, 2>();
  }
  if constexpr (Rows > 3) {
    if (first < 3) s.template add_row<0, 3>();
  }
  for (int64_t n = min_of(past, kTaps) - max_of(first, Rows - 1); n > 0; --n) s.template add_row<0, Rows>();
  if constexpr (Rows > 1) {
    if (past > kTaps) s.template add_row<1, Rows>();
  }
  if constexpr (Rows > 2) {
    if (past > kTaps + 1) s.template add_row<2, Rows>();
  }
  if constexpr (Rows > 3) {
    if (past > kTaps + 2) s.template add_row<3, Rows>();
  }
}

template <int Rows, int Vecs, class T>
[[gnu::noinline]] void convolve_block(const BlockColumns<Vecs, T>& p) {
  using V = Vec<T>;
  const int64_t first = max_of(0, kHalf - p.row), past = min_of(p.height - p.row + kHalf, kTaps - 1 + Rows);
  BlockSums<Rows, Vecs, T> s;
  CR_UNROLL for (int v = 0; v < Vecs; ++v) s.from[v] = p.from[v];
  s.at = first * p.from_row;
  s.from_row = p.from_row;
  s.weight = p.weight + first * kTaps;
  const auto each = [&](auto body) CR_INLINE_LAMBDA {
    CR_UNROLL for (int v = 0; v < Vecs; ++v) {
      CR_UNROLL for (int i = 0; i < Rows; ++i) body(s.sum[i][v], p.to[v] + i * p.to_row, p.count[v]);
    }
  };
  if (p.add) each([](V& sum, const T* to, int64_t count) CR_INLINE_LAMBDA { sum = load_some(to, count); });
  add_rows(s, first, past);
  if (p.bias != nullptr) each([&](V& sum, T*, int64_t) CR_INLINE_LAMBDA { sum += splat<V>(*p.bias); });
  if (p.whole) return each([](V& sum, T* to, int64_t) CR_INLINE_LAMBDA { store(to, sum); });
  each([](V& sum, T* to, int64_t count) CR_INLINE_LAMBDA { store_some(to, sum, count); });
}

/// All rows, in blocks of nearly equal height.
template <int Vecs, class T>
CR_INLINE void convolve_columns(BlockColumns<Vecs, T> p) {
  constexpr int most = Vecs == 4 ? 3 : 4;
  for (int64_t rows; p.row < p.past; p.row += rows) {
    rows = ceil_div(p.past - p.row, ceil_div(p.past - p.row, most));
    if (rows == 4) {
      if constexpr (most == 4) convolve_block<4>(p);
    } else if (rows == 3) {
      convolve_block<3>(p);
    } else if (rows == 2) {
      convolve_block<2>(p);
    } else {
      convolve_block<1>(p);
    }
    for (int v = 0; v < Vecs; ++v) {
      p.from[v] += rows * p.from_row;
      p.to[v] += rows * p.to_row;
    }
  }
}

/// Rows of a plane into rows of `pitch` that hold zeros elsewhere.
template <class T>
CR_INLINE void copy_rows(const T* from, int64_t row, int64_t rows, int64_t width, T* to, int64_t pitch) {
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t r = 0; r < rows; ++r, from += row, to += pitch) {
    if (width < lanes) {
      store(to, load_some(from, width));
      continue;
    }
    for (int64_t c = 0; c + lanes < width; c += lanes) store(to + c, load(from + c));
    store(to + width - lanes, load(from + width - lanes));
  }
}

/// How a product is cut. Images that are worked on together give whole groups of four vectors; they have the same weights.
template <class T>
struct BlockCut {
  int64_t vecs, together, pitch, rows, plane;  // plane: of the copy
};
template <class T>
CR_INLINE BlockCut<T> block_cut(const ThinProduct<T>& p) {
  const int64_t vecs = ceil_div(p.width, kLanes<T>), pitch = vecs * kLanes<T> + ceil_div(kTaps - 1, kLanes<T>) * kLanes<T>;
  const int64_t together = min_of(p.images, vecs < 4 ? 4 : vecs % 4 == 0 ? 1 : 2);
  const int64_t rows = min_of(p.height, max_of(16, kCopyElements / (together * pitch)));
  return {vecs, together, pitch, rows, min_of(p.height, rows + kTaps - 1) * pitch};
}

/// Rows first..past-1 of the planes' results, whose source has been copied from row `top` on. `job` holds what all columns have in common.
template <int Vecs, class T>
CR_INLINE void convolve_group(const BlockCut<T>& cut, int64_t width, BlockColumns<1, T> job, int64_t image, int64_t vec, int64_t count) {
  BlockColumns<Vecs, T> p{{}, {}, {}, job.from_row, job.to_row, job.weight, job.bias, job.add, job.whole, job.row, job.past, job.height};
  for (int v = 0; v < Vecs; ++v) {
    const int64_t at = min_of(vec + v, count - 1), n = at / cut.vecs, wanted = at % cut.vecs * kLanes<T>;
    const int64_t col = job.whole ? min_of(wanted, width - kLanes<T>) : wanted;  // what two have in common is written twice
    p.from[v] = job.from[0] + n * cut.plane + col;
    p.to[v] = job.to[0] + n * image + col;
    p.count[v] = min_of(kLanes<T>, width - col);
  }
  convolve_columns(p);
}

/// One channel of the result in images first..first+images-1.
template <class T>
CR_INLINE void convolve_channel(const ThinProduct<T>& p, const BlockCut<T>& cut, int64_t channel, int64_t first, int64_t images, T* copy) {
  const int64_t group = channel / p.results, count = images * cut.vecs;
  const T* weight = p.weight + group * p.group + (channel - group * p.results) * p.result;
  T* to = p.to.data + first * p.to.image + channel * p.to.channel;
  for (int64_t j = 0; j < p.sources; ++j, weight += p.source) {
    T w[kTaps * kTaps];
    for (int64_t t = 0; t < kTaps * kTaps; ++t) w[t] = weight[t / kTaps * p.row + t % kTaps * p.col];
    const T* from = p.from.data + first * p.from.image + (group * p.sources + j) * p.from.channel;
    const T* bias = p.bias != nullptr && j + 1 == p.sources ? p.bias + channel * p.bias_stride : nullptr;
    for (int64_t row = 0, past; row < p.height; row = past) {
      past = min_of(p.height, row + cut.rows);
      const int64_t top = max_of(0, row - kHalf), bottom = min_of(p.height, past + kHalf);
      for (int64_t n = 0; n < images; ++n) {
        copy_rows(from + n * p.from.image + top * p.from.row, p.from.row, bottom - top, p.width, copy + n * cut.plane + kHalf, cut.pitch);
      }
      const BlockColumns<1, T> job{{copy + (row - kHalf - top) * cut.pitch},
                                   {to + row * p.to.row},
                                   {},
                                   cut.pitch,
                                   p.to.row,
                                   w,
                                   bias,
                                   j > 0,
                                   j == 0 && p.width >= kLanes<T>,
                                   row,
                                   past,
                                   p.height};
      int64_t vec = 0;
      for (; vec + 2 < count; vec += 4) convolve_group<4>(cut, p.width, job, p.to.image, vec, count);
      if (vec < count) convolve_group<2>(cut, p.width, job, p.to.image, vec, count);
    }
  }
}

/// Planes are visited in the order of memory.
template <class T>
CR_INLINE void thin_blocks_of(Context& ctx, const ThinProduct<T>& p) {
  const BlockCut<T> cut = block_cut(p);
  const int64_t channels = p.groups * p.results, work = p.height * p.width * kTaps * kTaps * p.sources * cut.together;
  const int64_t all = ceil_div(p.images, cut.together) * channels, each = max_of(1, kUnitWork / 8 / max_of(1, work));
  const int64_t size = cut.together * cut.plane;
  parallel_units(ctx, ceil_div(all, each), [&](int64_t unit, int worker) {
    T* copy = worker_scratch<T>(ctx, worker, size);
    for (int64_t i = 0; i < size; i += kLanes<T>) store(copy + i, Vec<T>{});
    for (int64_t i = unit * each; i < min_of(all, (unit + 1) * each); ++i) {
      const int64_t first = i / channels * cut.together;
      convolve_channel(p, cut, i % channels, first, min_of(cut.together, p.images - first), copy);
    }
  });
}

void thin_blocks(Context& ctx, const ThinProduct<float>& p) { thin_blocks_of(ctx, p); }
void thin_blocks(Context& ctx, const ThinProduct<double>& p) { thin_blocks_of(ctx, p); }

}  // namespace chainrule::CR_ISA
