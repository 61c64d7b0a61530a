// y[..., k, ...] = x[..., index[..., k, ...], ...]. An index that is constant along the row (embedding, indexSelect: stride 0) copies runs.
#include "simd/gather.h"
#include "kernels/elementwise/tile_copy.h"
#include "kernels/index/lines.h"
#include "simd/stream.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kPiece = 64;                     // positions between two requests for what comes next
inline constexpr int64_t kRowsAhead = 4;                  // rows asked for before they are copied
inline constexpr int64_t kNearTable = int64_t{1} << 20;   // bytes; L2 has it, or may have it
inline constexpr int64_t kSmallTable = int64_t{1} << 18;  // bytes; not worth asking ahead for

/// What all ways to gather need: the loop over y, index and x without the axis, and x's axis.
template <class T, class I>
struct Gather {
  Loop<3> loop;
  T* y;
  const I* index;
  const T* x;
  int64_t size, step;  // of x along the axis
  int32_t axis;
  const TensorView* index_view;

  [[nodiscard]] int64_t stride(int operand) const { return loop.strides[operand][loop.rank - 1]; }
  /// Throws if one of n positions, `at` elements into y, is out of range.
  void check(const I* position, int64_t stride, int64_t n, int64_t at, int64_t elements) const {
    check_positions(position, stride, n, size,
                    [&](int64_t k, int64_t i) { fail_index(k, axis, size, own_number(*index_view, at + i * elements)); });
  }
};

/// to[i] = from[i], with as much of `next` asked for on the way: evenly, for few requests at a time can wait for memory.
template <class T>
CR_INLINE void copy_row(T* to, const T* from, const T* next, int64_t n, bool stream) {
  constexpr int64_t piece = 256 / static_cast<int64_t>(sizeof(T));
  if (n <= piece && !stream) {
    if (next != nullptr) prefetch_run(next, n * static_cast<int64_t>(sizeof(T)));
    return copy_contiguous(to, from, n);
  }
  for (int64_t i = 0, count; i < n; i += count) {
    const int64_t whole = i == 0 ? to_next_line(to, n) + piece : piece;  // later pieces begin with a line of y
    count = n - i < whole ? n - i : whole;
    if (next != nullptr) prefetch_run(next + i, count * static_cast<int64_t>(sizeof(T)));
    if (stream) {
      stream_copy(to + i, from + i, count);
    } else {
      copy_contiguous(to + i, from + i, count);
    }
  }
}

/// body(w) with a word w of which copy_ends makes a run of so many bytes; false where there is none.
template <class Body>
CR_INLINE bool with_end(int64_t bytes, Body body) {
  constexpr int kMiddle = kVecBytes < 32 ? 16 : 32;
  if (bytes < 4 || bytes > 2 * kVecBytes) return false;
  if (bytes <= 8) {
    body(uint32_t{});
  } else if (bytes <= 16) {
    body(uint64_t{});
  } else if (kVecBytes == 16 || bytes <= 32) {
    body(typename VecType<uint64_t, 16>::type{});
  } else if (bytes <= 64) {
    body(typename VecType<uint64_t, kMiddle>::type{});
  } else {
    body(VB{});
  }
  return true;
}

/// Each position names a run of elements (embedding, indexSelect): one row of y. Rows are asked for ahead, as no prefetcher guesses them.
template <class T, class I>
CR_INLINE void gather_rows(Context& ctx, const Gather<T, I>& g) {
  const int64_t rows = g.loop.shape[0], n = g.loop.shape[1], bytes = n * static_cast<int64_t>(sizeof(T));
  const int64_t *sy = g.loop.strides[0], *si = g.loop.strides[1], *sx = g.loop.strides[2];
  const bool stream = 2 * rows * bytes >= kStreamBytes, ahead = g.size * bytes > kSmallTable;
  const auto source = [&](int64_t r) { return g.x + r * sx[0] + g.index[r * si[0]] * g.step; };
  parallel_range(ctx, rows, (stream ? 4 : 1) * kGrainElements / (n + 1) + 1, [&](int64_t begin, int64_t end) {
    g.check(g.index + begin * si[0], si[0], end - begin, begin * n, n);
    // Rows of at most two vectors, from near, are so few instructions that many of them wait together: no need to ask ahead.
    const auto copy_all = [&](auto word) {
      for (int64_t r = begin; r < end; ++r) {
        copy_ends<decltype(word)>(reinterpret_cast<char*>(g.y + r * sy[0]), reinterpret_cast<const char*>(source(r)), bytes);
      }
    };
    if (!stream && g.size * bytes <= kNearTable && with_end(bytes, copy_all)) return;
    for (int64_t r = begin; r < end; ++r) {
      copy_row(g.y + r * sy[0], source(r), ahead && r + kRowsAhead < end ? source(r + kRowsAhead) : nullptr, n, stream);
    }
    if (stream) stream_fence();
  });
}

