import type { Tensor } from '../../tensor/tensor.js';
import { apply } from '../op.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { applyUnary, defineUnary } from './unary.js';

/** g (1 - y^2) */
export const tanhGradOp = defineGradient({ name: 'tanhGrad', kernel: 'tanh_grad', second: (gh, y) => mul(gh, mul(y, -2)) });

export const tanhOp = defineUnary({
  name: 'tanh',
  takes: 'floating',
  saves: ['out'],
  rule: (g, { out }) => apply(tanhGradOp, { g, s: out }, {}),
});

/** Hyperbolic tangent. x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function tanh(x: Tensor): Tensor {
  return applyUnary(tanhOp, x, {});
}
