import type { Tensor } from '../../tensor/tensor.js';
import { add } from './add.js';
import { mul } from './mul.js';
import { applyUnary, defineUnary } from './unary.js';

export const expOp = defineUnary({ name: 'exp', takes: 'floating', saves: ['out'], rule: (g, { out }) => mul(g, out) });
export const expm1Op = defineUnary({ name: 'expm1', takes: 'floating', saves: ['out'], rule: (g, { out }) => mul(g, add(out, 1)) });

/** e^x. x [...] floating -> [...]. Within 1 ULP. Throws DTypeError for integers. */
export function exp(x: Tensor): Tensor {
  return applyUnary(expOp, x, {});
}

/** e^x - 1, accurate near 0. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function expm1(x: Tensor): Tensor {
  return applyUnary(expm1Op, x, {});
}
