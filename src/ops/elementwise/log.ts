import type { Tensor } from '../../tensor/tensor.js';
import { add } from './add.js';
import { div } from './div.js';
import { mul } from './mul.js';
import { applyUnary, defineUnary } from './unary.js';

export const logOp = defineUnary({ name: 'log', takes: 'floating', saves: ['x'], rule: (g, { x }) => div(g, x) });
export const log1pOp = defineUnary({ name: 'log1p', takes: 'floating', saves: ['x'], rule: (g, { x }) => div(g, add(x, 1)) });
export const log2Op = defineUnary({ name: 'log2', takes: 'floating', saves: ['x'], rule: (g, { x }) => div(g, mul(x, Math.LN2)) });

/** Natural logarithm; -inf at 0, NaN below. x [...] floating -> [...]. Within 1 ULP. Throws DTypeError for integers. */
export function log(x: Tensor): Tensor {
  return applyUnary(logOp, x, {});
}

/** log(1 + x), accurate near 0. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function log1p(x: Tensor): Tensor {
  return applyUnary(log1pOp, x, {});
}

/** Logarithm to base 2, exact at powers of two. x [...] floating -> [...]. Within 1 ULP. Throws DTypeError for integers. */
export function log2(x: Tensor): Tensor {
  return applyUnary(log2Op, x, {});
}
