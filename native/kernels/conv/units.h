#pragma once
// How a gathering product is cut into units of work: windows of the result (images, or rows of one image) x channels. No sum is cut.
#include "kernels/conv/gather_chunks.h"
#include "kernels/conv/rows.h"
#include "simd/parallel.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kFewChannels = 8;
inline constexpr int64_t kFewTaps = 32;

/// Whether the result's pixels are the vectors, not its channels: too few channels to fill them, or sums too short to pay for the strip.
CR_INLINE bool few_channels(int64_t channels, int64_t k) { return channels <= kFewChannels || k <= kFewTaps; }

struct GatherUnits {
  Windows windows;
  bool few, chunks;
  int64_t groups, groups_each, group_parts;
  int64_t channels, channels_each, channel_parts;  // in panels, or in channels when few or in chunks
  int64_t units;
};

inline constexpr int64_t kFewestUnits = 16;
/// Each unit of some of the channels in chunks packs all taps of its window anew, a tenth of the work: they are cut only where workers
/// would have fewer units than this each.
inline constexpr int64_t kChunkUnitsEach = 2;

/// `work`: multiply-adds of one group of one image.
template <class T>
CR_INLINE GatherUnits gather_units(Context& ctx, const Windows& windows, int64_t images, int64_t groups, int64_t channels, bool few,
                                   bool chunks, int64_t work) {
  GatherUnits u{windows, few, chunks, groups, 1, 1, few || chunks ? channels : panel_count<T>(channels), 1, 1, 1};
  const int64_t cuts = windows.image_parts * windows.row_parts;
  const int64_t each = work * images / max_of(1, cuts);  // of one group of a window
  u.groups_each = max_of(1, min_of(min_of(groups, kUnitWork / 8 / max_of(1, each)), ceil_div(cuts * groups, kFewestUnits)));
  u.group_parts = ceil_div(groups, u.groups_each);
  const int64_t workers = worker_count(ctx), fewest = !chunks ? kFewestUnits : workers == 1 ? 1 : kChunkUnitsEach * workers;
  const int64_t wanted = min_of(ceil_div(fewest, max_of(1, cuts * u.group_parts)), each / kUnitWork + 1);
  u.channels_each = ceil_div(u.channels, min_of(wanted, u.channels));
  const int64_t whole = few ? kPixelRows : chunks ? kTileRows : 1;
  u.channels_each = ceil_div(u.channels_each, whole) * whole;
  u.channel_parts = ceil_div(u.channels, u.channels_each);
  u.units = cuts * u.group_parts * u.channel_parts;
  return u;
}

/// Where a window's source rows begin: in the source, and as q of the result.
struct Start {
  int64_t source_row, first_row;
};

/// Runs the product. `planes` describes a window's padded copy of `source`, which has `source_channels` channels in each group; start(row)
/// says where the copy begins when the window begins with row `row` of the result.
template <class T, class StartOf>
CR_INLINE void gather_all(Context& ctx, const GatherUnits& u, const Gather<T>& whole, const TensorView& source, int64_t source_channels,
                          const Planes& planes, StartOf start) {
  const int64_t padded_size = padded_room<T>(u.windows.images_each * whole.image_size);
  const int64_t room = u.few ? runs_room(whole, u.windows.rows_each) : 0, list = static_cast<int64_t>(sizeof(Runs<T>)) + 8 * room;
  const int64_t lists = u.few ? ceil_div(whole.phase_count * list, 64) * 64 : 0;
  parallel_units(ctx, u.units, [&](int64_t unit, int worker) {
    char* memory = worker_scratch<char>(
        ctx, worker, static_cast<int64_t>(sizeof(T)) * (padded_size + (u.chunks ? kTapScratch<T> : kGatherScratch<T>)) + lists);
    T* buffer = reinterpret_cast<T*>(memory + lists);
    T *padded = buffer + kFrontRoom, *strip = buffer + padded_size;
    const int64_t part = unit % u.channel_parts, group_part = unit / u.channel_parts % u.group_parts;
    const Window at = window_at(u.windows, unit / u.channel_parts / u.group_parts);
    const int64_t channel = part * u.channels_each, channel_end = min_of(u.channels, channel + u.channels_each);
    Gather<T> g = whole;
    Planes own = planes;
    const Start begin = start(at.row);
    own.h.first = begin.source_row;
    g.first_row = begin.first_row;
    Runs<T>* runs = reinterpret_cast<Runs<T>*>(memory);
    for (int64_t i = 0; u.few && i < g.phase_count; ++i) {
      runs[i] = make_runs(g, g.phases[i], at.row, at.rows, reinterpret_cast<int64_t*>(runs + g.phase_count) + i * room);
    }
    const int64_t last_group = min_of(u.groups, (group_part + 1) * u.groups_each);
    for (int64_t group = group_part * u.groups_each; group < last_group; ++group) {
      copy_planes(own, source, at.image, at.images, group * source_channels, source_channels, padded);
      T* to = g.data + at.image * g.image + group * g.channels * g.channel;
      if constexpr (kAvx2Tile) {
        if (u.chunks) {
          gather_chunks(g, group, channel, channel_end, at.images, at.row, at.rows, padded, to, strip);
          continue;
        }
      }
      if (u.few) {
        gather_rows(g, runs, group, channel, channel_end, at.images, padded, to, strip);
      } else {
        gather_panels(g, group, channel, channel_end, at.images, at.row, at.rows, padded, to, strip);
      }
    }
  });
}

}  // namespace chainrule::CR_ISA
