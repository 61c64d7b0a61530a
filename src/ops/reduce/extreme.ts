import { formatShape, type Spec } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { to } from '../elementwise/cast.js';
import { eq } from '../elementwise/comparison.js';
import { div } from '../elementwise/div.js';
import { mul } from '../elementwise/mul.js';
import { apply, defineOp } from '../op.js';
import { keptHandle, reduceAttrs, reducedCount, reducedSpec, restore, type ReduceAttrs, type ReduceOptions } from './axes.js';
import { sum } from './sum.js';

const forwardMax = kernel('max', [1, 1]);
const forwardMin = kernel('min', [1, 1]);

/** Throws ShapeError when nothing is reduced: there is no extreme of nothing. */
export function checkNotEmpty(op: string, x: Spec, axes: readonly number[]): void {
  if (reducedCount(x.shape, axes) === 0)
    throw new ShapeError(op, `x ${formatShape(x.shape)} has no elements along ${axes.map((a) => `axis ${a}`).join(', ')}`);
}

/** g, divided evenly among the elements that equal the result y. */
export function shareAmongEqual(g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]): Tensor {
  const equal = to(eq(x, restore(y, x.shape, axes)), x.dtype);
  return mul(div(equal, sum(equal, { axis: axes, keepdims: true })), restore(g, x.shape, axes));
}

export const maxOp = defineOp({
  name: 'max',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => {
    checkNotEmpty('max', x, attrs.axes);
    return reducedSpec(x, attrs);
  },
  forward: ({ x }, out, { axes }) => forwardMax([x], [keptHandle(x, out, axes)]),
  saves: ['x', 'out'],
  vjp: (g, { x, out }, { axes }) => ({ x: () => shareAmongEqual(g, x, out, axes) }),
});

export const minOp = defineOp({
  name: 'min',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => {
    checkNotEmpty('min', x, attrs.axes);
    return reducedSpec(x, attrs);
  },
  forward: ({ x }, out, { axes }) => forwardMin([x], [keptHandle(x, out, axes)]),
  saves: ['x', 'out'],
  vjp: (g, { x, out }, { axes }) => ({ x: () => shareAmongEqual(g, x, out, axes) }),
});

/**
 * y = the largest element of x over `axis`; NaN if there is one. Equal elements share the gradient evenly (as torch.amax). x [...] -> x's shape without those
 * axes. Throws ShapeError on an axis that x does not have, or when there are no elements.
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(maxOp, { x }, reduceAttrs('max', x, options));
}

/**
 * y = the smallest element of x over `axis`; NaN if there is one. Equal elements share the gradient evenly (as torch.amin). x [...] -> x's shape without those
 * axes. Throws ShapeError on an axis that x does not have, or when there are no elements.
 */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(minOp, { x }, reduceAttrs('min', x, options));
}
