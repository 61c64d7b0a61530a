// Negative log likelihood of class labels, given log probabilities: loss = -w_t x_t for label t, and its gradient.
#include "kernels/loss/labels.h"

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

/// body(row, label or -1, offset of the row's scores) for rows begin..end-1.
template <class Body>
CR_INLINE void each_label(const LabelRows& r, int64_t begin, int64_t end, int64_t ignored, Body body) {
  const int64_t next[2] = {next_row_stride(r, 0), next_row_stride(r, 1)};
  for (int64_t row = begin; row < end;) {
    const int64_t group = even_rows(r, row, end, end - row), scores = label_row_offset(r, 0, row), labels = label_row_offset(r, 1, row);
    for (int64_t i = 0; i < group; ++i) {
      body(row + i, checked_label_at(r, row + i, labels + i * next[1], ignored), scores + i * next[0]);
    }
    row += group;
  }
}

/// x [N, C, d...], labels [N, d...], weight [C] -> loss [N, d...] or [], norm []. Outputs are contiguous.
template <class T>
void nll_loss(Context& ctx, const Args& args) {
  const NllLoss<T> k = nll_loss_of<T>(args.in[0], args.in[1], args.in[2], args.params);
  const int64_t rows = k.rows.rows;
  const bool per_row = k.reduction == LossReduction::none;
  CR_CHECK(element_count(args.out[0]) == (per_row ? rows : 1) && element_count(args.out[1]) == 1);
  const T* x = static_cast<const T*>(args.in[0].data);
  T* loss = static_cast<T*>(args.out[0].data);
  T* weights = scratch<T>(ctx, rows);
  T* losses = per_row ? loss : scratch<T>(ctx, rows);
  parallel_range(ctx, rows, kBlockElements, [&](int64_t begin, int64_t end) {
    each_label(k.rows, begin, end, k.ignored, [&](int64_t row, int64_t label, int64_t from) {
      weights[row] = label < 0 ? T{0} : k.weight[label * k.weight_stride];
      losses[row] = label < 0 ? T{0} : -weights[row] * x[from + label * k.rows.class_stride];
    });
  });
  reduce_losses(losses, weights, rows, k.reduction, loss, static_cast<T*>(args.out[1].data));
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
  parallel_range(ctx, element_count(dx), 16 * kBlockElements,
                 [&](int64_t begin, int64_t end) { std::memset(dx_data + begin, 0, static_cast<size_t>(end - begin) * sizeof(T)); });
  parallel_range(ctx, k.rows.rows, kBlockElements, [&](int64_t begin, int64_t end) {
    each_label(k.rows, begin, end, k.ignored, [&](int64_t row, int64_t label, int64_t to) {
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