/// Each element has a position of its own, on contiguous lines: y[i] = x[position[i]]. Where most of a line of x is wanted, the next one is
/// asked for.
template <class T, class I>
CR_INLINE void gather_line(const Gather<T, I>& g, T* y, const T* x, const I* position, int64_t n, int64_t at) {
  constexpr int64_t line = kCacheLine / static_cast<int64_t>(sizeof(T));
  const T* next = g.loop.rank > 1 && n * line >= g.size ? x + g.loop.strides[2][g.loop.rank - 2] : x;
  const int64_t fetch = next == x ? 0 : ((g.size * kPiece / n + line - 1) / line) * kCacheLine;  // bytes a piece
  const char* asked = reinterpret_cast<const char*>(next);
  for (int64_t done = 0; done < n; done += kPiece, asked += fetch) {
    const int64_t count = n - done < kPiece ? n - done : kPiece;
    prefetch_run(asked, fetch);
    if (!gather_run(y + done, x, position + done, count, g.size)) g.check(position + done, 1, count, at + done, 1);
  }
}

/// Any strides.
template <class T, class I>
CR_INLINE void gather_each(const Gather<T, I>& g, T* y, const T* x, const I* position, int64_t n, int64_t at) {
  const int64_t sy = g.stride(0), si = g.stride(1), sx = g.stride(2);
  if (si == 0) {
    g.check(position, 0, 1, at, 1);
    const T* from = x + *position * g.step;
    if (sy == 1) return pack_run(y, from, sx, n);
    for (int64_t i = 0; i < n; ++i) y[i * sy] = from[i * sx];
    return;
  }
  for (int64_t done = 0; done < n; done += kTile) {
    const int64_t end = n - done < kTile ? n : done + kTile;
    g.check(position + done * si, si, end - done, at + done, 1);
    for (int64_t i = done; i < end; ++i) y[i * sy] = x[i * sx + position[i * si] * g.step];
  }
}

template <class T, class I>
void gather_typed(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &index = args.in[1], &y = args.out[0];
  const int32_t axis = axis_param(x, args.params[0]);
  CR_CHECK(x.rank == y.rank && index.rank == y.rank);
  TensorView rest = x;  // x without the axis, in y's shape
  for (int32_t d = 0; d < y.rank; ++d) {
    CR_CHECK(index.shape[d] == y.shape[d] && (d == axis || y.shape[d] <= x.shape[d]));
    rest.shape[d] = y.shape[d];
  }
  rest.strides[axis] = 0;
  const Gather<T, I> g{make_loop<3>({&y, &index, &rest}),
                       static_cast<T*>(y.data),
                       static_cast<const I*>(index.data),
                       static_cast<const T*>(x.data),
                       x.shape[axis],
                       x.strides[axis],
                       axis,
                       &index};
  const bool lines = g.stride(0) == 1 && g.stride(1) == 1 && g.stride(2) == 0 && g.step == 1;
  if (g.loop.rank == 2 && g.stride(0) == 1 && g.stride(1) == 0 && g.stride(2) == 1) return gather_rows(ctx, g);
  parallel_even(ctx, element_count(g.loop), kGrainElements, [&](int64_t begin, int64_t end) {
    int64_t at = begin;
    walk(g.loop, begin, end, [&](const int64_t* offsets, int64_t n) {
      if (lines) {
        gather_line(g, g.y + offsets[0], g.x + offsets[2], g.index + offsets[1], n, at);
      } else {
        gather_each(g, g.y + offsets[0], g.x + offsets[2], g.index + offsets[1], n, at);
      }
      at += n;
    });
  });
}

template <class T>
void gather(Context& ctx, const Args& args) {
  with_index_type(args.in[1].dtype, [&](auto i) { gather_typed<T, decltype(i)>(ctx, args); });
}

CR_REGISTER(gather, (kernel_set(Registration{"gather", DType::f32, kIsa, "TI>T", "axis", &gather<uint32_t>},
                                Registration{"gather", DType::f64, kIsa, "TI>T", "axis", &gather<uint64_t>},
                                Registration{"gather", DType::i32, kIsa, "TI>T", "axis", &gather<uint32_t>},
                                Registration{"gather", DType::i64, kIsa, "TI>T", "axis", &gather<uint64_t>},
                                Registration{"gather", DType::u8, kIsa, "TI>T", "axis", &gather<uint8_t>},
                                Registration{"gather", DType::boolean, kIsa, "TI>T", "axis", &gather<uint8_t>})));

}  // namespace chainrule::CR_ISA
