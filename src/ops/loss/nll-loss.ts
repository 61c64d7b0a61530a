import { ones } from '../../create/fill.js';
import { checkOptions } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../elementwise/mul.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { apply, applyMulti, defineMultiOp, defineOp, type Op } from '../op.js';
import type { Shape } from '../../core/shape.js';
import { sum } from '../reduce/sum.js';
import { areLabelsOf, checkLabels, classAxis, classWeights } from './labels.js';
import { checkReduction, reductionCode, type LossReduction } from './reduction.js';

const params: readonly string[] = ['ignoreIndex', 'reduction'];
const forward = kernel('nll_loss', [3, 2], params, { fallible: 'nllLoss' });
const backward = kernel('nll_loss_grad', [4, 1], params);

interface Attrs {
  readonly ignoreIndex: number;
  readonly reduction: LossReduction;
}
interface GradAttrs extends Attrs {
  /** Of the scores. */
  readonly shape: Shape;
}

/** -g w_t at the labels, 0 elsewhere: linear in g, and independent of the scores. */
export const nllLossGradOp: Op<'labels' | 'weight' | 'norm' | 'g', GradAttrs> = defineOp({
  name: 'nllLossGrad',
  inputs: ['labels', 'weight', 'norm', 'g'],
  infer: ({ weight }, { shape }: GradAttrs) => ({ shape, dtype: weight.dtype }),
  forward: ({ labels, weight, norm, g }, out, { ignoreIndex, reduction }) =>
    backward([labels, weight, norm, g], [out], [ignoreIndex, reductionCode[reduction]]),
  saves: ['labels', 'weight', 'norm'],
  vjp: (h, saved, attrs, { g }) => ({
    g: () => {
      const unit = apply(nllLossGradOp, { ...saved, g: ones(g.shape, { dtype: g.dtype }) }, attrs);
      return sum(mul(h, unit), attrs.reduction === 'none' ? { axis: classAxis(h) } : {});
    },
    labels: null,
    weight: null,
    norm: null,
  }),
});

export const nllLossOp = defineMultiOp({
  name: 'nllLoss',
  inputs: ['x', 'labels', 'weight'],
  outputs: ['loss', 'norm'],
  infer: ({ x, labels }, { reduction }: Attrs) => {
    checkLabels('nllLoss', 'x', x, labels);
    return { loss: { shape: reduction === 'none' ? labels.shape : [], dtype: x.dtype }, norm: { shape: [], dtype: x.dtype } };
  },
  forward: ({ x, labels, weight }, { loss, norm }, { ignoreIndex, reduction }) =>
    forward([x, labels, weight], [loss, norm], [ignoreIndex, reductionCode[reduction]], areLabelsOf(x, labels)),
  saves: ['labels', 'weight', 'norm'],
  // The saved ones by name: see crossEntropy.
  vjp: ({ loss: g }, { labels, weight, norm }, attrs, { x }) => ({
    x: g === null ? null : () => apply(nllLossGradOp, { labels, weight, norm, g }, { ...attrs, shape: x.shape }),
    labels: null,
    weight: null,
  }),
});

export interface NllLossOptions {
  /** Weight of each class, [C]; 1 unless given. The mean is weighted. */
  readonly weight?: Tensor;
  /** Rows with this label count for nothing; default -100. */
  readonly ignoreIndex?: number;
  /** mean (over the labels' weights), sum or none; default mean. */
  readonly reduction?: LossReduction;
}

/**
 * loss = -x[label], averaged, for log probabilities x (logSoftmax). See crossEntropy, which takes raw scores.
 * x [N, C], [N, C, d...] or [C] floating, labels [N], [N, d...] or [] i32 or i64 -> [], or the labels' shape for reduction none.
 * The mean of nothing is NaN. Throws ShapeError, DTypeError or ArgumentError; a label outside 0..C-1 rejects the read of the result.
 */
export function nllLoss(x: Tensor, labels: Tensor, options: NllLossOptions = {}): Tensor {
  checkOptions('nllLoss', options, ['weight', 'ignoreIndex', 'reduction']);
  const { weight, ignoreIndex = -100, reduction = 'mean' } = options;
  checkTensor('nllLoss', x);
  checkTensor('nllLoss', labels, 'labels');
  checkReduction('nllLoss', reduction);
  checkNumber('nllLoss', 'ignoreIndex', ignoreIndex);
  return scope(
    () => applyMulti(nllLossOp, { x, labels, weight: classWeights('nllLoss', x, weight) }, { ignoreIndex, reduction }).loss,
    'nllLoss()',
  );
}
