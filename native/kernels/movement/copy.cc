// Materializes a strided or broadcast view: y = x, any strides on either side. Where y's rows are x's columns, blocks are transposed in
// registers, so that both sides are touched a whole line of cache at a time.
#include "kernels/elementwise/loops.h"
#include "simd/shuffle.h"

namespace chainrule::CR_ISA {

/// Element types are moved as unsigned integers of their width.
template <class T>
inline constexpr int64_t kBlock = sizeof(T) == 1 ? 16 : kLanes<T>;
inline constexpr int64_t kCopyTile = 64;  // rows and columns of a tile: as many pages of memory as the TLB holds

/// to[j * to_stride + i] = from[i * from_stride + j] for a whole block.
template <class T>
CR_INLINE void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int n = static_cast<int>(kBlock<T>);
  if constexpr (sizeof(T) == 1) {
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) to[j * to_stride + i] = from[i * from_stride + j];
    }
  } else {
    Vec<T> rows[n], next[n];
    for (int i = 0; i < n; ++i) rows[i] = load(from + i * from_stride);
    // Interleaving the first half of the rows with the second, log2(n) times, is a transposition.
    for (int width = n; width > 1; width /= 2) {
      for (int i = 0; i < n / 2; ++i) {
        next[2 * i] = zip_low(rows[i], rows[i + n / 2]);
        next[2 * i + 1] = zip_high(rows[i], rows[i + n / 2]);
      }
      for (int i = 0; i < n; ++i) rows[i] = next[i];
    }
    for (int j = 0; j < n; ++j) store(to + j * to_stride, rows[j]);
  }
}

/// The same for `height` rows i and `width` columns j.
template <class T>
CR_INLINE void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t height, int64_t width) {
  constexpr int64_t n = kBlock<T>;
  for (int64_t i = 0; i < height; i += n) {
    for (int64_t j = 0; j < width; j += n) {
      const T* source = from + i * from_stride + j;
      T* target = to + j * to_stride + i;
      if (height - i >= n && width - j >= n) {
        transpose_block(source, from_stride, target, to_stride);
        continue;
      }
      const int64_t rows = height - i < n ? height - i : n, columns = width - j < n ? width - j : n;
      for (int64_t b = 0; b < columns; ++b) {
        for (int64_t a = 0; a < rows; ++a) target[b * to_stride + a] = source[a * from_stride + b];
      }
    }
  }
}

/// The axis along which x is contiguous, when y's innermost one is another and both are long enough for blocks; -1 otherwise.
template <class T>
CR_INLINE int32_t transposed_axis(const Loop<2>& loop) {
  const int32_t last = loop.rank - 1;
  if (loop.strides[0][last] != 1 || loop.strides[1][last] == 1 || loop.shape[last] < kBlock<T>) return -1;
  for (int32_t d = 0; d < last; ++d) {
    if (loop.strides[1][d] == 1 && loop.shape[d] >= kBlock<T>) return d;
  }
  return -1;
}

template <class T>
CR_INLINE void copy_transposed(Context& ctx, const Loop<2>& loop, int32_t axis, T* y, const T* x) {
  const int32_t last = loop.rank - 1;
  const int64_t height = loop.shape[last], width = loop.shape[axis];
  const int64_t tall = (height + kCopyTile - 1) / kCopyTile, wide = (width + kCopyTile - 1) / kCopyTile;
  int64_t others = 1;
  for (int32_t d = 0; d < last; ++d) others *= d == axis ? 1 : loop.shape[d];
  parallel_range(ctx, others * tall * wide, kGrainElements / (kCopyTile * kCopyTile), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t i = tile % tall * kCopyTile, j = tile / tall % wide * kCopyTile;
      int64_t rest = tile / (tall * wide);
      T* to = y + i + j * loop.strides[0][axis];
      const T* from = x + i * loop.strides[1][last] + j;
      for (int32_t d = last - 1; d >= 0; --d) {
        if (d == axis) continue;
        to += rest % loop.shape[d] * loop.strides[0][d];
        from += rest % loop.shape[d] * loop.strides[1][d];
        rest /= loop.shape[d];
      }
      transpose_tile(from, loop.strides[1][last], to, loop.strides[0][axis], height - i < kCopyTile ? height - i : kCopyTile,
                     width - j < kCopyTile ? width - j : kCopyTile);
    }
  });
}

template <class T>
void run_copy(Context& ctx, const Args& args) {
  const auto loop = make_loop<2>({&args.out[0], &args.in[0]});
  T* y = static_cast<T*>(args.out[0].data);
  const T* x = static_cast<const T*>(args.in[0].data);
  if (const int32_t axis = transposed_axis<T>(loop); axis >= 0) return copy_transposed(ctx, loop, axis, y, x);
  const int64_t sy = loop.strides[0][loop.rank - 1], sx = loop.strides[1][loop.rank - 1];
  parallel_range(ctx, element_count(loop), kGrainElements, [&](int64_t begin, int64_t end) {
    walk(loop, begin, end, [&](const int64_t* offsets, int64_t count) {
      T* to = y + offsets[0];
      const T* from = x + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
      } else {
        for (int64_t i = 0; i < count; ++i) to[i * sy] = from[i * sx];
      }
    });
  });
}

CR_REGISTER(copy, (kernel_set(Registration{"copy", DType::f32, kIsa, "T>T", "", &run_copy<uint32_t>},
                              Registration{"copy", DType::f64, kIsa, "T>T", "", &run_copy<uint64_t>},
                              Registration{"copy", DType::i32, kIsa, "T>T", "", &run_copy<uint32_t>},
                              Registration{"copy", DType::i64, kIsa, "T>T", "", &run_copy<uint64_t>},
                              Registration{"copy", DType::u8, kIsa, "T>T", "", &run_copy<uint8_t>},
                              Registration{"copy", DType::i8, kIsa, "T>T", "", &run_copy<uint8_t>},
                              Registration{"copy", DType::boolean, kIsa, "T>T", "", &run_copy<uint8_t>})));

}  // namespace chainrule::CR_ISA
