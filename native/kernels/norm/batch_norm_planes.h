#pragma once
// Batch normalisation of x [N, C, S] in the order of memory, plane by plane, whatever channel they belong to: sums over all channels side
// by side, then what becomes of the elements.
#include "kernels/norm/batch_norm_channels.h"
#include "kernels/norm/write_row.h"

namespace chainrule::CR_ISA {

CR_INLINE int64_t blocks_of_plane(const Channels& k) { return (k.inner + kBlockElements - 1) / kBlockElements; }

/// Whether planes are large enough, and the lanes of their sums few: at most a quarter of x. The others go channel by channel.
template <class T>
CR_INLINE bool by_planes(const Channels& k) {
  constexpr int64_t lanes = sizeof(Two<Lanes<T>>);
  if (k.batch < 2 || k.inner * static_cast<int64_t>(sizeof(T)) < 4 * lanes) return false;
  return k.batch * k.channels * blocks_of_plane(k) * lanes <= kMostPlaneLanes;
}

/// sums[c] is what sum_channel gives for channel c; plane_body(at, c) gives the body of its plane that begins at element `at`.
template <class T, class PlaneBody>
CR_INLINE void sum_planes(Context& ctx, const Channels& k, Two<T>* sums, PlaneBody plane_body) {
  const int64_t blocks = blocks_of_plane(k), each = k.batch * blocks;
  auto* parts = scratch<Two<Lanes<T>>>(ctx, k.channels * each);
  parallel_range(ctx, k.batch * k.channels, kRowsGrain / k.inner + 1, [&](int64_t begin, int64_t end) {
    int64_t item = begin / k.channels, c = begin % k.channels;
    for (int64_t plane = begin; plane < end; ++plane) {
      const auto body = plane_body(plane * k.inner, c);
      Two<Lanes<T>>* own = parts + c * each + item * blocks;
      for (int64_t start = 0; start < k.inner; start += kBlockElements) {
        *own++ = sum_products<T>(start, k.inner - start < kBlockElements ? k.inner : start + kBlockElements, body);
      }
      if (++c < k.channels) continue;
      c = 0;
      ++item;
    }
  });
  parallel_range(ctx, k.channels, kRowsGrain / (2 * kVirtualLanes * each) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      BlockTree<JoinSum, T> first, second;
      first.pushed = second.pushed = 0;
      for (int64_t i = 0; i < each; ++i) {
        tree_push(first, parts[c * each + i].first);
        tree_push(second, parts[c * each + i].second);
      }
      sums[c] = {fold_lanes<JoinSum, T>(tree_total(first)), fold_lanes<JoinSum, T>(tree_total(second))};
    }
  });
}

/// y[at + i] = f(i, m), where plane_body(at, c) gives the f of channel c's plane that begins at element `at`; past the caches where they
/// could not hold y.
template <class T, class PlaneBody>
CR_INLINE void map_planes(Context& ctx, const Channels& k, T* y, PlaneBody plane_body) {
  const int64_t planes = k.batch * k.channels, bytes = k.inner * static_cast<int64_t>(sizeof(T));
  const bool streamed = is_streamed<T>(planes, k.inner) && bytes % kCacheLine == 0;
  parallel_range(ctx, planes, kRowsGrain / (k.inner + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin, c = begin % k.channels; plane < end; ++plane, c = c + 1 < k.channels ? c + 1 : 0) {
      const int64_t at = plane * k.inner;
      write_row(y + at, k.inner, streamed, plane_body(at, c));
    }
    if (streamed) stream_fence();
  });
}

}  // namespace chainrule::CR_ISA
