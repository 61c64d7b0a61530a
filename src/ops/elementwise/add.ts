import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../op.js';
import { kernel } from '../../runtime/kernel.js';
import { applyBinary, binarySpec } from './binary.js';

const forward = kernel('add', [2, 1]);

export const addOp = defineOp({
  name: 'add',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('add', x, y),
  forward: ({ x, y }, out) => forward([x, y], [out]),
  saves: [],
  vjp: (g) => ({ x: () => g, y: () => g }),
});

/**
 * y = a + b, elementwise with broadcasting. a [...], b [...] or a number -> [...]; dtypes are promoted.
 * Throws ShapeError when the shapes do not broadcast.
 */
export function add(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(addOp, x, y);
}
