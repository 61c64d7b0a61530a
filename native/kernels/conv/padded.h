#pragma once
// A padded copy of a window's input in scratch memory. It turns every convolution into plain address arithmetic: the input of output pixel
// (t, u) for one tap is at a fixed offset from the input of pixel (0, 0), borders and strides included. The copy touches each number once
// where the product reads it once for every tap.
//
// With stride s the copy is split into s x s phase planes (row r of phase a is source row r s + a + first), so that neighbouring output
// pixels read neighbouring elements for any stride.
#include "kernels/conv/geometry.h"
#include "kernels/linalg/gemm/pack.h"
#include "simd/shuffle.h"
#include "simd/transpose.h"

namespace chainrule::CR_ISA {

/// Which source indices the rows (or columns) of the planes hold.
struct PlaneAxis {
  int64_t count, phases, stride, first, in;
};

struct Planes {
  PlaneAxis h, w;
};
CR_INLINE int64_t plane_size(const Planes& p) { return p.h.count * p.w.count; }
/// Elements of one channel, all phases.
CR_INLINE int64_t channel_size(const Planes& p) { return p.h.phases * p.w.phases * plane_size(p); }

/// Elements of scratch for `elements` of padded input: whole cache lines, kFrontRoom before it and room behind it for
/// vectors that reach past the end.
inline constexpr int64_t kFrontRoom = 64;
template <class T>
CR_INLINE int64_t padded_room(int64_t elements) {
  return kFrontRoom + ceil_div(elements + 2 * kTileCols<T>, 16) * 16;
}

/// Planes that `rows` output rows beginning with `row` read in the forward direction.
CR_INLINE PlaneAxis plane_axis(const ConvAxis& a, int64_t row, int64_t rows) {
  return {rows + (a.taps - 1) * a.dilation / a.stride, min_of(a.stride, (a.taps - 1) * a.dilation + 1), a.stride, row * a.stride - a.pad,
          a.in};
}

/// Zeros in to[begin..end), whole vectors at a time: may write past the end.
template <class T>
CR_INLINE void zero_run(T* to, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes<T>) store(to + i, Vec<T>{});
}

/// The even elements of the first half of a's and the odd ones of b's second half: every second element of a run whose end b is.
template <class V, int... I>
CR_INLINE V every_second(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int lanes = static_cast<int>(sizeof...(I));
  return __builtin_shufflevector(a, b, (2 * I < lanes ? 2 * I : 2 * I + 1)...);
}
/// Every second element, the first `count` of them.
template <class T>
CR_INLINE void copy_halves(const T* from, int64_t count, T* to) {
  constexpr int64_t lanes = kLanes<T>;
  if (count < lanes) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[2 * i];
    return;
  }
  for (int64_t i = 0; i + lanes < count; i += lanes) store(to + i, evens(load(from + 2 * i), load(from + 2 * i + lanes)));
  const T* last = from + 2 * (count - lanes);  // the element behind the last one may not be there
  store(to + count - lanes, every_second(load(last), load(last + lanes - 1), std::make_integer_sequence<int, lanes>{}));
}

/// The part of a plane's rows that lies inside the source, for one phase of the columns.
struct RowPart {
  int64_t begin, end;  // elements of the plane
  int64_t first;       // source index of element `begin`
};
CR_INLINE RowPart row_part(const PlaneAxis& w, int64_t phase) {
  const int64_t first = w.first + phase;
  const int64_t begin = min_of(w.count, first >= 0 ? 0 : ceil_div(-first, w.stride));
  return {begin, max_of(begin, min_of(w.count, first >= w.in ? 0 : ceil_div(w.in - first, w.stride))), first + begin * w.stride};
}

/// to[0..count) = a row of the plane; from is the source row, whole vectors can be read before `limit`. May write up to a vector past the
/// end: rows are copied in ascending order, and the copy has room behind it.
template <class T>
CR_INLINE void copy_plane_row(const PlaneAxis& w, const RowPart& part, const T* from, int64_t stride, const T* limit, T* to) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t step = w.stride * stride, end = part.end;
  const T* p = from + part.first * stride;
  int64_t x = part.begin;
  zero_run(to, 0, x);
  if (step == 1 && end - x >= lanes) {
    for (; x + lanes <= end; x += lanes, p += lanes) store(to + x, load(p));
    store(to + end - lanes, load(p + end - lanes - x));
    x = end;
  } else if (step == 1) {
    for (; x < end && p + lanes <= limit; x += lanes, p += lanes) store(to + x, load(p));
  } else if (step == 2) {
    copy_halves(p, end - x, to + x);
    x = end;
  }
  for (; x < end; ++x, p += step) to[x] = *p;
  zero_run(to, end, w.count);
}

/// Whether copy_two_phases can copy the rows of both phases of the columns.
template <class T>
CR_INLINE bool has_two_phases(const PlaneAxis& w, int64_t stride) {
  if (w.stride != 2 || w.phases != 2 || stride != 1 || w.count < kLanes<T>) return false;
  for (int64_t b = 0; b < 2; ++b) {
    const RowPart part = row_part(w, b);
    if (part.end - part.begin < kLanes<T> || part.begin > kLanes<T> || w.count - part.end > kLanes<T>) return false;
  }
  return true;
}
/// The row's elements of both phases, at to and `apart` further on: each pair of vectors is read once. Writes nothing past the ends.
template <class T>
CR_INLINE void copy_two_phases(const PlaneAxis& w, const RowPart (&parts)[2], const T* from, T* to, int64_t apart) {
  constexpr int64_t lanes = kLanes<T>;
  T* phase[2] = {to, to + apart};
  int64_t most[2];
  for (int b = 0; b < 2; ++b) {
    store(phase[b], Vec<T>{});
    store(phase[b] + w.count - lanes, Vec<T>{});
    phase[b] += parts[b].begin;
    most[b] = parts[b].end - parts[b].begin;
  }
  const int low = parts[0].first < parts[1].first ? 0 : 1, high = 1 - low;
  const T* p = from + parts[low].first;
  const int64_t pairs = min_of(most[low], most[high]);
  for (int64_t i = 0; i < pairs; i += lanes) {
    const int64_t at = min_of(i, pairs - lanes);
    const Vec<T> a = load(p + 2 * at), b = load(p + 2 * at + lanes);
    store(phase[low] + at, evens(a, b));
    store(phase[high] + at, odds(a, b));
  }
  for (int64_t i = pairs; i < most[low]; ++i) phase[low][i] = p[2 * i];
  for (int64_t i = pairs; i < most[high]; ++i) phase[high][i] = p[2 * i + 1];
}

