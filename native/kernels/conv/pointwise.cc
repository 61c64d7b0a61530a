#include "kernels/conv/pointwise.h"

#include "kernels/conv/point_chunks.h"
#include "kernels/conv/point_tile.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kPointUnits = 32;  // wanted

/// The product of one image and group.
template <class T>
struct PlaneProduct {
  const T* a;
  StridedB<T> x;
  StridedC<T> y;
};
template <class T>
CR_INLINE PlaneProduct<T> plane_product(const ConvShape& s, const PointwiseWeight<T>& w, const T* packed, int64_t rows, int64_t k,
                                        const TensorView& from, const TensorView& to, int64_t product) {
  const int64_t group = product % s.groups, image = product / s.groups;
  PlaneProduct<T> p{packed + group * rows * k,
                    {static_cast<const T*>(from.data) + image * from.strides[0] + group * k * from.strides[1], from.strides[1], 1},
                    {static_cast<T*>(to.data) + image * to.strides[0] + group * rows * to.strides[1], to.strides[1], 1}};
  if (w.bias != nullptr) {
    p.y.bias = w.bias + group * rows * w.bias_stride;
    p.y.bias_row = w.bias_stride;
  }
  return p;
}

/// A panel of columns goes past all rows of the weight before the next one begins: the panel is read where it lies, in the planes, and
/// stays in L1 or L2; the weight, packed once, comes from L2.
template <class T>
CR_INLINE void multiply_by_panels(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                                  const TensorView& from, const TensorView& to, int64_t each) {
  const int64_t pixels = s.h.in * s.w.in, products = s.batch * s.groups, parts = ceil_div(pixels, each);
  const Rows slivers{0, rows, ceil_div(rows, kPointRows)};
  const T* packed = pack_slivers(ctx, w, s.groups, slivers, k);
  const KBlocks blocks = k_blocks(k);
  const auto aligned = [](int64_t bytes) { return bytes % kCacheLine == 0; };
  constexpr int64_t size = static_cast<int64_t>(sizeof(T));
  const bool streamed = blocks.count == 1 && products * rows * pixels * size >= kStreamBytes &&
                        aligned(static_cast<int64_t>(reinterpret_cast<uintptr_t>(to.data))) && aligned(to.strides[0] * size) &&
                        aligned(to.strides[1] * size);
  parallel_units(ctx, products * parts, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, kPointScratch<T>);
    const PlaneProduct<T> plane = plane_product(s, w, packed, rows, k, from, to, unit / parts);
    const PointProduct<T> p{slivers, k, plane.a, plane.x, plane.y, streamed};
    const int64_t first = unit % parts * each, end = min_of(pixels, first + each);
    for (int64_t r = 0; r < k; ++r) prefetch_run(p.x.data + r * p.x.row + first, min_of(kPointCols<T>, end - first) * size);
    for (int64_t col = first; col < end; col += kPointCols<T>) {
      for (int64_t block = 0; block < blocks.count; ++block) {
        const int64_t at = block * blocks.size;
        multiply_panel(p, col, min_of(kPointCols<T>, end - col),
                       Slab{at, min_of(blocks.size, k - at), block == 0, block == blocks.count - 1}, col + kPointCols<T> < end, buffer);
      }
    }
    if (streamed) stream_fence();
  });
}

/// The same in chunks of panels (AVX2).
template <class T>
CR_INLINE void multiply_by_chunks(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                                  const TensorView& from, const TensorView& to, int64_t each) {
  const int64_t pixels = s.h.in * s.w.in, products = s.batch * s.groups, parts = ceil_div(pixels, each), units = products * parts;
  const T* packed = pack_whole_slivers(ctx, w, s.groups, rows, k);
  const bool asks = products * k * pixels * static_cast<int64_t>(sizeof(T)) >= kAskedBytes;
  parallel_units(ctx, units, [&](int64_t unit, int worker) {
    T* buffer = worker_scratch<T>(ctx, worker, kChunkScratch<T>);
    const PlaneProduct<T> plane = plane_product(s, w, packed, rows, k, from, to, unit / parts);
    const int64_t first = unit % parts * each, next = (unit + 1) % parts * each;
    const T* then = unit + 1 < units ? plane_product(s, w, packed, rows, k, from, to, (unit + 1) / parts).x.data + next : nullptr;
    multiply_chunks(ChunkProduct<T>{rows, k, plane.a, plane.x, plane.y, asks}, first, min_of(pixels, first + each), then, buffer);
  });
}

template <class T>
CR_INLINE void multiply_planes(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                               const TensorView& from, const TensorView& to) {
  const int64_t pixels = s.h.in * s.w.in, products = s.batch * s.groups;
  if (products * rows * pixels == 0) return;
  // Few rows read x where it lies; where that crowds L1, panels of one line a row took 0.93 of the time of chunks.
  const bool chunks = kAvx2Tile && (rows > kFewPanelUses * kTileRows || !crowd<T>(from.strides[1], min_of(k, kMaxBlockK)));
  const bool whole = chunks && worker_count(ctx) == 1;
  const int64_t wanted = whole ? 1 : min_of(ceil_div(kPointUnits, products), ceil_div(rows * k * pixels, kUnitWork));
  const int64_t cols = chunks ? kTileCols<T> : kPointCols<T>, each = ceil_div(ceil_div(pixels, max_of(1, wanted)), cols) * cols;
  if constexpr (kAvx2Tile) {
    if (chunks) return multiply_by_chunks(ctx, s, w, rows, k, from, to, each);
  }
  multiply_by_panels(ctx, s, w, rows, k, from, to, each);
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
