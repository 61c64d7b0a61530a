import { isFloating, isHalf } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { throughFloat } from '../elementwise/cast.js';
import { apply, defineOp } from '../op.js';
import { keptHandle, reduceAttrs, reducedSpec, spread, type ReduceAttrs, type ReduceOptions } from './axes.js';

const forward = kernel('sum', [1, 1]);

export const sumOp = defineOp({
  name: 'sum',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => reducedSpec(x, attrs, isFloating(x.dtype) ? x.dtype : 'i64'),
  forward: ({ x }, out, { axes }) => forward([x], [keptHandle(x, out, axes)]),
  saves: [],
  vjp: (g, _saved, { axes }, { x }) => ({ x: () => spread(g, x.shape, axes) }),
});

/**
 * y = the sum of x over `axis`. x [...] -> x's shape without those axes; i32, u8 and bool give i64, bf16 and f16 are summed in f32. The sum of nothing is 0.
 * Blocked pairwise summation in an order that depends on shape and strides alone; the error grows with the logarithm of the count.
 * Throws ShapeError on an axis that x does not have.
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const attrs = reduceAttrs('sum', x, options);
  if (isHalf(x.dtype)) return throughFloat('sum', x, (wide) => apply(sumOp, { x: wide }, attrs));
  return apply(sumOp, { x }, attrs);
}
