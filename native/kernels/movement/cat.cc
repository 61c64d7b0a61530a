// Tensors one after the other along an axis, in one pass over the result: its rows are made of pieces, one from each tensor.
#include "kernels/movement/copy.h"

namespace chainrule::CR_ISA {

/// A view as rows: all axes before `axis` together, and what lies behind it in memory as one run.
struct RowView {
  const void* data;
  int64_t rows, step, length;  // elements
  bool regular;                // rows are runs, and equally far apart
};

CR_INLINE RowView as_rows(const TensorView& view, int32_t axis) {
  RowView v{view.data, 1, 0, 1, true};
  for (int32_t d = view.rank - 1; d >= axis; --d) {
    v.regular = v.regular && (view.shape[d] == 1 || view.strides[d] == v.length);
    v.length *= view.shape[d];
  }
  for (int32_t d = axis - 1; d >= 0; --d) {
    if (view.shape[d] == 1) continue;
    if (v.rows == 1) v.step = view.strides[d];
    v.regular = v.regular && view.strides[d] == v.step * v.rows;
    v.rows *= view.shape[d];
  }
  return v;
}

inline constexpr int64_t kShortPiece = 16;  // elements; shorter ones are better copied tensor by tensor

template <class T>
CR_INLINE void cat_rows(Context& ctx, const RowView& y, const RowView* pieces, int32_t count) {
  const bool large = y.rows * y.length * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
  parallel_even(ctx, y.rows * y.length, kGrainElements, [&](int64_t begin, int64_t end) {
    T* data = static_cast<T*>(const_cast<void*>(y.data));
    for (int64_t at = begin; at < end;) {
      const int64_t row = at / y.length;
      int64_t column = at % y.length, start = 0;
      for (int32_t i = 0; i < count && at < end; ++i) {
        const RowView& piece = pieces[i];
        if (const int64_t stop = start + piece.length; column < stop) {
          const int64_t n = stop - column < end - at ? stop - column : end - at;
          const T* from = static_cast<const T*>(piece.data) + row * piece.step + column - start;
          copy_run(data + row * y.step + column, from, n, large && n * static_cast<int64_t>(sizeof(T)) >= kStreamedRun);
          at += n;
          column += n;
        }
        start += piece.length;
      }
    }
    if (large) stream_fence();
  });
}

template <class T>
void cat(Context& ctx, const Args& args) {
  TensorView y = args.out[0];
  const auto axis = static_cast<int32_t>(args.params[0]);
  CR_CHECK(axis >= 0 && axis < y.rank);
  int64_t total = 0;
  for (int32_t i = 0; i < args.ins; ++i) {
    const TensorView& x = args.in[i];
    CR_CHECK(x.rank == y.rank);
    for (int32_t d = 0; d < y.rank; ++d) CR_CHECK(d == axis || x.shape[d] == y.shape[d]);
    total += x.shape[axis];
  }
  CR_CHECK(total == y.shape[axis]);
  const RowView to = as_rows(y, axis);
  auto* pieces = scratch<RowView>(ctx, args.ins + 1);
  bool regular = to.regular && (to.rows == 1 || to.length >= kShortPiece * args.ins);
  for (int32_t i = 0; i < args.ins; ++i) {
    pieces[i] = as_rows(args.in[i], axis);
    regular = regular && (pieces[i].regular || pieces[i].length == 0);
  }
  if (regular && to.length > 0) return cat_rows<T>(ctx, to, pieces, args.ins);
  for (int32_t i = 0; i < args.ins; ++i) {
    y.shape[axis] = args.in[i].shape[axis];
    copy_view<T>(ctx, y, args.in[i]);
    y.data = static_cast<T*>(y.data) + y.shape[axis] * y.strides[axis];
  }
}

CR_REGISTER(cat, (kernel_set(Registration{"cat", DType::f32, kIsa, "T~>T", "axis", &cat<uint32_t>},
                             Registration{"cat", DType::f64, kIsa, "T~>T", "axis", &cat<uint64_t>},
                             Registration{"cat", DType::bf16, kIsa, "T~>T", "axis", &cat<uint16_t>},
                             Registration{"cat", DType::f16, kIsa, "T~>T", "axis", &cat<uint16_t>},
                             Registration{"cat", DType::i32, kIsa, "T~>T", "axis", &cat<uint32_t>},
                             Registration{"cat", DType::i64, kIsa, "T~>T", "axis", &cat<uint64_t>},
                             Registration{"cat", DType::u8, kIsa, "T~>T", "axis", &cat<uint8_t>},
                             Registration{"cat", DType::i8, kIsa, "T~>T", "axis", &cat<uint8_t>},
                             Registration{"cat", DType::boolean, kIsa, "T~>T", "axis", &cat<uint8_t>})));

}  // namespace chainrule::CR_ISA
