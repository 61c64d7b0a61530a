#pragma once
// Batch normalisation of x [N, C] (or [N, C, 1]): channels lie side by side, so that rows are read in order and every lane is a channel.
#include "kernels/reduce/reduce.h"

namespace chainrule::CR_ISA {

/// Rows that are added one after the other, and the largest number of sums that rows are cut into.
inline constexpr int64_t kSumRows = 128;
inline constexpr int64_t kMostParts = 64;
inline constexpr int64_t kRowsGrain = 32768;

struct ChannelSquares : JoinSquares {
  template <class V>
  static V map(V x, V c) {
    return x - c;
  }
  template <class V>
  static V finish(V sum, V count, V) {
    return sum / count;
  }
};

/// A contiguous matrix, or its column sums.
CR_INLINE TensorView matrix_view(const TensorView& like, void* data, int64_t rows, int64_t columns) {
  TensorView view = like;
  view.data = data;
  view.rank = 2;
  view.shape[0] = rows;
  view.shape[1] = columns;
  view.strides[0] = columns;
  view.strides[1] = 1;
  return view;
}

/// Means and (biased) variances of the columns of x [n, channels], n > 0 and channels > 1.
template <class T>
CR_INLINE void column_moments(Context& ctx, const TensorView& x, int64_t n, int64_t channels, T* means, T* variances) {
  const TensorView rows = matrix_view(x, x.data, n, channels);
  const TensorView mean = matrix_view(x, means, 1, channels), variance = matrix_view(x, variances, 1, channels);
  reduce_columns<Mean>(ctx, make_reduction(rows, nullptr, mean), static_cast<const T*>(x.data), static_cast<const T*>(nullptr), means);
  reduce_columns<ChannelSquares>(ctx, make_reduction(rows, &mean, variance), static_cast<const T*>(x.data), static_cast<const T*>(means),
                                 variances);
}

/// What a channel's elements become: y = (x - centre) slope + level.
template <class T>
struct ChannelLines {
  const T *centre, *slope, *level;
};

/// y = (x - centre) slope + level for rows [n, channels].
template <class T>
CR_INLINE void map_channels(Context& ctx, const T* x, int64_t n, int64_t channels, const ChannelLines<T>& k, T* y) {
  parallel_range(ctx, n, kRowsGrain / (channels + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * channels;
      map_row(y + row * channels, channels, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
        return fma(load_some(from + i, m) - load_some(k.centre + i, m), load_some(k.slope + i, m), load_some(k.level + i, m));
      });
    }
  });
}

/// first += g and second += g (x - centre) over `rows` (1 or 4) rows of `channels` columns.
template <int Rows, class T>
CR_INLINE void add_cotangents(const T* g, const T* x, const T* centre, int64_t channels, T* first, T* second) {
  const auto visit = [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
    Vec<T> a = load_some(first + i, m), b = load_some(second + i, m);
    const Vec<T> c = load_some(centre + i, m);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const Vec<T> cotangent = load_some(g + r * channels + i, m);
      a += cotangent;
      b = fma(cotangent, load_some(x + r * channels + i, m) - c, b);
    }
    store_some(first + i, a, m);
    store_some(second + i, b, m);
  };
  int64_t i = 0;
  for (; i + kLanes<T> <= channels; i += kLanes<T>) visit(i, kLanes<T>);
  if (i < channels) visit(i, channels - i);
}

template <class T>
CR_INLINE void add_into(T* a, const T* b, int64_t n) {
  map_row(a, n, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA { return load_some(a + i, m) + load_some(b + i, m); });
}

/// Sums over all rows of g, and behind them of g (x - centre): [2, channels], in scratch. Rows are cut into at most kMostParts parts, each
/// with sums of its own; those of kSumRows rows are summed first, and parts in a tree.
template <class T>
CR_INLINE T* cotangent_sums(Context& ctx, const T* g, const T* x, const T* centre, int64_t n, int64_t channels) {
  const int64_t small = kRowsGrain / (channels + 16) + 1, share = (n + kMostParts - 1) / kMostParts;
  const int64_t per_part = small > share ? small : share, parts = (n + per_part - 1) / per_part, width = 2 * channels;
  T* sums = scratch<T>(ctx, (parts > 0 ? parts : 1) * width);
  std::memset(sums, 0, static_cast<size_t>(width) * sizeof(T));
  parallel_units(ctx, parts, [&](int64_t part, int worker) {
    T* total = sums + part * width;
    T* block = worker_scratch<T>(ctx, worker, width);
    std::memset(total, 0, static_cast<size_t>(width) * sizeof(T));
    const int64_t end = (part + 1) * per_part < n ? (part + 1) * per_part : n;
    for (int64_t first = part * per_part; first < end; first += kSumRows) {
      std::memset(block, 0, static_cast<size_t>(width) * sizeof(T));
      const int64_t last = first + kSumRows < end ? first + kSumRows : end;
      int64_t row = first;
      for (; row + 4 <= last; row += 4)
        add_cotangents<4>(g + row * channels, x + row * channels, centre, channels, block, block + channels);
      for (; row < last; ++row) add_cotangents<1>(g + row * channels, x + row * channels, centre, channels, block, block + channels);
      add_into(total, block, width);
    }
  });
  for (int64_t step = 1; step < parts; step *= 2) {
    for (int64_t part = 0; part + step < parts; part += 2 * step) add_into(sums + part * width, sums + (part + step) * width, width);
  }
  return sums;
}

/// dx = scale ((g - level) - (x - centre) slope) for rows [n, channels].
template <class T>
CR_INLINE void map_cotangents(Context& ctx, const T* g, const T* x, int64_t n, int64_t channels, const ChannelLines<T>& k, const T* scale,
                              T* dx) {
  parallel_range(ctx, n, kRowsGrain / (channels + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *a = g + row * channels, *b = x + row * channels;
      map_row(dx + row * channels, channels, [=](int64_t i, int64_t m) CR_INLINE_LAMBDA {
        const Vec<T> slanted = (load_some(b + i, m) - load_some(k.centre + i, m)) * load_some(k.slope + i, m);
        return load_some(scale + i, m) * ((load_some(a + i, m) - load_some(k.level + i, m)) - slanted);
      });
    }
  });
}

}  // namespace chainrule::CR_ISA
