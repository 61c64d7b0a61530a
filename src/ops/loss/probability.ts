import { sizeOf } from '../../core/shape.js';
import { ArgumentError, checkOptions } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { eq } from '../elementwise/comparison.js';
import { div } from '../elementwise/div.js';
import { exp } from '../elementwise/exp.js';
import { log } from '../elementwise/log.js';
import { mul } from '../elementwise/mul.js';
import { neg } from '../elementwise/sign.js';
import { softplus } from '../elementwise/softplus.js';
import { less, sub } from '../elementwise/sub.js';
import { where } from '../elementwise/where.js';
import { sum } from '../reduce/sum.js';
import { pairLoss } from './pair-loss.js';
import { elementLoss, type LossOptions } from './regression.js';
import { checkReduction, checkTarget, reduceLoss, type LossReduction } from './reduction.js';

export interface BinaryCrossEntropyOptions extends LossOptions {
  /** Factor of each element's loss; broadcasts with x. */
  readonly weight?: Tensor;
}
export interface BceWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** Factor of the positive part, target log p; broadcasts with x (one number for each class, say). */
  readonly posWeight?: Tensor;
}

/**
 * Mean of -(target log p + (1 - target) log(1 - p)) with p = sigmoid(x), from the raw scores: (1 - t) x + (1 + (posWeight - 1) t) softplus(-x), which never
 * overflows. x [...] and target [...] floating, of one shape -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError.
 */
export function bceWithLogits(x: Tensor, target: Tensor, options: BceWithLogitsOptions = {}): Tensor {
  checkOptions('bceWithLogits', options, ['weight', 'posWeight', 'reduction']);
  const { weight, posWeight, ...reduced } = options;
  return elementLoss('bceWithLogits', x, target, reduced, (reduction) => {
    if (weight === undefined && posWeight === undefined)
      return pairLoss('bceWithLogits', x, target, { kind: 'logistic', reduction, limit: 0 });
    const negative = softplus(neg(x), { threshold: Infinity });
    const positive = posWeight === undefined ? negative : mul(add(mul(sub(posWeight, 1), target), 1), negative);
    const losses = add(mul(less(1, target), x), positive);
    return reduceLoss(weight === undefined ? losses : mul(losses, weight), reduction);
  });
}

/**
 * Mean of -(target log x + (1 - target) log(1 - x)) for probabilities x, logarithms limited to -100 as in PyTorch. Prefer bceWithLogits.
 * x [...] in 0..1 and target [...] floating, of one shape -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError.
 */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  checkOptions('binaryCrossEntropy', options, ['weight', 'reduction']);
  const { weight, ...reduced } = options;
  return elementLoss('binaryCrossEntropy', x, target, reduced, (reduction) => {
    const losses = (how: LossReduction): Tensor => pairLoss('binaryCrossEntropy', x, target, { kind: 'binary', reduction: how, limit: 0 });
    return weight === undefined ? losses(reduction) : reduceLoss(mul(losses('none'), weight), reduction);
  });
}

export interface KlDivOptions {
  /** mean (over all elements, the default), batchmean (the sum over the first axis' size: the mathematical mean), sum or none. */
  readonly reduction?: LossReduction | 'batchmean';
  /** Whether target holds log probabilities, too. Default false. */
  readonly logTarget?: boolean;
}

/**
 * Kullback-Leibler divergence: mean of target (log target - x) for log probabilities x; 0 where target is 0. x [...] and target [...] floating, of one shape
 * -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError.
 */
export function klDiv(x: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkOptions('klDiv', options, ['reduction', 'logTarget']);
  const { reduction = 'mean', logTarget = false } = options;
  if (reduction !== 'batchmean') checkReduction('klDiv', reduction);
  checkTarget('klDiv', x, target);
  if (reduction === 'batchmean' && x.shape.length === 0)
    throw new ArgumentError('klDiv', 'reduction batchmean needs a batch axis, x is a scalar');
  return scope(() => {
    const losses = logTarget ? mul(exp(target), sub(target, x)) : sub(entropy(target), mul(target, x));
    return reduction === 'batchmean' ? div(sum(losses), sizeOf(x.shape.slice(0, 1))) : reduceLoss(losses, reduction);
  }, 'klDiv()');
}

/** t log t, 0 at t = 0. */
function entropy(t: Tensor): Tensor {
  const zero = eq(t, 0);
  return where(zero, 0, mul(t, log(where(zero, 1, t))));
}
