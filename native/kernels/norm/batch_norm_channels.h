#pragma once
// Channels of x [N, C, S], and sums over one of them: the runs of a channel lie apart.
#include "kernels/norm/batch_norm_rows.h"

namespace chainrule::CR_ISA {

/// Channels whose rows are shorter than this are gathered first, a group of them together.
inline constexpr int64_t kShortestChannelRow = 16;
inline constexpr int64_t kChannelGroup = 16;

struct Channels {
  int64_t batch, channels, inner;
};
CR_INLINE bool by_rows(const Channels& k) { return k.inner == 1 && k.channels > 1 && k.batch > 0; }
CR_INLINE Channels channels_of(const TensorView& x) {
  CR_CHECK(x.rank == 3);
  const Channels k = {x.shape[0], x.shape[1], x.shape[2]};
  CR_CHECK((k.inner <= 1 || x.strides[2] == 1) && (k.channels <= 1 || x.strides[1] == k.inner) &&
           (k.batch <= 1 || x.strides[0] == k.channels * k.inner));
  return k;
}
CR_INLINE void check_like(const TensorView& view, const Channels& k) {
  const Channels own = channels_of(view);
  CR_CHECK(own.batch == k.batch && own.channels == k.channels && own.inner == k.inner);
}
template <class T>
CR_INLINE T* per_channel(const TensorView& view, const Channels& k) {
  CR_CHECK(view.rank == 1 && view.shape[0] == k.channels);
  return static_cast<T*>(view.data);
}

/// The elements of one channel: `runs` rows of `length`, `stride` apart.
template <class T>
struct Channel {
  T* data;
  int64_t runs, length, stride;
};

/// Calls body(channel, operands) for every channel with its rows in each of N operands; the first `Outputs` of them are written.
template <int N, int Outputs, class T, class Body>
CR_INLINE void for_channels(Context& ctx, const Channels& k, T* const (&operands)[N], Body body) {
  if (k.inner >= kShortestChannelRow) {
    parallel_units(ctx, k.channels, [&](int64_t c, int) {
      Channel<T> rows[N];
      for (int n = 0; n < N; ++n) rows[n] = {operands[n] + c * k.inner, k.batch, k.inner, k.channels * k.inner};
      body(c, rows);
    });
    return;
  }
  const int64_t length = k.batch * k.inner;
  parallel_units(ctx, (k.channels + kChannelGroup - 1) / kChannelGroup, [&](int64_t unit, int worker) {
    const int64_t first = unit * kChannelGroup;
    const int64_t group = k.channels - first < kChannelGroup ? k.channels - first : kChannelGroup;
    T* memory = worker_scratch<T>(ctx, worker, N * group * length);
    const auto each = [&](int n, auto copy) {
      for (int64_t b = 0; b < k.batch; ++b) {
        for (int64_t c = 0; c < group; ++c) {
          T* there = operands[n] + (b * k.channels + first + c) * k.inner;
          T* here = memory + (n * group + c) * length + b * k.inner;
          for (int64_t i = 0; i < k.inner; ++i) copy(there[i], here[i]);
        }
      }
    };
    for (int n = Outputs; n < N; ++n) each(n, [](T& there, T& here) { here = there; });
    for (int64_t c = 0; c < group; ++c) {
      Channel<T> rows[N];
      for (int n = 0; n < N; ++n) rows[n] = {memory + (n * group + c) * length, 1, length, length};
      body(first + c, rows);
    }
    for (int n = 0; n < Outputs; ++n) each(n, [](T& there, T& here) { there = here; });
  });
}

/// Sums of what body(i, m) gives for begin..end-1: of the first, and of the first times the second. Op is JoinSum, the order that of
/// sum_two_range.
template <class T, class Body>
CR_INLINE Two<Lanes<T>> sum_products(int64_t begin, int64_t end, Body body) {
  constexpr int parts = Lanes<T>::kParts, lanes = kLanes<T>, groups = 2;
  Two<Lanes<T>> sum[groups] = {};
  const auto add = [&](Two<Lanes<T>>& to, int k, const Two<Vec<T>>& value) CR_INLINE_LAMBDA {
    to.first.part[k] += value.first;
    to.second.part[k] = fma(value.first, value.second, to.second.part[k]);
  };
  int64_t i = begin;
  for (; i + groups * kVirtualLanes <= end; i += groups * kVirtualLanes) {
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
#pragma GCC unroll 8
      for (int k = 0; k < parts; ++k) add(sum[g], k, body(i + g * kVirtualLanes + k * lanes, static_cast<int64_t>(lanes)));
    }
  }
  sum[0] = {join_lanes<JoinSum>(sum[0].first, sum[1].first), join_lanes<JoinSum>(sum[0].second, sum[1].second)};
  while (i < end) {
#pragma GCC unroll 8
    for (int k = 0; k < parts && i < end; ++k, i += lanes) {
      const int64_t left = end - i;
      const Two<Vec<T>> value = body(i, left < lanes ? left : static_cast<int64_t>(lanes));
      const auto counts = lanes_below<Vec<T>>(left);
      add(sum[0], k, {select<Vec<T>>(counts, value.first, Vec<T>{}), select<Vec<T>>(counts, value.second, Vec<T>{})});
    }
  }
  return sum[0];
}
/// The same over all elements of a channel; row_body(r) gives the body of row r.
template <class T, class RowBody>
CR_INLINE Two<T> sum_channel(int64_t runs, int64_t length, RowBody row_body) {
  BlockTree<JoinSum, T> first, second;
  first.pushed = second.pushed = 0;
  for (int64_t r = 0; r < runs; ++r) {
    const auto body = row_body(r);
    for (int64_t start = 0; start < length; start += kBlockElements) {
      const Two<Lanes<T>> block = sum_products<T>(start, length - start < kBlockElements ? length : start + kBlockElements, body);
      tree_push(first, block.first);
      tree_push(second, block.second);
    }
  }
  return {fold_lanes<JoinSum, T>(tree_total(first)), fold_lanes<JoinSum, T>(tree_total(second))};
}

}  // namespace chainrule::CR_ISA
