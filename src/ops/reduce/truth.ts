import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { keptHandle, reduceAttrs, reducedSpec, type ReduceAttrs, type ReduceOptions } from './axes.js';

const forwardAny = kernel('any', [1, 1]);
const forwardAll = kernel('all', [1, 1]);

export const anyOp = defineOp({
  name: 'any',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => reducedSpec(x, attrs, 'bool'),
  forward: ({ x }, out, { axes }) => forwardAny([x], [keptHandle(x, out, axes)]),
  saves: [],
  vjp: null,
});

export const allOp = defineOp({
  name: 'all',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => reducedSpec(x, attrs, 'bool'),
  forward: ({ x }, out, { axes }) => forwardAll([x], [keptHandle(x, out, axes)]),
  saves: [],
  vjp: null,
});

/** Whether any element over `axis` is not 0 (NaN is not); false of nothing. x [...] any dtype -> bool, x's shape without those axes. Throws ShapeError on an axis that x does not have. */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(anyOp, { x }, reduceAttrs('any', x, options));
}

/** Whether no element over `axis` is 0; true of nothing. x [...] any dtype -> bool, x's shape without those axes. Throws ShapeError on an axis that x does not have. */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(allOp, { x }, reduceAttrs('all', x, options));
}
