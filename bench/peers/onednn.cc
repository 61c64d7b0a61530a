/// oneDNN as a peer. Operands are plain row-major or NCHW, as ours; `packed` (the argument) lets the library choose the layout of a
/// product's weights and packs them before the timing, `blocked` lets it choose the layouts of a convolution and counts the reorders from
/// and to NCHW.
#include <cstring>
#include <dnnl.hpp>

#include "serve.h"

namespace {

using dnnl::memory;
using peer::Buffer;
using peer::Case;
using peer::Work;
using dims = memory::dims;
using tag = memory::format_tag;
constexpr auto f32 = memory::data_type::f32;

dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
dnnl::stream queue(cpu);
std::string policy = "plain";

memory over(const memory::desc& desc, const Buffer& buffer) { return memory(desc, cpu, buffer.data()); }

/// Row-major strides of `shape`, or those of its transpose in the last two axes.
dims strides_of(const dims& shape, bool turned) {
  dims strides(shape.size(), 1);
  const size_t rank = shape.size();
  strides[rank - 2] = turned ? 1 : shape[rank - 1];
  strides[rank - 1] = turned ? shape[rank - 2] : 1;
  int64_t matrix = shape[rank - 1] * shape[rank - 2];
  for (size_t i = rank - 2; i-- > 0;) {
    strides[i] = matrix;
    matrix *= shape[i];
  }
  return strides;
}

std::optional<Work> product(const Case& one) {
  if (policy == "blocked" || one.mode() != "forward") return std::nullopt;
  dims a = one.shape(0), b = one.shape(1);
  const size_t rank = a.size();
  if (b.size() != rank) return std::nullopt;
  const bool ta = one.flag("ta"), tb = one.flag("tb");
  if (ta) std::swap(a[rank - 1], a[rank - 2]);
  if (tb) std::swap(b[rank - 1], b[rank - 2]);
  dims c = a;
  c[rank - 1] = b[rank - 1];
  int64_t size = 1;
  for (const int64_t extent : c) size *= extent;
  const Buffer out(static_cast<size_t>(size));
  const memory::desc da(a, f32, strides_of(a, ta)), db(b, f32, strides_of(b, tb)), dc(c, f32, strides_of(c, false));
  const memory::desc any(b, f32, tag::any);
  const dnnl::matmul::primitive_desc pd({da, policy == "packed" ? any : db, dc}, cpu);
  memory weights = over(db, one.inputs[1]);
  if (policy == "packed") {
    memory packed(pd.weights_desc(), cpu);
    dnnl::reorder(weights, packed).execute(queue, weights, packed);
    queue.wait();
    weights = packed;
  }
  const dnnl::matmul primitive(pd);
  const std::unordered_map<int, memory> args{
      {DNNL_ARG_SRC, over(da, one.inputs[0])}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, over(dc, out)}};
  return Work{[=] { primitive.execute(queue, args); }, {out}, one.inputs};
}

struct Convolution {
  dims src, weights, dst, stride, padding;
  tag plain_weights;
};

Convolution convolution_of(const Case& one) {
  const dims x = one.shape(0), w = one.shape(1);
  const int64_t groups = one.option("groups"), stride = one.option("stride"), padding = one.option("padding");
  const auto extent = [&](size_t axis) { return (x[axis] + 2 * padding - w[axis]) / stride + 1; };
  const dims grouped = groups > 1 ? dims{groups, w[0] / groups, w[1], w[2], w[3]} : w;
  return {x, grouped, {x[0], w[0], extent(2), extent(3)}, {stride, stride}, {padding, padding}, groups > 1 ? tag::goihw : tag::oihw};
}

/// One tensor of a convolution: the layout it has outside, the one the primitive wants, and where its data is.
struct Side {
  memory plain, inner;
};

Side side(const dims& shape, tag layout, const memory::desc& wanted, const Buffer& buffer) {
  const memory::desc desc(shape, f32, layout);
  const memory plain = over(desc, buffer);
  return {plain, wanted == desc ? plain : memory(wanted, cpu)};
}

