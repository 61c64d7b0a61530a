#include "kernels/conv/pointwise.h"

#include "kernels/conv/point_tile.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

// A panel of columns goes past all rows of the weight before the next one begins: the panel is read where it lies, in the planes, and
// stays in L1 or L2; the weight, packed once, comes from L2.

inline constexpr int64_t kPointUnits = 32;  // wanted

template <class T>
CR_INLINE void multiply_planes(Context& ctx, const ConvShape& s, const PointwiseWeight<T>& w, int64_t rows, int64_t k,
                               const TensorView& from, const TensorView& to) {
  const int64_t pixels = s.h.in * s.w.in, products = s.batch * s.groups;
  if (products * rows * pixels == 0) return;
  const int64_t wanted = min_of(ceil_div(kPointUnits, products), ceil_div(rows * k * pixels, kUnitWork));
  const int64_t each = ceil_div(ceil_div(pixels, max_of(1, wanted)), kPointCols<T>) * kPointCols<T>, parts = ceil_div(pixels, each);
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

void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<float>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to) {
  multiply_planes(ctx, s, w, rows, k, from, to);
}
void multiply_pointwise(Context& ctx, const ConvShape& s, const PointwiseWeight<double>& w, int64_t rows, int64_t k, const TensorView& from,
                        const TensorView& to) {
  multiply_planes(ctx, s, w, rows, k, from, to);
}

}  // namespace chainrule::CR_ISA
