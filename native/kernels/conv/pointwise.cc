#include "kernels/conv/pointwise.h"

#include "kernels/conv/weights.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/lanes.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

// A panel of columns goes past all rows of the weight before the next one begins: the panel is read where it lies, in the planes, and
// stays in L1 or L2; the weight, packed once, comes from L2. Rows of a panel are whole planes apart, which no prefetcher follows: each
// tile asks for some rows of the next panel.

/// A tile like TileArgs', of whole panels, for rows of A that are packed side by side: a[k][Rows].
template <class T>
struct PointTile {
  int64_t k;
  const T* a;
  const T* b;
  int64_t b_k;
  T* c;
  int64_t c_row;
  bool accumulate;
  bool streamed;  // C is sent past the caches
  const T* bias;  // added at the end; or nullptr
  int64_t bias_row;
  const T* ahead;  // rows that are asked for
  int64_t ahead_k, ahead_rows;
};

template <class T, int Rows>
void multiply_points(const PointTile<T>& tile) {
  using V = Vec<T>;
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  const T *a = tile.a, *b = tile.b, *ahead = tile.ahead, *asked = tile.c;
  const int64_t b_k = tile.b_k, ahead_k = tile.ahead_k, c_row = tile.c_row;
  int64_t left = tile.ahead_rows, rows_left = tile.streamed ? 0 : Rows;
  V sum[Rows][kTileVecs];
  CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = V{}; }
  const auto step = [&]() CR_INLINE_LAMBDA {
    V row[kTileVecs];
    CR_UNROLL for (int v = 0; v < kTileVecs; ++v) row[v] = load(b + v * kLanes<T>);
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V x = splat<V>(a[i]);
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
    }
    a += Rows;
    b += b_k;
  };
  int64_t k = tile.k;
  for (; k >= 2; k -= 2) {
    if (left > 0) {
      for (int64_t c = 0; c < kTileCols<T>; c += line) {
        __builtin_prefetch(ahead + c, 0, 2);
        __builtin_prefetch(ahead + ahead_k + c, 0, 2);
      }
      ahead += 2 * ahead_k;
      left -= 2;
    }
    if (rows_left > 0) {
      for (int64_t c = 0; c < kTileCols<T>; c += line) __builtin_prefetch(asked + c, 1);
      asked += c_row;
      --rows_left;
    }
    step();
    step();
  }
  if (k > 0) step();
  T* c = tile.c;
  asm("" : "+r"(c));  // addresses of C are worked out here, not kept during the loop
  if (tile.accumulate) {
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] = load(c + i * c_row + v * kLanes<T>) + sum[i][v];
    }
  }
  if (tile.bias != nullptr) {
    CR_UNROLL for (int i = 0; i < Rows; ++i) {
      const V bias = splat<V>(tile.bias[i * tile.bias_row]);
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) sum[i][v] += bias;
    }
  }
  if (tile.streamed) {
    CR_UNROLL for (int i = 0; i < Rows; ++i, c += c_row) {
      CR_UNROLL for (int v = 0; v < kTileVecs; ++v) stream_store(c + v * kLanes<T>, sum[i][v]);
    }
    return;
  }
  CR_UNROLL for (int i = 0; i < Rows; ++i, c += c_row) {
    CR_UNROLL for (int v = 0; v < kTileVecs; ++v) store(c + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
struct PointTable {
  void (*fn[kTileRows])(const PointTile<T>&);
};
template <class T, int Rows>
constexpr void fill_points(PointTable<T>& table) {
  table.fn[Rows - 1] = &multiply_points<T, Rows>;
  if constexpr (Rows < kTileRows) fill_points<T, Rows + 1>(table);
}
template <class T>
constexpr PointTable<T> point_table() {
  PointTable<T> table{};
  fill_points<T, 1>(table);
  return table;
}
template <class T>
inline constexpr PointTable<T> kPointTable = point_table<T>();

/// [group][sliver][k][rows of the sliver].
template <class T>
CR_INLINE const T* pack_slivers(Context& ctx, const PointwiseWeight<T>& w, int64_t groups, const Rows& rows, int64_t k) {
  T* packed = scratch<T>(ctx, groups * rows.rows * k);
  parallel_range(ctx, groups * rows.slivers, max_of(1, kPackElements / max_of(1, k * kTileRows)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t group = n / rows.slivers, i = rows.at(n % rows.slivers), height = rows.at(n % rows.slivers + 1) - i;
      const T* from = w.data + group * w.group + i * w.row;
      T* to = packed + (group * rows.rows + i) * k;
      if (w.col == 1) {
        pack_transposed(from, w.row, k, height, to, height);
      } else if (w.row == 1) {
        pack_rows(from, w.col, k, height, to, height);
      } else {
        for (int64_t c = 0; c < k; ++c) {
          for (int64_t r = 0; r < height; ++r) to[c * height + r] = from[r * w.row + c * w.col];
        }
      }
    }
  });
  return packed;
}

/// One group of one image.
template <class T>
struct PointProduct {
  Rows rows;
  int64_t k;
  const T* a;  // slivers
  StridedB<T> x;
  StridedC<T> y;
  bool streamed;
};

/// Columns col..col+width, at most a panel, for one block of k. next: whether another panel follows.
template <class T>
CR_INLINE void multiply_panel(const PointProduct<T>& p, int64_t col, int64_t width, const Slab& slab, bool next, T* buffer) {
  const Panel<T> panel = p.x.panel(buffer, slab.begin, slab.count, col, width, p.rows.slivers);
  for (int64_t s = 0; s < p.rows.slivers; ++s) {
    const int64_t i = p.rows.at(s), height = p.rows.at(s + 1) - i;
    const T* a = p.a + i * p.k + slab.begin * height;
    if (width < kTileCols<T>) {
      TileArgs<T> tile;
      multiply_one(Sliver<T>{a, 1, height}, panel, slab, p.y, Rect{i, height, col, width}, tile, buffer + kPanelSize<T>);
      continue;
    }
    const int64_t ask = s * slab.count / p.rows.slivers, ask_end = (s + 1) * slab.count / p.rows.slivers;
    kPointTable<T>.fn[height - 1](PointTile<T>{slab.count, a, panel.b, panel.k, p.y.data + i * p.y.row + col, p.y.row, !slab.first,
                                               p.streamed, slab.last && p.y.bias != nullptr ? p.y.bias + i * p.y.bias_row : nullptr,
                                               p.y.bias_row, p.x.data + (slab.begin + ask) * p.x.row + col + kTileCols<T>, p.x.row,
                                               next ? ask_end - ask : 0});
  }
}

inline constexpr int64_t kPointUnits = 32;                     // wanted
inline constexpr int64_t kStreamedPlanes = int64_t{16} << 20;  // bytes of a result that are not in the caches any more when they are read

template <class T>
CR_INLINE void multiply_planes(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                               const TensorView& from, const TensorView& to) {
  const int64_t pixels = s.h.in * s.w.in, products = s.batch * s.groups;
  if (products * rows * pixels == 0) return;
  const int64_t wanted = min_of(ceil_div(kPointUnits, products), ceil_div(rows * k * pixels, kUnitWork));
  const int64_t each = ceil_div(ceil_div(pixels, max_of(1, wanted)), kTileCols<T>) * kTileCols<T>, parts = ceil_div(pixels, each);
  const Rows slivers{0, rows, ceil_div(rows, kTileRows)};
  const T* packed = pack_slivers(ctx, w, s.groups, slivers, k);
  const KBlocks blocks = k_blocks(k);
  const auto aligned = [](int64_t bytes) { return bytes % kCacheLine == 0; };
  constexpr int64_t size = static_cast<int64_t>(sizeof(T));
  const bool streamed = blocks.count == 1 && products * rows * pixels * size >= kStreamedPlanes &&
                        aligned(static_cast<int64_t>(reinterpret_cast<uintptr_t>(to.data))) && aligned(to.strides[0] * size) &&
                        aligned(to.strides[1] * size);
  parallel_units(ctx, products * parts, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, kPanelSize<T> + kTileSize<T>);
    const int64_t group = unit / parts % s.groups, image = unit / parts / s.groups;
    PointProduct<T> p{slivers,
                      k,
                      packed + group * rows * k,
                      {static_cast<const T*>(from.data) + image * from.strides[0] + group * k * from.strides[1], from.strides[1], 1},
                      {static_cast<T*>(to.data) + image * to.strides[0] + group * rows * to.strides[1], to.strides[1], 1},
                      streamed};
    if (w.bias != nullptr) {
      p.y.bias = w.bias + group * rows * w.bias_stride;
      p.y.bias_row = w.bias_stride;
    }
    const int64_t first = unit % parts * each, end = min_of(pixels, first + each);
    for (int64_t r = 0; r < k; ++r) prefetch_run(p.x.data + r * p.x.row + first, min_of(kTileCols<T>, end - first) * size);
    for (int64_t col = first; col < end; col += kTileCols<T>) {
      for (int64_t block = 0; block < blocks.count; ++block) {
        const int64_t at = block * blocks.size;
        multiply_panel(p, col, min_of(kTileCols<T>, end - col),
                       Slab{at, min_of(blocks.size, k - at), block == 0, block == blocks.count - 1}, col + kTileCols<T> < end, buffer);
      }
    }
    if (streamed) stream_fence();
  });
}

void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<float>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to) {
  multiply_planes(ctx, s, w, rows, k, from, to);
}
void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<double>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to) {
  multiply_planes(ctx, s, w, rows, k, from, to);
}

}  // namespace chainrule::CR_ISA
