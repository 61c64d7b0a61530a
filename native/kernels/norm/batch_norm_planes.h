#pragma once
// Batch normalisation of x [N, C, S] in the order of memory, plane by plane, whatever channel they belong to: sums over all channels side
// by side, then what becomes of the elements.
#include "kernels/norm/batch_norm_channels.h"
#include "kernels/norm/write_row.h"

namespace chainrule::CR_ISA {

CR_INLINE int64_t blocks_of_plane(const Channels& k) { return (k.inner + kBlockElements - 1) / kBlockElements; }

/// Channels that are summed together where planes are short: their planes of one image are read in one run.
inline constexpr int64_t kChannelsTogether = 16;

/// Whether the lanes of sums are few beside what they sum, so that all of them may be kept: at most a quarter of x.
template <class T>
CR_INLINE bool are_long_planes(const Channels& k) {
  return k.inner * static_cast<int64_t>(sizeof(T)) >= 4 * static_cast<int64_t>(sizeof(Two<Lanes<T>>));
}
/// Whether x is visited in the order of memory; otherwise channel by channel. Short planes: with AVX-512 that was not measured.
template <class T>
CR_INLINE bool by_planes(const Channels& k) {
  if (k.batch < 2) return false;
  if (!are_long_planes<T>(k)) return kVecBytes != 64 && k.inner >= kShortestChannelRow;
  return k.batch * k.channels * blocks_of_plane(k) * static_cast<int64_t>(sizeof(Two<Lanes<T>>)) <= kMostPlaneLanes;
}

/// The trees of a channel's two sums.
template <class T>
struct ChannelTrees {
  BlockTree<JoinSum, T> first, second;

  void push(const Two<Lanes<T>>& block) {
    tree_push(first, block.first);
    tree_push(second, block.second);
  }
  [[nodiscard]] Two<T> total() const { return {fold_lanes<JoinSum, T>(tree_total(first)), fold_lanes<JoinSum, T>(tree_total(second))}; }
};

/// sum_planes of short planes: a few channels at a time, image by image, each with its trees as far as they have grown.
template <class T, class PlaneBody>
CR_INLINE void sum_short_planes(Context& ctx, const Channels& k, Two<T>* sums, PlaneBody plane_body) {
  parallel_units(ctx, (k.channels + kChannelsTogether - 1) / kChannelsTogether, [&](int64_t unit, int worker) {
    const int64_t first = unit * kChannelsTogether;
    const int64_t count = k.channels - first < kChannelsTogether ? k.channels - first : kChannelsTogether;
    auto* trees = worker_scratch<ChannelTrees<T>>(ctx, worker, count);
    for (int64_t c = 0; c < count; ++c) trees[c].first.pushed = trees[c].second.pushed = 0;
    for (int64_t item = 0; item < k.batch; ++item) {
      for (int64_t c = 0; c < count; ++c) {
        const auto body = plane_body((item * k.channels + first + c) * k.inner, first + c);
        trees[c].push(sum_products<T>(0, k.inner, body));
      }
    }
    for (int64_t c = 0; c < count; ++c) sums[first + c] = trees[c].total();
  });
}

/// sums[c] is what sum_channel gives for channel c; plane_body(at, c) gives the body of its plane that begins at element `at`.
template <class T, class PlaneBody>
CR_INLINE void sum_planes(Context& ctx, const Channels& k, Two<T>* sums, PlaneBody plane_body) {
  if (!are_long_planes<T>(k)) return sum_short_planes(ctx, k, sums, plane_body);
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
      ChannelTrees<T> trees;
      trees.first.pushed = trees.second.pushed = 0;
      for (int64_t i = 0; i < each; ++i) trees.push(parts[c * each + i]);
      sums[c] = trees.total();
    }
  });
}

/// y[at + i] = f(i, m), where plane_body(at, c) gives the f of channel c's plane that begins at element `at`; past the caches where they
/// could not hold y.
template <class T, class PlaneBody>
CR_INLINE void map_planes(Context& ctx, const Channels& k, T* y, PlaneBody plane_body) {
  const int64_t planes = k.batch * k.channels, bytes = k.inner * static_cast<int64_t>(sizeof(T));
  const bool streamed = is_streamed<T>(planes, k.inner) && bytes % kCacheLine == 0;
  // The last vector may reach into the next plane, which is written afterwards: a part of a vector is stored in pieces with AVX2.
  constexpr int64_t lanes = kVecBytes == 64 ? 1 : kLanes<T>;
  const int64_t whole = (k.inner + lanes - 1) / lanes * lanes;
  parallel_range(ctx, planes, kRowsGrain / (k.inner + 16) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin, c = begin % k.channels; plane < end; ++plane, c = c + 1 < k.channels ? c + 1 : 0) {
      const int64_t at = plane * k.inner;
      const int64_t left = (end - plane) * k.inner;
      write_row(y + at, whole < left ? whole : left, streamed, plane_body(at, c));
    }
    if (streamed) stream_fence();
  });
}

}  // namespace chainrule::CR_ISA
