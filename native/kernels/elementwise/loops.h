#pragma once
// The loops of all elementwise kernels, written once: any strides, any broadcasting, vector body and tail.
//
// Operands are brought to one iteration space (dimensions of size 1 dropped, neighbours merged where every operand allows it). The
// innermost dimension is walked in tiles; an operand that is not contiguous there is gathered into a tile buffer first, so that there is a
// single vector loop and results do not depend on the layout.
#include "core/error.h"
#include "simd/parallel.h"
#include "simd/vec.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kTile = 512;             // elements; a handful of f64 tiles fit L1
inline constexpr int64_t kGrainElements = 32768;  // per unit of work: a few microseconds, well above the price of a fork

/// Into how many parts work of n elements is cut, at most `grain` in each: as many for each of two, four or eight threads, so that they
/// finish together.
CR_INLINE int64_t even_units(int64_t n, int64_t grain) {
  const int64_t units = (n + grain - 1) / grain, multiple = units > 4 ? 8 : units > 2 ? 4 : units > 1 ? 2 : 1;
  return (units + multiple - 1) / multiple * multiple;
}

/// As parallel_range, in even_units of about equal length (multiples of 64). For work whose results do not depend on where it is cut; the
/// cut depends on n and grain alone all the same.
template <class Body>
CR_INLINE void parallel_even(Context& ctx, int64_t n, int64_t grain, Body body) {
  const int64_t units = even_units(n, grain);
  if (units <= 1) return parallel_range(ctx, n, grain, body);
  parallel_range(ctx, n, ((n + units - 1) / units + 63) / 64 * 64, body);
}

/// The common iteration space of N operands; the last dimension is the innermost.
template <int N>
struct Loop {
  int32_t rank;
  int64_t shape[kMaxRank];
  int64_t strides[N][kMaxRank];
};

/// Strides of `view` when it is broadcast to `shape` (aligned at the last axis).
CR_INLINE int64_t broadcast_stride(const TensorView& view, int32_t rank, int32_t d) {
  const int32_t own = d - (rank - view.rank);
  return own < 0 || view.shape[own] == 1 ? 0 : view.strides[own];
}

/// Builds the loop for `views`, the first of which is the output and has the full shape.
template <int N>
CR_INLINE Loop<N> make_loop(const TensorView* const (&views)[N]) {
  const TensorView& full = *views[0];
  Loop<N> loop;
  loop.rank = 0;
  for (int32_t d = 0; d < full.rank; ++d) {
    for (int n = 1; n < N; ++n) {
      const int32_t own = d - (full.rank - views[n]->rank);
      CR_CHECK(views[n]->rank <= full.rank && (own < 0 || views[n]->shape[own] == 1 || views[n]->shape[own] == full.shape[d]));
    }
    if (full.shape[d] == 1) continue;
    bool merge = loop.rank > 0;
    for (int n = 0; n < N && merge; ++n) {
      merge = loop.strides[n][loop.rank - 1] == broadcast_stride(*views[n], full.rank, d) * full.shape[d];
    }
    if (merge) {
      loop.shape[loop.rank - 1] *= full.shape[d];
    } else {
      loop.shape[loop.rank++] = full.shape[d];
    }
    for (int n = 0; n < N; ++n) loop.strides[n][loop.rank - 1] = broadcast_stride(*views[n], full.rank, d);
  }
  if (loop.rank == 0) {
    loop.rank = 1;
    loop.shape[0] = 1;
    for (int n = 0; n < N; ++n) loop.strides[n][0] = 1;
  }
  return loop;
}

/// Calls row(offsets, begin, count) for pieces of the innermost dimension that together cover elements [begin, end) of the loop in order;
/// offsets[n] is operand n's element offset of the piece's first element.
template <int N, class Row>
CR_INLINE void walk(const Loop<N>& loop, int64_t begin, int64_t end, Row row) {
  const int32_t last = loop.rank - 1;
  const int64_t inner = loop.shape[last];
  int64_t index[kMaxRank], offsets[N] = {};
  int64_t rest = begin;
  for (int32_t d = last; d >= 0; --d) {
    index[d] = rest % loop.shape[d];
    rest /= loop.shape[d];
    for (int n = 0; n < N; ++n) offsets[n] += index[d] * loop.strides[n][d];
  }
  for (int64_t at = begin; at < end;) {
    const int64_t count = inner - index[last] < end - at ? inner - index[last] : end - at;
    row(static_cast<const int64_t*>(offsets), count);
    at += count;
    for (int n = 0; n < N; ++n) offsets[n] -= index[last] * loop.strides[n][last];
    index[last] = 0;
    for (int32_t d = last - 1; d >= 0; --d) {
      const bool more = ++index[d] < loop.shape[d];
      for (int n = 0; n < N; ++n) offsets[n] += (more ? 1 : 1 - loop.shape[d]) * loop.strides[n][d];
      if (more) break;
      index[d] = 0;
    }
  }
}

template <int N>
CR_INLINE int64_t element_count(const Loop<N>& loop) {
  int64_t count = 1;
  for (int32_t d = 0; d < loop.rank; ++d) count *= loop.shape[d];
  return count;
}

/// `count` elements from p with the given stride, contiguous: p itself, or a copy in `buffer`.
template <class T>
CR_INLINE const T* as_contiguous(const T* p, int64_t stride, int64_t count, T* buffer) {
  if (stride == 1) return p;
  if (stride == 0) {
    const T value = *p;
    for (int64_t i = 0; i < count; ++i) buffer[i] = value;
  } else {
    for (int64_t i = 0; i < count; ++i) buffer[i] = p[i * stride];
  }
  return buffer;
}

}  // namespace chainrule::CR_ISA
