import { isFloating } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp, type Op } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';
import { eq, ge } from './comparison.js';
import { log } from './log.js';
import { logicalAnd } from './logical.js';
import { mul } from './mul.js';
import { reciprocal, sqrt, square } from './sqrt.js';
import { sub } from './sub.js';
import { defineUnary, numbers } from './unary.js';
import { where } from './where.js';

const forward = kernel('pow', [2, 1]);

export const powOp: Op<'x' | 'y', unknown> = defineOp({
  name: 'pow',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('pow', numbers('pow', x), y),
  forward: ({ x, y }, out) => forward([x, y], [out]),
  saves: ['x', 'y'],
  // y x^(y-1), which is 0 for y = 0 even at x = 0; x^y log x, whose limit at x = 0 is 0 for y >= 0.
  vjp: (g, { x, y }) => ({
    x: () => where(eq(y, 0), 0, mul(g, mul(y, apply(powOp, { x, y: sub(y, 1) }, {})))),
    y: () => where(logicalAnd(eq(x, 0), ge(y, 0)), 0, mul(g, mul(apply(powOp, { x, y }, {}), log(x)))),
  }),
});

export const cubeOp = defineUnary({ name: 'cube', takes: 'floating', saves: ['x'], rule: (g, { x }) => mul(g, mul(square(x), 3)) });

/**
 * x^y, elementwise with broadcasting. x [...], y [...] or a number -> [...]; dtypes are promoted. IEEE special values: x^0 = 1, a negative x with a
 * fractional y gives NaN. Integers wrap; a negative integer power of an integer is 1, -1 or 0. Within 2 ULP.
 * Throws ShapeError when the shapes do not broadcast, DTypeError for bool.
 */
export function pow(x: Tensor, y: Tensor | number): Tensor {
  if (typeof y === 'number' && x instanceof Tensor && isFloating(x.dtype)) {
    if (y === 2) return square(x);
    if (y === 0.5) return sqrt(x);
    if (y === 3) return apply(cubeOp, { x }, {});
    if (y === -1) return reciprocal(x);
    if (y === -2) return scope(() => square(reciprocal(x)), 'pow');
  }
  return applyBinary(powOp, x, y);
}
