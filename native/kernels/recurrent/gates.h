#pragma once
// What LSTM and GRU share: a step goes by groups of hidden units. The product of the state with a group's part of the weight, its gates
// side by side, is a small matrix that is still in L1 when the gates' functions are applied to it; the sequences themselves, whose rows
// may lie so far apart that they compete for the same cache sets, are read and written once.
#include "kernels/recurrent/sequence.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

/// Hidden units of a group, in whole panels: four gates of them are a chunk of B (blocked.h).
template <class T>
inline constexpr int64_t kGroupUnits = 64 / kTileCols<T>* kTileCols<T>;

/// Units of the group that begins with unit `first` of n.
template <class T>
CR_INLINE int64_t group_width(int64_t first, int64_t n) {
  return min_of(kGroupUnits<T>, n - first);
}

/// A state's rows are padded: they begin in different cache sets, and in whole vectors.
template <class T>
CR_INLINE int64_t padded(int64_t n) {
  return ceil_div(n, kLanes<T>) * kLanes<T> + 64 / static_cast<int64_t>(sizeof(T));
}

/// Columns first.. of B, k terms each, into a panel.
template <class T>
CR_INLINE void pack_some(const StridedB<T>& b, int64_t k, int64_t first, int64_t count, T* to) {
  const T* from = b.data + first * b.col;
  if (b.row == 1) return pack_transposed(from, b.col, k, count, to, kTileCols<T>);
  for (int64_t r = 0; r < k; ++r) {
    for (int64_t c = 0; c < count; ++c) to[r * kTileCols<T> + c] = from[r * b.row + c * b.col];
  }
}

/// The right factor W^T [n, gates n] packed whole, as pack_whole does, its columns in the order of the groups: of each group all gates one
/// after the other. The group of unit j begins with column gates j.
template <class T>
PackedB<T> pack_gates(Context& ctx, const StridedB<T>& b, int64_t n, int64_t gates) {
  const int64_t cols = gates * n, panels = ceil_div(cols, kTileCols<T>);
  T* data = scratch<T>(ctx, max_of(1, panels * n * kTileCols<T>));
  parallel_range(ctx, panels, 4, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      T* panel = data + p * n * kTileCols<T>;
      const int64_t first = p * kTileCols<T>, past = min_of(cols, first + kTileCols<T>);
      for (int64_t j = first; j < past;) {
        const int64_t group = j / (gates * kGroupUnits<T>)*kGroupUnits<T>, width = group_width<T>(group, n), inside = j - gates * group;
        const int64_t gate = inside / width, unit = inside % width, count = min_of(past - j, width - unit);
        pack_some(b, n, gate * n + group + unit, count, panel + j - first);
        j += count;
      }
      zero_columns(panel, kTileCols<T>, n, past - first);
    }
  });
  return {data, n};
}

inline constexpr int64_t kAskRows = 3;  // so many rows before its turn, what a row holds of the gates is asked for

/// A block of rows on its way through the steps.
template <class T>
struct Steps {
  T *now, *next;  // the state before a step and after it, [rows, padded]
  T* sums;        // [rows, gates of one group]
  T* buffer;
  int64_t rows, row, hidden, gates;

  Steps(T* room, int64_t height, int64_t units, int64_t count) : rows(height), row(padded<T>(units)), hidden(units), gates(count) {
    buffer = room;
    now = room + kBlockScratch<T>;
    next = now + rows * row;
    sums = next + rows * row;
  }
  /// Elements that it takes for each row.
  static int64_t each(int64_t units, int64_t count) { return 2 * padded<T>(units) + count * kGroupUnits<T>; }

  void begin(const T* h) { copy(h, hidden, now, row); }
  void end(T* h) const { copy(now, row, h, hidden); }
  void copy(const T* from, int64_t from_row, T* to, int64_t to_row) const {
    for (int64_t b = 0; b < rows; ++b) std::memcpy(to + b * to_row, from + b * from_row, static_cast<size_t>(hidden) * sizeof(T));
  }

  /// One step: early(row, first unit, units) when the gates of these units will soon be needed, and body(row, first unit, units, the row's
  /// sums) after the product of each group. The body writes `next`.
  template <class Early, class Body>
  void take(const PackedB<T>& weight, Early early, Body body) {
    for (int64_t j = 0; j < hidden; j += kGroupUnits<T>) {
      const int64_t width = group_width<T>(j, hidden), cols = gates * width;
      const PackedB<T> part{weight.data + gates * j * hidden, hidden};
      Setting setting;
      setting.far = false;
      for (int64_t b = 0; b < min_of(kAskRows, rows); ++b) early(b, j, width);
      multiply_block(Rect{0, rows, 0, cols}, hidden, StridedA<T>{now, row, 1}, part, StridedC<T>{sums, cols, 1}, buffer, setting);
      for (int64_t b = 0; b < rows; ++b) {
        if (b + kAskRows < rows) early(b + kAskRows, j, width);
        body(b, j, width, sums + b * cols);
      }
    }
    T* const old = now;
    now = next;
    next = old;
  }
};

}  // namespace chainrule::CR_ISA
