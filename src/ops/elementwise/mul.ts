import { isFloating } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';

const forward = kernel('mul', [2, 1]);
const forwardScalar = kernel('mul_scalar', [1, 1], ['value']);

export const mulOp = defineOp({
  name: 'mul',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('mul', x, y),
  forward: ({ x, y }, out) => forward([x, y], [out]),
  saves: ['x', 'y'],
  vjp: (g, { x, y }) => ({ x: () => mul(g, y), y: () => mul(g, x) }),
});

/** The factor is a parameter: nothing is saved and nothing is broadcast. */
export const mulScalarOp = defineOp({
  name: 'mulScalar',
  inputs: ['x'],
  infer: ({ x }, _attrs: { value: number }) => floating('mul', x),
  forward: ({ x }, out, { value }) => forwardScalar([x], [out], [value]),
  saves: [],
  vjp: (g, _saved, { value }) => ({ x: () => mul(g, value) }),
});

/**
 * x * y, elementwise with broadcasting. x [...], y [...] or a number -> [...]; dtypes are promoted, integers wrap.
 * Throws ShapeError when the shapes do not broadcast.
 */
export function mul(x: Tensor, y: Tensor | number): Tensor {
  if (typeof y === 'number' && x instanceof Tensor && isFloating(x.dtype)) return apply(mulScalarOp, { x }, { value: y });
  return applyBinary(mulOp, x, y);
}