/// Runs a primitive between reorders of its inputs and of its output.
Work between(const dnnl::primitive& primitive, const std::unordered_map<int, Side>& in, int output, const Side& out, const Buffer& result,
             const std::vector<Buffer>& operands) {
  struct Copy {
    memory from, to;
    dnnl::reorder reorder;
  };
  std::vector<Copy> before, after;
  std::unordered_map<int, memory> args{{output, out.inner}};
  const auto add = [](std::vector<Copy>& list, const memory& from, const memory& to) {
    if (from.get_desc() != to.get_desc()) list.push_back({from, to, dnnl::reorder(from, to)});
  };
  for (const auto& [name, one] : in) {
    args.insert({name, one.inner});
    add(before, one.plain, one.inner);
  }
  add(after, out.inner, out.plain);
  return {[=]() mutable {
            for (Copy& c : before) c.reorder.execute(queue, c.from, c.to);
            primitive.execute(queue, args);
            for (Copy& c : after) c.reorder.execute(queue, c.from, c.to);
          },
          {result},
          operands};
}

Buffer buffer_for(const dims& shape) {
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  return Buffer(static_cast<size_t>(size));
}

std::optional<Work> convolution(const Case& one) {
  if (policy == "packed") return std::nullopt;
  const Convolution c = convolution_of(one);
  const bool blocked = policy == "blocked";
  const auto desc = [&](const dims& shape, tag plain) { return memory::desc(shape, f32, blocked ? tag::any : plain); };
  const memory::desc src = desc(c.src, tag::nchw), weights = desc(c.weights, c.plain_weights), dst = desc(c.dst, tag::nchw);
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const bool forward = one.mode() == "forward";
  const auto use = forward ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  const dnnl::convolution_forward::primitive_desc hint({use, algorithm, src, weights, dst, c.stride, c.padding, c.padding}, cpu);
  const auto& x = one.inputs;
  if (forward) {
    const Buffer y = buffer_for(c.dst);
    const Side s = side(c.src, tag::nchw, hint.src_desc(), x[0]), w = side(c.weights, c.plain_weights, hint.weights_desc(), x[1]);
    return between(dnnl::convolution_forward(hint), {{DNNL_ARG_SRC, s}, {DNNL_ARG_WEIGHTS, w}}, DNNL_ARG_DST,
                   side(c.dst, tag::nchw, hint.dst_desc(), y), y, x);
  }
  const int64_t wrt = one.row["wrt"][0];
  const Buffer& g = x.back();
  if (wrt == 0) {
    const dnnl::convolution_backward_data::primitive_desc pd({algorithm, src, weights, dst, c.stride, c.padding, c.padding}, cpu, hint);
    const Buffer gx = buffer_for(c.src);
    const Side w = side(c.weights, c.plain_weights, pd.weights_desc(), x[1]), d = side(c.dst, tag::nchw, pd.diff_dst_desc(), g);
    const Side out = side(c.src, tag::nchw, pd.diff_src_desc(), gx);
    return between(dnnl::convolution_backward_data(pd), {{DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_DST, d}}, DNNL_ARG_DIFF_SRC, out, gx, x);
  }
  const dnnl::convolution_backward_weights::primitive_desc pd({algorithm, src, weights, dst, c.stride, c.padding, c.padding}, cpu, hint);
  const Buffer gw = buffer_for(c.weights);
  const Side s = side(c.src, tag::nchw, pd.src_desc(), x[0]), d = side(c.dst, tag::nchw, pd.diff_dst_desc(), g);
  const Side out = side(c.weights, c.plain_weights, pd.diff_weights_desc(), gw);
  return between(dnnl::convolution_backward_weights(pd), {{DNNL_ARG_SRC, s}, {DNNL_ARG_DIFF_DST, d}}, DNNL_ARG_DIFF_WEIGHTS, out, gw, x);
}

