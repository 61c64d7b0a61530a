import { isFloating } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';
import { div } from './div.js';
import { mul } from './mul.js';
import { floor } from './rounding.js';
import { neg } from './sign.js';
import { numbers } from './unary.js';

const forwardRemainder = kernel('remainder', [2, 1], [], { fallible: 'remainder' });
const forwardFloorDivide = kernel('floor_divide', [2, 1], [], { fallible: 'floorDivide' });

export const remainderOp = defineOp({
  name: 'remainder',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('remainder', numbers('remainder', x), y),
  forward: ({ x, y }, out) => forwardRemainder([x, y], [out], [], isFloating(out.dtype)),
  saves: ['x', 'y'],
  // x - y floor(x / y), floor being constant between its jumps
  vjp: (g, { x, y }) => ({ x: () => g, y: () => neg(mul(g, floor(div(x, y)))) }),
});

export const floorDivideOp = defineOp({
  name: 'floorDivide',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('floorDivide', numbers('floorDivide', x), y),
  forward: ({ x, y }, out) => forwardFloorDivide([x, y], [out], [], isFloating(out.dtype)),
  saves: [],
  vjp: null,
});

/**
 * x - y floor(x / y): the remainder with the divisor's sign, as Python's %. x [...], y [...] or a number -> [...]; dtypes are promoted. An integer
 * division by zero rejects the read; floating types give NaN. Throws ShapeError when the shapes do not broadcast, DTypeError for bool.
 */
export function remainder(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(remainderOp, x, y);
}

/**
 * floor(x / y), as Python's //. x [...], y [...] or a number -> [...]; dtypes are promoted and kept, so integers give integers. Not differentiable. An
 * integer division by zero rejects the read. Throws ShapeError when the shapes do not broadcast, DTypeError for bool.
 */
export function floorDivide(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(floorDivideOp, x, y);
}
