import type { Tensor } from '../../tensor/tensor.js';
import { exp } from './exp.js';
import { mul } from './mul.js';
import { neg } from './sign.js';
import { square } from './sqrt.js';
import { applyUnary, defineUnary } from './unary.js';

// 2 / sqrt(pi) e^(-x^2)
export const erfOp = defineUnary({
  name: 'erf',
  takes: 'floating',
  saves: ['x'],
  rule: (g, { x }) => mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
});

/** Error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function erf(x: Tensor): Tensor {
  return applyUnary(erfOp, x, {});
}
