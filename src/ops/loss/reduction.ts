import { formatShape, sameShape } from '../../core/shape.js';
import { ArgumentError, ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { floating } from '../dtypes.js';
import { mean } from '../reduce/mean.js';
import { sum } from '../reduce/sum.js';

/** What becomes of the losses of single elements: their mean, their sum, or they stay as they are. */
export type LossReduction = 'mean' | 'sum' | 'none';

/** Codes of LossReduction in native/kernels/loss/labels.h. */
export const reductionCode: Readonly<Record<LossReduction, number>> = { none: 0, mean: 1, sum: 2 };

/** Throws ArgumentError unless `reduction` is one. */
export function checkReduction(op: string, reduction: LossReduction): void {
  if (!(reduction in reductionCode)) throw new ArgumentError(op, `reduction must be mean, sum or none, got ${String(reduction)}`);
}

export function reduceLoss(losses: Tensor, reduction: LossReduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/** Throws unless x and the target are floating and have one shape: losses do not broadcast. */
export function checkTarget(op: string, x: Tensor, target: Tensor): void {
  checkTensor(op, x);
  checkTensor(op, target, 'target');
  floating(op, x);
  floating(op, target, 'target');
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(op, `x ${formatShape(x.shape)} and target ${formatShape(target.shape)} must have the same shape`);
}
