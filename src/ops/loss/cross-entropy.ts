import { isFloating } from '../../core/dtype.js';
import { formatShape, sameShape, sizeOf } from '../../core/shape.js';
import { ones } from '../../create/fill.js';
import { ArgumentError, checkOptions, ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { div } from '../elementwise/div.js';
import { mul } from '../elementwise/mul.js';
import { neg } from '../elementwise/sign.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { narrow } from '../movement/slice.js';
import { logSoftmax } from '../norm/log-softmax.js';
import { softmax, softmaxGradOp } from '../norm/softmax.js';
import { apply, applyMulti, defineMultiOp, defineOp, type Op } from '../op.js';
import { sum } from '../reduce/sum.js';
import { alongClasses, areLabelsOf, checkLabels, classAxis, classWeights, labelShape } from './labels.js';
import { checkReduction, reduceLoss, reductionCode, type LossReduction } from './reduction.js';

const params: readonly string[] = ['ignoreIndex', 'labelSmoothing', 'reduction'];
const forward = kernel('cross_entropy', [3, 3], params, { fallible: 'crossEntropy' });
const backward = kernel('cross_entropy_grad', [6, 1], params);

interface Attrs {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly reduction: LossReduction;
}
type Inputs = 'logits' | 'labels' | 'weight';

function values({ ignoreIndex, labelSmoothing, reduction }: Attrs): number[] {
  return [ignoreIndex, labelSmoothing, reductionCode[reduction]];
}

/**
 * d loss / d logits = scale p - (1 - s) w_t [c = t] - s / C w: linear in g; p = softmax(logits) makes its slope in the logits scale times that of softmax.
 * `stats` holds max, log of the sum and scale of each row, `norm` the sum of the labels' weights; both are constants of the forward pass.
 */
export const crossEntropyGradOp: Op<Inputs | 'stats' | 'norm' | 'g', Attrs> = defineOp({
  name: 'crossEntropyGrad',
  inputs: ['logits', 'labels', 'weight', 'stats', 'norm', 'g'],
  infer: ({ logits }, _attrs: Attrs) => logits,
  forward: ({ logits, labels, weight, stats, norm, g }, out, attrs) =>
    backward([logits, labels, weight, stats, norm, g], [out], values(attrs)),
  saves: ['logits', 'labels', 'weight', 'stats', 'norm', 'g'],
  vjp: (h, saved, attrs) => {
    const { logits, stats, norm, g } = saved;
    const axis = classAxis(logits);
    const perRow = attrs.reduction === 'none';
    return {
      logits: () => {
        const slope = apply(softmaxGradOp, { g: h, y: softmax(logits, axis) }, { axis });
        const scale = reshape(narrow(stats, 0, 2, 1), labelShape(logits));
        const factor = attrs.reduction === 'mean' ? div(mul(scale, g), norm) : mul(scale, g);
        return mul(slope, alongClasses(factor, logits));
      },
      g: () => {
        const unit = apply(crossEntropyGradOp, { ...saved, g: ones(g.shape, { dtype: g.dtype }) }, attrs);
        return sum(mul(h, unit), perRow ? { axis } : {});
      },
      labels: null,
      weight: null,
      stats: null,
      norm: null,
    };
  },
});

export const crossEntropyOp = defineMultiOp({
  name: 'crossEntropy',
  inputs: ['logits', 'labels', 'weight'],
  outputs: ['loss', 'stats', 'norm'],
  infer: ({ logits, labels }, { reduction }: Attrs) => {
    checkLabels('crossEntropy', 'logits', logits, labels);
    const { dtype } = logits;
    return {
      loss: { shape: reduction === 'none' ? labels.shape : [], dtype },
      stats: { shape: [3, sizeOf(labels.shape)], dtype },
      norm: { shape: [], dtype },
    };
  },
  forward: ({ logits, labels, weight }, { loss, stats, norm }, attrs) =>
    forward([logits, labels, weight], [loss, stats, norm], values(attrs), areLabelsOf(logits, labels)),
  saves: ['logits', 'labels', 'weight', 'stats', 'norm'],
  // The saved ones by name: V8 copies an object that was built key by key, { ...saved }, in its runtime, a quarter of a small loss and its gradient.
  vjp: ({ loss: g }, { logits, labels, weight, stats, norm }, attrs) => ({
    logits: g === null ? null : () => apply(crossEntropyGradOp, { logits, labels, weight, stats, norm, g }, attrs),
    labels: null,
    weight: null,
  }),
});

export interface CrossEntropyOptions {
  /** Weight of each class, [C]; 1 unless given. The mean is weighted. */
  readonly weight?: Tensor;
  /** Rows with this label count for nothing; default -100. */
  readonly ignoreIndex?: number;
  /** mean (over the labels' weights), sum or none; default mean. */
  readonly reduction?: LossReduction;
  /** Share of the target that is spread evenly over all classes, 0..1 (Szegedy et al. 2016, arXiv:1512.00567); default 0. */
  readonly labelSmoothing?: number;
}

/** -sum of w q log softmax(logits) over the classes, q the (smoothed) probabilities of the target; the mean is over rows, not weighted. */
function fromProbabilities(logits: Tensor, target: Tensor, { weight, reduction, labelSmoothing }: ProbabilityOptions): Tensor {
  const axis = classAxis(logits);
  const classes = logits.shape[axis] ?? 1;
  if (classes === 0) throw new ShapeError('crossEntropy', `logits ${formatShape(logits.shape)} have no classes`);
  const q = labelSmoothing === 0 ? target : add(mul(target, 1 - labelSmoothing), labelSmoothing / classes);
  const logs = mul(q, logSoftmax(logits, axis));
  const along = logits.shape.map((n, i) => (i === axis ? n : 1));
  const weighted = weight === undefined ? logs : mul(logs, reshape(classWeights('crossEntropy', logits, weight), along));
  const losses = neg(sum(weighted, { axis }));
  return reduceLoss(losses, reduction);
}

interface ProbabilityOptions {
  readonly weight: Tensor | undefined;
  readonly reduction: LossReduction;
  readonly labelSmoothing: number;
}

/**
 * loss = -log softmax(logits)[label], averaged: the usual loss of a classifier, from its raw scores.
 * logits [N, C], [N, C, d...] or [C] floating, labels [N], [N, d...] or [] i32 or i64 -> [], or the labels' shape for reduction none.
 * Labels of the logits' dtype and shape are the probabilities q of all classes: loss = -sum of w q log softmax(logits), averaged over rows.
 * The mean of nothing is NaN. Throws ShapeError, DTypeError or ArgumentError; a label outside 0..C-1 rejects the read of the result.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
  const { weight, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  checkTensor('crossEntropy', logits, 'logits');
  checkTensor('crossEntropy', labels, 'labels');
  checkReduction('crossEntropy', reduction);
  checkNumber('crossEntropy', 'ignoreIndex', ignoreIndex);
  checkNumber('crossEntropy', 'labelSmoothing', labelSmoothing);
  if (labelSmoothing < 0 || labelSmoothing > 1)
    throw new ArgumentError('crossEntropy', `labelSmoothing must lie in 0..1, got ${labelSmoothing}`);
  if (labels.dtype === logits.dtype && isFloating(labels.dtype) && sameShape(labels.shape, logits.shape) && logits.shape.length > 0) {
    if (ignoreIndex >= 0) throw new ArgumentError('crossEntropy', 'ignoreIndex is for labels, not for probabilities of classes');
    return scope(() => fromProbabilities(logits, labels, { weight, reduction, labelSmoothing }), 'crossEntropy()');
  }
  return scope(() => {
    const inputs = { logits, labels, weight: classWeights('crossEntropy', logits, weight) };
    return applyMulti(crossEntropyOp, inputs, { ignoreIndex, labelSmoothing, reduction }).loss;
  }, 'crossEntropy()');
}
