/** Every op that takes a tensor first: one line each. They are also methods of Tensor (methods.ts). */

// elementwise
export { add } from './elementwise/add.js';
export { sub } from './elementwise/sub.js';
export { mul } from './elementwise/mul.js';
export { div } from './elementwise/div.js';
export { floorDivide, remainder } from './elementwise/remainder.js';
export { maximum, minimum } from './elementwise/maximum.js';
export { pow } from './elementwise/pow.js';
export { abs, neg, sign } from './elementwise/sign.js';
export { ceil, floor, round, trunc } from './elementwise/rounding.js';
export { exp, expm1 } from './elementwise/exp.js';
export { log, log1p, log2 } from './elementwise/log.js';
export { reciprocal, rsqrt, sqrt, square } from './elementwise/sqrt.js';
export { cos, sin } from './elementwise/trig.js';
export { erf } from './elementwise/erf.js';
export { tanh } from './elementwise/tanh.js';
export { sigmoid } from './elementwise/sigmoid.js';
export { leakyRelu, relu } from './elementwise/relu.js';
export { elu } from './elementwise/elu.js';
export { gelu, type GeluOptions } from './elementwise/gelu.js';
export { silu } from './elementwise/silu.js';
export { mish } from './elementwise/mish.js';
export { softplus, type SoftplusOptions } from './elementwise/softplus.js';
export { clamp, hardtanh } from './elementwise/clamp.js';
export { eq, ge, gt, le, lt, ne } from './elementwise/comparison.js';
export { logicalAnd, logicalNot, logicalOr, logicalXor } from './elementwise/logical.js';
export { isFinite, isInf, isNaN } from './elementwise/classify.js';
export { where } from './elementwise/where.js';
export { to } from './elementwise/cast.js';

// linalg
export { linear } from './linalg/linear.js';
export { matmul } from './linalg/matmul.js';
export { quantize, type Quantized } from './linalg/quantize.js';
export { quantizedLinear } from './linalg/quantized-linear.js';

// attention
export { scaledDotProductAttention, type AttentionOptions } from './attention/scaled-dot-product-attention.js';

// conv
export { conv1d } from './conv/conv1d.js';
export { conv2d } from './conv/conv2d.js';

// recurrent
export { gru, type RecurrentResult } from './recurrent/gru.js';
export { lstm, type LstmResult, type LstmState } from './recurrent/lstm.js';
export { rnn, type RnnOptions } from './recurrent/rnn.js';
export type { RecurrentWeights, SequenceOptions } from './recurrent/sequence.js';

// reduce
export { argmax, argmin, type ArgmaxOptions } from './reduce/argmax.js';
export { max, min } from './reduce/extreme.js';
export { logSumExp } from './reduce/log-sum-exp.js';
export { mean } from './reduce/mean.js';
export { norm, type NormOptions } from './reduce/norm.js';
export { prod } from './reduce/prod.js';
export { sum } from './reduce/sum.js';
export { all, any } from './reduce/truth.js';
export { std, variance, type VarianceOptions } from './reduce/variance.js';
export type { ReduceOptions } from './reduce/axes.js';

// norm
export { batchNorm, type BatchNormOptions } from './norm/batch-norm.js';
export { groupNorm, type GroupNormOptions } from './norm/group-norm.js';
export { layerNorm, rmsNorm, type LayerNormOptions, type RmsNormOptions } from './norm/layer-norm.js';
export { logSoftmax } from './norm/log-softmax.js';
export { softmax } from './norm/softmax.js';

// loss
export { crossEntropy, type CrossEntropyOptions } from './loss/cross-entropy.js';
export { nllLoss, type NllLossOptions } from './loss/nll-loss.js';
export {
  bceWithLogits,
  binaryCrossEntropy,
  klDiv,
  type BceWithLogitsOptions,
  type BinaryCrossEntropyOptions,
  type KlDivOptions,
} from './loss/probability.js';
export type { LossReduction } from './loss/reduction.js';
export {
  huberLoss,
  l1Loss,
  mseLoss,
  smoothL1Loss,
  type HuberLossOptions,
  type LossOptions,
  type SmoothL1LossOptions,
} from './loss/regression.js';

// movement
export { clone, contiguous } from './movement/contiguous.js';
export { expand } from './movement/expand.js';
export { permute, transpose } from './movement/permute.js';
export { reshape } from './movement/reshape.js';
export { flip, narrow, slice, type Range } from './movement/slice.js';
export { broadcastTensors, flatten, movedim } from './movement/flatten.js';
export { chunk, select, split, unbind } from './movement/select.js';
export { diagonal } from './movement/diagonal.js';
export { pad, type PadMode, type PadOptions } from './movement/pad.js';
export { repeat, repeatInterleave, roll, tile } from './movement/repeat.js';
export { tril, triu } from './movement/triangle.js';
export { squeeze, unsqueeze } from './movement/squeeze.js';

// index
export { cumsum } from './index/cumsum.js';
export { embedding, type EmbeddingOptions } from './index/embedding.js';
export { gather } from './index/gather.js';
export { indexAdd, indexSelect } from './index/index-select.js';
export { maskedFill } from './index/masked-fill.js';
export { oneHot } from './index/one-hot.js';
export { scatter, scatterAdd } from './index/scatter.js';
export { argsort, sort, topk, type Sorted, type SortOptions, type TopkOptions } from './index/sort.js';

// pool
export { adaptiveAvgPool2d, avgPool2d, type AvgPoolOptions } from './pool/avg-pool2d.js';
export { adaptiveMaxPool2d, maxPool2d } from './pool/max-pool2d.js';
export { avgPool1d, maxPool1d, type AvgPool1dOptions, type MaxPool1dOptions } from './pool/pool1d.js';
export type { Pair, PoolOptions } from './pool/window.js';

// random
export { bernoulli } from './random/bernoulli.js';
export { dropout, type DropoutOptions } from './random/dropout.js';
export { normal_, uniform_ } from './random/in-place.js';
