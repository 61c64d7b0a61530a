import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';
import { eq, ge, le } from './comparison.js';
import { mul } from './mul.js';
import { numbers } from './unary.js';
import { where } from './where.js';

const forwardMaximum = kernel('maximum', [2, 1]);
const forwardMinimum = kernel('minimum', [2, 1]);

/** g where x was chosen, half of it where both are equal, 0 where `lost`. */
function share(g: Tensor, x: Tensor, y: Tensor, lost: Tensor): Tensor {
  return where(eq(x, y), mul(g, 0.5), where(lost, 0, g));
}

export const maximumOp = defineOp({
  name: 'maximum',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('maximum', numbers('maximum', x), y),
  forward: ({ x, y }, out) => forwardMaximum([x, y], [out]),
  saves: ['x', 'y'],
  vjp: (g, { x, y }) => ({ x: () => share(g, x, y, le(x, y)), y: () => share(g, x, y, le(y, x)) }),
});

export const minimumOp = defineOp({
  name: 'minimum',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('minimum', numbers('minimum', x), y),
  forward: ({ x, y }, out) => forwardMinimum([x, y], [out]),
  saves: ['x', 'y'],
  vjp: (g, { x, y }) => ({ x: () => share(g, x, y, ge(x, y)), y: () => share(g, x, y, ge(y, x)) }),
});

/**
 * The larger of x and y, elementwise with broadcasting; NaN if either is NaN. Where they are equal each gets half of the gradient.
 * x [...], y [...] or a number -> [...]; dtypes are promoted. Throws ShapeError when the shapes do not broadcast, DTypeError for bool.
 */
export function maximum(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(maximumOp, x, y);
}

/**
 * The smaller of x and y, elementwise with broadcasting; NaN if either is NaN. Where they are equal each gets half of the gradient.
 * x [...], y [...] or a number -> [...]; dtypes are promoted. Throws ShapeError when the shapes do not broadcast, DTypeError for bool.
 */
export function minimum(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(minimumOp, x, y);
}