/// One past the last element of a view without negative strides; otherwise its first element, as nothing is known of what lies behind.
template <class T>
CR_INLINE const T* view_limit(const TensorView& x) {
  const T* first = static_cast<const T*>(x.data);
  int64_t last = 0;
  for (int32_t d = 0; d < x.rank; ++d) {
    if (x.strides[d] < 0 || x.shape[d] == 0) return first;
    last += (x.shape[d] - 1) * x.strides[d];
  }
  return first + last + 1;
}

/// Calls body(source row or nullptr, to) for each row of a phase's planes; the row is nullptr outside the source.
template <class T, class Body>
CR_INLINE void each_row(const PlaneAxis& h, int64_t phase, const T* from, int64_t stride, int64_t pitch, T* to, Body body) {
  for (int64_t r = 0; r < h.count; ++r, to += pitch) {
    const int64_t row = r * h.stride + phase + h.first;
    body(row >= 0 && row < h.in ? from + row * stride : nullptr, to);
  }
}

/// Copies channels channel..channel+channels of the window's images: to[image][channel][phase h][phase w][row][col].
template <class T>
CR_INLINE void copy_planes(const Planes& p, const TensorView& x, int64_t image, int64_t images, int64_t channel, int64_t channels, T* to) {
  const T* limit = view_limit<T>(x);
  const int64_t pitch = p.w.count, size = plane_size(p), row_stride = x.strides[2], stride = x.strides[3];
  const bool both = has_two_phases<T>(p.w, stride);
  for (int64_t n = image; n < image + images; ++n) {
    for (int64_t c = channel; c < channel + channels; ++c) {
      const T* from = static_cast<const T*>(x.data) + n * x.strides[0] + c * x.strides[1];
      for (int64_t a = 0; a < p.h.phases; ++a, to += p.w.phases * size) {
        if (both) {
          const RowPart parts[2] = {row_part(p.w, 0), row_part(p.w, 1)};
          each_row(p.h, a, from, row_stride, pitch, to, [&](const T* row, T* at) {
            if (row != nullptr) return copy_two_phases(p.w, parts, row, at, size);
            std::memset(at, 0, static_cast<size_t>(pitch) * sizeof(T));
            std::memset(at + size, 0, static_cast<size_t>(pitch) * sizeof(T));
          });
          continue;
        }
        for (int64_t b = 0; b < p.w.phases; ++b) {
          const RowPart part = row_part(p.w, b);
          each_row(p.h, a, from, row_stride, pitch, to + b * size, [&](const T* row, T* at) {
            if (row != nullptr) return copy_plane_row(p.w, part, row, stride, limit, at);
            zero_run(at, 0, pitch);
          });
        }
      }
    }
  }
}

/// A square of vectors: to[k * ld + j] = from[j * stride + k] for j, k < lanes.
template <class T>
CR_INLINE void transpose_vectors(const T* from, int64_t stride, T* to, int64_t ld) {
  constexpr int lanes = kLanes<T>;
  Vec<T> rows[lanes];
  CR_UNROLL for (int j = 0; j < lanes; ++j) rows[j] = load(from + j * stride);
  transpose_square(rows);
  CR_UNROLL for (int k = 0; k < lanes; ++k) store(to + k * ld, rows[k]);
}

/// to[k * ld + j] = from[j * stride + k] for k < ks, j < js: squares of whole vectors, the last of which may overlap the one before.
template <class T>
CR_INLINE void transpose_rows(const T* from, int64_t stride, int64_t ks, int64_t js, T* to, int64_t ld) {
  constexpr int64_t lanes = kLanes<T>;
  if (ks < lanes || js < lanes) return pack_transposed(from, stride, ks, js, to, ld);
  for (int64_t j = 0; j < js; j += lanes) {
    const int64_t at = min_of(j, js - lanes);
    for (int64_t k = 0; k < ks; k += lanes) {
      const int64_t from_k = min_of(k, ks - lanes);
      transpose_vectors(from + at * stride + from_k, stride, to + from_k * ld + at, ld);
    }
  }
}

/// Offset of each k = (channel, kh, kw) in the padded copy, in the forward direction.
CR_INLINE void tap_offsets(const ConvShape& s, const Planes& p, int64_t* offsets) {
  for (int64_t c = 0; c < s.in_channels; ++c) {
    for (int64_t kh = 0; kh < s.h.taps; ++kh) {
      for (int64_t kw = 0; kw < s.w.taps; ++kw) {
        const int64_t dh = kh * s.h.dilation, dw = kw * s.w.dilation;
        const int64_t phase = dh % s.h.stride * p.w.phases + dw % s.w.stride;
        *offsets++ = c * channel_size(p) + phase * plane_size(p) + dh / s.h.stride * p.w.count + dw / s.w.stride;
      }
    }
  }
}

}  // namespace chainrule::CR_ISA
