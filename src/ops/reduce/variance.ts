import { checkOptions } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../elementwise/mul.js';
import { sqrt } from '../elementwise/sqrt.js';
import { sub } from '../elementwise/sub.js';
import { checkNumber } from '../elementwise/unary.js';
import { apply, defineOp } from '../op.js';
import { floatReducedSpec, keptHandle, reduceAttrs, reducedCount, restore, type ReduceAttrs, type ReduceOptions } from './axes.js';
import { mean } from './mean.js';

const forward = kernel('variance', [1, 1], ['divisor']);

interface VarianceAttrs extends ReduceAttrs {
  /** count - correction, 0 at least. */
  readonly divisor: number;
}

export const varianceOp = defineOp({
  name: 'variance',
  inputs: ['x'],
  infer: ({ x }, attrs: VarianceAttrs) => floatReducedSpec('variance', x, attrs),
  forward: ({ x }, out, { axes, divisor }) => {
    forward([x], [keptHandle(x, out, axes)], [divisor]);
  },
  saves: ['x'],
  vjp: (g, { x }, { axes, divisor }) => ({
    x: () => mul(sub(x, mean(x, { axis: axes, keepdims: true })), mul(restore(g, x.shape, axes), 2 / divisor)),
  }),
});

export interface VarianceOptions extends ReduceOptions {
  /** What is taken off the count in the divisor: 1 (the default) for the unbiased estimate, 0 for the mean of squared deviations. */
  readonly correction?: number;
}

/**
 * y = sum of (x - mean)^2 / (count - correction) over `axis`, in two passes: no cancellation. x [...] floating -> x's shape without those axes.
 * A divisor of 0 gives NaN or inf. Throws ShapeError on an axis that x does not have, DTypeError for integers.
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  checkOptions('variance', options, ['correction', 'axis', 'keepdims']);
  const { correction = 1, ...axes } = options;
  const attrs = reduceAttrs('variance', x, axes);
  checkNumber('variance', 'correction', correction);
  return apply(varianceOp, { x }, { ...attrs, divisor: Math.max(0, reducedCount(x.shape, attrs.axes) - correction) });
}

/** y = the square root of variance(x), the standard deviation. Options and errors as there. x [...] floating -> x's shape without the reduced axes. */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  return scope(() => sqrt(variance(x, options)), 'std');
}
