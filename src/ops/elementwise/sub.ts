import { scalar } from '../../create/scalar.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';
import { neg } from './sign.js';

const forward = kernel('sub', [2, 1]);

export const subOp = defineOp({
  name: 'sub',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('sub', x, y),
  forward: ({ x, y }, out) => forward([x, y], [out]),
  saves: [],
  vjp: (g) => ({ x: () => g, y: () => neg(g) }),
});

/**
 * x - y, elementwise with broadcasting. x [...], y [...] or a number -> [...]; dtypes are promoted, integers wrap.
 * Throws ShapeError when the shapes do not broadcast.
 */
export function sub(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(subOp, x, y);
}

/** number - x, for rules: the public functions take a tensor first. */
export function less(value: number, x: Tensor): Tensor {
  return apply(subOp, { x: scalar(value, x.dtype), y: x }, {});
}
