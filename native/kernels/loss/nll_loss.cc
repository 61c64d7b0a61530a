// Negative log likelihood of class labels, given log probabilities: loss = -w_t x_t for label t, and its gradient.
#include "kernels/loss/labels.h"
#include "simd/gather.h"

namespace chainrule::CR_ISA {

/// The class weights, and what else the kernels are told.
template <class T>
struct NllLoss {
  LabelRows rows;
  const T* weight;
  int64_t weight_stride, ignored;
  LossReduction reduction;
};
template <class T>
CR_INLINE NllLoss<T> nll_loss_of(const TensorView& scores, const TensorView& labels, const TensorView& weight, const double* params) {
  const LabelRows rows = make_label_rows(scores, labels);
  CR_CHECK(rows.classes > 0 && weight.rank == 1 && weight.shape[0] == rows.classes);
  return {rows, static_cast<const T*>(weight.data), weight.strides[0], static_cast<int64_t>(params[0]),
          static_cast<LossReduction>(static_cast<int>(params[1]))};
}

/// Rows whose labels are read before their scores, which can be asked for then.
inline constexpr int64_t kLabelBlock = kBlockElements;

/// Rows evenly apart, and their labels: -1 where they are to be ignored.
template <class T>
struct LabelBlock {
  int64_t row, count, first;  // the first row's scores are `first` elements from the first
  bool ignores;               // whether some label is -1
  IntFor<T> label[kLabelBlock];
};
/// Sets its labels from those at `from`, `next` apart.
template <class T, class I>
CR_INLINE void read_labels(LabelBlock<T>& block, const LabelRows& r, const I* from, int64_t next, int64_t ignored) {
  block.ignores = next != 1 || (ignored >= 0 && ignored < r.classes) || any_outside(from, block.count, r.classes);
  for (int64_t i = 0; i < block.count; ++i) {
    block.label[i] = static_cast<IntFor<T>>(
        block.ignores ? checked_label_at(r, block.row + i, from - static_cast<const I*>(r.labels) + i * next, ignored) : from[i]);
  }
}
/// body(block) for rows begin..end-1.
template <class T, class Body>
CR_INLINE void each_block(const LabelRows& r, int64_t begin, int64_t end, int64_t ignored, Body body) {
  const int64_t next = next_row_stride(r, 1);
  LabelBlock<T> block;
  for (int64_t row = begin; row < end; row += block.count) {
    block.row = row;
    block.count = even_rows(r, row, end, kLabelBlock);
    block.first = label_row_offset(r, 0, row);
    const int64_t labels = label_row_offset(r, 1, row);
    if (r.wide) {
      read_labels(block, r, static_cast<const int64_t*>(r.labels) + labels, next, ignored);
    } else {
      read_labels(block, r, static_cast<const int32_t*>(r.labels) + labels, next, ignored);
    }
    body(block);
  }
}

inline constexpr int64_t kScoresAhead = 64;  // rows; where classes lie apart, hardware does not guess which line comes next

/// x [N, C, d...], labels [N, d...], weight [C] -> loss [N, d...] or [], norm []. Outputs are contiguous.
template <class T>
void nll_loss(Context& ctx, const Args& args) {
  const NllLoss<T> k = nll_loss_of<T>(args.in[0], args.in[1], args.in[2], args.params);
  const int64_t rows = k.rows.rows;
  const bool per_row = k.reduction == LossReduction::none;
  CR_CHECK(element_count(args.out[0]) == (per_row ? rows : 1) && element_count(args.out[1]) == 1);
  const T* x = static_cast<const T*>(args.in[0].data);
  T* loss = static_cast<T*>(args.out[0].data);
  const int64_t next = next_row_stride(k.rows, 0);
  T* weights = scratch<T>(ctx, rows);
  T* losses = per_row ? loss : scratch<T>(ctx, rows);
  parallel_range(ctx, rows, kBlockElements, [&](int64_t begin, int64_t end) {
    each_block<T>(k.rows, begin, end, k.ignored, [&](const LabelBlock<T>& block) {
      T *own_weights = weights + block.row, *own_losses = losses + block.row;
      const T* from = x + block.first;
      const int64_t step = k.rows.class_stride;
      const auto each = [&](auto weight) CR_INLINE_LAMBDA {
        for (int64_t i = 0; i < block.count; ++i) {
          const int64_t label = block.label[i];
          if (i + kScoresAhead < block.count) __builtin_prefetch(from + (i + kScoresAhead) * next + block.label[i + kScoresAhead] * step);
          own_weights[i] = weight(label);
          own_losses[i] = -own_weights[i] * from[i * next + label * step];
        }
      };
      if (block.ignores) {
        for (int64_t i = 0; i < block.count; ++i) {
          const int64_t label = block.label[i];
          own_weights[i] = label < 0 ? T{0} : k.weight[label * k.weight_stride];
          own_losses[i] = label < 0 ? T{0} : -own_weights[i] * from[i * next + label * step];
        }
      } else if (k.weight_stride == 0) {
        each([one = *k.weight](int64_t) { return one; });
      } else {
        each([&](int64_t label) { return k.weight[label * k.weight_stride]; });
      }
    });
  });
  reduce_losses(losses, weights, rows, k.reduction, loss, static_cast<T*>(args.out[1].data));
}

/// body(row, label or -1, offset of the row's scores) for rows begin..end-1; before rows evenly apart, first(their number, that offset).
template <class First, class Body>
CR_INLINE void each_label(const LabelRows& r, int64_t begin, int64_t end, int64_t ignored, First first, Body body) {
  const int64_t next[2] = {next_row_stride(r, 0), next_row_stride(r, 1)};
  for (int64_t row = begin; row < end;) {
    const int64_t group = even_rows(r, row, end, end - row), scores = label_row_offset(r, 0, row), labels = label_row_offset(r, 1, row);
    first(group, scores);
    for (int64_t i = 0; i < group; ++i) {
      body(row + i, checked_label_at(r, row + i, labels + i * next[1], ignored), scores + i * next[0]);
    }
    row += group;
  }
}

/// Bytes of a gradient that L2 holds until the labels' numbers have been put between its zeros.
inline constexpr int64_t kNearZeros = int64_t{512} << 10;

template <class T>
CR_INLINE void clear(T* p, int64_t n) {
  std::memset(p, 0, static_cast<size_t>(n) * sizeof(T));
}

/// labels, weight, norm as above, g as the loss -> dx as x: -g w_t at the labels, 0 elsewhere.
template <class T>
void nll_loss_grad(Context& ctx, const Args& args) {
  const TensorView &labels = args.in[0], &norm = args.in[2], &g = args.in[3], &dx = args.out[0];
  const NllLoss<T> k = nll_loss_of<T>(dx, labels, args.in[1], args.params);
  const bool per_row = k.reduction == LossReduction::none;
  CR_CHECK(per_row ? g.rank == labels.rank : g.rank == 0);
  for (int32_t d = 0; d < g.rank; ++d) CR_CHECK(g.shape[d] == labels.shape[d]);
  CR_CHECK(element_count(norm) == 1);
  const T divisor = k.reduction == LossReduction::mean ? *static_cast<const T*>(norm.data) : T{1};
  const T* cotangent = static_cast<const T*>(g.data);
  CR_CHECK(is_contiguous(dx));
  T* dx_data = static_cast<T*>(dx.data);
  const T scale = per_row ? T{0} : *cotangent / divisor;
  // The rows of a unit are cleared before their labels are read, or all of them at once where they are small or would not stay near.
  const int64_t bytes = static_cast<int64_t>(sizeof(T)), size = element_count(dx), unit = kBlockElements * k.rows.classes * bytes;
  const bool near = size * bytes > 2 * kNearZeros && unit <= kNearZeros;
  if (!near) parallel_range(ctx, size, 16 * kBlockElements, [&](int64_t begin, int64_t end) { clear(dx_data + begin, end - begin); });
  const auto clear_rows = [&](int64_t rows, int64_t at) {
    if (!near) return;
    if (rows % k.rows.inner == 0) return clear(dx_data + at, rows * k.rows.classes);
    for (int64_t c = 0; c < k.rows.classes; ++c) clear(dx_data + at + c * k.rows.class_stride, rows);
  };
  parallel_range(ctx, k.rows.rows, kBlockElements, [&](int64_t begin, int64_t end) {
    each_label(k.rows, begin, end, k.ignored, clear_rows, [&](int64_t row, int64_t label, int64_t to) {
      if (label < 0) return;
      const T own = per_row ? cotangent[view_offset(g, row)] / divisor : scale;
      dx_data[to + label * k.rows.class_stride] = -own * k.weight[label * k.weight_stride];
    });
  });
}

constexpr const char* kNllParams = "ignoreIndex,reduction";
CR_REGISTER(nll_loss, (kernel_set(Registration{"nll_loss", DType::f32, kIsa, "TIT>TT", kNllParams, &nll_loss<float>},
                                  Registration{"nll_loss", DType::f64, kIsa, "TIT>TT", kNllParams, &nll_loss<double>})));
CR_REGISTER(nll_loss_grad, (kernel_set(Registration{"nll_loss_grad", DType::f32, kIsa, "ITTT>T", kNllParams, &nll_loss_grad<float>},
                                       Registration{"nll_loss_grad", DType::f64, kIsa, "ITTT>T", kNllParams, &nll_loss_grad<double>})));

}  // namespace chainrule::CR_ISA
