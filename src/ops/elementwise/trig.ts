import type { Tensor } from '../../tensor/tensor.js';
import { mul } from './mul.js';
import { neg } from './sign.js';
import { applyUnary, defineUnary } from './unary.js';

export const sinOp = defineUnary({ name: 'sin', takes: 'floating', saves: ['x'], rule: (g, { x }) => mul(g, cos(x)) });
export const cosOp = defineUnary({ name: 'cos', takes: 'floating', saves: ['x'], rule: (g, { x }) => neg(mul(g, sin(x))) });

/** Sine of x in radians, for any finite x; NaN for infinite x. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function sin(x: Tensor): Tensor {
  return applyUnary(sinOp, x, {});
}

/** Cosine of x in radians, for any finite x; NaN for infinite x. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function cos(x: Tensor): Tensor {
  return applyUnary(cosOp, x, {});
}
