import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { ne } from '../elementwise/comparison.js';
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
  const attrs = reduceAttrs('any', x, options);
  return x.dtype === 'bool' ? apply(anyOp, { x }, attrs) : scope(() => apply(anyOp, { x: ne(x, 0) }, attrs), 'any');
}

/** Whether no element over `axis` is 0; true of nothing. x [...] any dtype -> bool, x's shape without those axes. Throws ShapeError on an axis that x does not have. */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  const attrs = reduceAttrs('all', x, options);
  return x.dtype === 'bool' ? apply(allOp, { x }, attrs) : scope(() => apply(allOp, { x: ne(x, 0) }, attrs), 'all');
}