/// Row-major, whatever the rank: abcd and shorter.
memory::desc dense(const dims& shape) {
  dims strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return {shape, f32, strides};
}

/// One source, one destination of the same shape.
template <class Primitive, class Description>
std::optional<Work> same_shape(const Case& one, const Description& description) {
  const Buffer y = buffer_for(one.shape(0));
  const memory::desc desc = dense(one.shape(0));
  const Primitive primitive(typename Primitive::primitive_desc(description, cpu));
  const std::unordered_map<int, memory> args{{DNNL_ARG_SRC, over(desc, one.inputs[0])}, {DNNL_ARG_DST, over(desc, y)}};
  return Work{[=] { primitive.execute(queue, args); }, {y}, one.inputs};
}

std::optional<Work> eltwise(const Case& one) {
  using dnnl::algorithm;
  const std::unordered_map<std::string, algorithm> known{{"relu", algorithm::eltwise_relu},
                                                         {"exp", algorithm::eltwise_exp},
                                                         {"tanh", algorithm::eltwise_tanh},
                                                         {"sigmoid", algorithm::eltwise_logistic},
                                                         {"gelu", algorithm::eltwise_gelu_erf}};
  const auto found = known.find(one.kind() == "geluTanh" ? "" : one.row["options"]["op"].get<std::string>());
  if (found == known.end() && one.kind() != "geluTanh") return std::nullopt;
  const algorithm what = one.kind() == "geluTanh" ? algorithm::eltwise_gelu_tanh : found->second;
  return same_shape<dnnl::eltwise_forward>(one, dnnl::eltwise_forward::desc(dnnl::prop_kind::forward_inference, what, dense(one.shape(0))));
}

std::optional<Work> softmax(const Case& one) {
  const int axis = static_cast<int>(one.shape(0).size()) - 1;
  if (one.kind() == "softmax") {
    return same_shape<dnnl::softmax_forward>(one,
                                             dnnl::softmax_forward::desc(dnnl::prop_kind::forward_inference, dense(one.shape(0)), axis));
  }
  return same_shape<dnnl::logsoftmax_forward>(
      one, dnnl::logsoftmax_forward::desc(dnnl::prop_kind::forward_inference, dense(one.shape(0)), axis));
}

std::optional<Work> pooling(const Case& one) {
  const dims x = one.shape(0);
  const int64_t size = one.option("size"), stride = one.option("stride"), padding = one.option("padding");
  const auto extent = [&](size_t axis) { return (x[axis] + 2 * padding - size) / stride + 1; };
  const dims shape{x[0], x[1], extent(2), extent(3)}, window{size, size}, step{stride, stride}, pad{padding, padding};
  const auto what = one.kind() == "maxPool2d" ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_include_padding;
  const dnnl::pooling_forward::desc description(dnnl::prop_kind::forward_inference, what, dense(x), dense(shape), step, window, pad, pad);
  const dnnl::pooling_forward primitive(dnnl::pooling_forward::primitive_desc(description, cpu));
  const Buffer y = buffer_for(shape);
  const std::unordered_map<int, memory> args{{DNNL_ARG_SRC, over(dense(x), one.inputs[0])}, {DNNL_ARG_DST, over(dense(shape), y)}};
  return Work{[=] { primitive.execute(queue, args); }, {y}, one.inputs};
}

std::optional<Work> prepare(const Case& one) {
  if (one.kind() == "matmul") return product(one);
  if (one.kind() == "conv2d") return convolution(one);
  if (policy != "plain" || one.mode() != "forward") return std::nullopt;
  if (one.kind() == "unary" || one.kind() == "geluTanh") return eltwise(one);
  if (one.kind() == "softmax" || one.kind() == "logSoftmax") return softmax(one);
  if (one.kind() == "maxPool2d" || one.kind() == "avgPool2d") return pooling(one);
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) policy = argv[1];
  const dnnl_version_t& v = *dnnl_version();
  return peer::serve(std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch), prepare);
}
