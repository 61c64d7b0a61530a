#pragma once
// Right factors that are packed once and kept while nothing writes to them: weights between updates (memory/copies.h). Packing moves
// numbers, so the bits of a product are those without.
#include "kernels/linalg/gemm/pack.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

/// A copy costs about two packings (it goes to memory, not to L2), so two products pack as they go and the third makes a copy: at worst,
/// all that was packed twice as much as needed. A factor in rows, which a product can read where it lies, gains less and waits longer.
inline constexpr uint32_t kPatience = 2, kLongPatience = 8;

/// Orders of copies, for CopyKey; the size of an element is added.
inline constexpr int64_t kOrderPanels = 0x100, kOrderNarrow = 0x200;

/// The copy with `count` elements of input number `input`, or nullptr; fill(to) writes it.
template <class T, class Fill>
CR_INLINE const T* kept(Context& ctx, int32_t input, const StridedB<T>& b, int64_t k, int64_t n, int64_t order, int64_t count,
                        uint32_t after, Fill fill) {
  const CopyKey key{b.data, k, n, b.row, b.col, order + static_cast<int64_t>(sizeof(T))};
  const CopyFn run = [](void* data, void* to) { (*static_cast<Fill*>(data))(static_cast<T*>(to)); };
  return static_cast<const T*>(kept_copy(ctx, input, key, static_cast<size_t>(count) * sizeof(T), after, run, &fill));
}

/// A right factor in panels: for each block of k all of them, one after the other, so that a chunk is one run of memory.
template <class T>
struct KeptB {
  const T* data;
  int64_t width;  // columns of all panels

  Panel<T> panel(T*, int64_t k, int64_t count, int64_t j, int64_t, int64_t) const { return {at(k, count, j), kTileCols<T>}; }
  Ahead ahead(int64_t k, int64_t count, int64_t j, int64_t cols) const {
    constexpr int64_t row = kTileCols<T> * static_cast<int64_t>(sizeof(T));
    return {at(k, count, j), row, (cols + kTileCols<T> - 1) / kTileCols<T> * count, (row + 63) / 64};
  }
  /// `count` is that of the block of k which begins at k.
  [[nodiscard]] const T* at(int64_t k, int64_t count, int64_t j) const { return data + k * width + j * count; }
};

/// The right factor b [k, n], input number `input` of the kernel, packed; no data where it is not kept (yet).
template <class T>
KeptB<T> kept_panels(Context& ctx, int32_t input, const StridedB<T>& b, int64_t k, int64_t n, uint32_t after) {
  const int64_t panels = (n + kTileCols<T> - 1) / kTileCols<T>, width = panels * kTileCols<T>;
  const T* data = kept(ctx, input, b, k, n, kOrderPanels, width * k, after, [&](T* to) {
    const KBlocks blocks = k_blocks(k);
    parallel_range(ctx, blocks.count * panels, 4, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t at = unit / panels * blocks.size, count = k - at < blocks.size ? k - at : blocks.size;
        const int64_t j = unit % panels * kTileCols<T>, cols = n - j < kTileCols<T> ? n - j : kTileCols<T>;
        b.pack(to + at * width + j * count, at, count, j, cols);
      }
    });
  });
  return {data, width};
}

}  // namespace chainrule::CR_ISA
