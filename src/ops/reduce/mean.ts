import { isHalf } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { throughFloat } from '../elementwise/cast.js';
import { div } from '../elementwise/div.js';
import { apply, defineOp } from '../op.js';
import { floatReducedSpec, keptHandle, reduceAttrs, reducedCount, spread, type ReduceAttrs, type ReduceOptions } from './axes.js';

const forward = kernel('mean', [1, 1]);

export const meanOp = defineOp({
  name: 'mean',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => floatReducedSpec('mean', x, attrs),
  forward: ({ x }, out, { axes }) => forward([x], [keptHandle(x, out, axes)]),
  saves: [],
  vjp: (g, _saved, { axes }, { x }) => ({ x: () => spread(div(g, reducedCount(x.shape, axes)), x.shape, axes) }),
});

/**
 * y = the mean of x over `axis`. x [...] floating -> x's shape without those axes. bf16 and f16 are summed in f32. The mean of nothing is NaN.
 * Throws ShapeError on an axis that x does not have, DTypeError for integers.
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const attrs = reduceAttrs('mean', x, options);
  if (isHalf(x.dtype)) return throughFloat('mean', x, (wide) => apply(meanOp, { x: wide }, attrs));
  return apply(meanOp, { x }, attrs);
}
