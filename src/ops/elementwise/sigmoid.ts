import type { Tensor } from '../../tensor/tensor.js';
import { apply } from '../op.js';
import { add } from './add.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { applyUnary, defineUnary } from './unary.js';

/** g y (1 - y) */
export const sigmoidGradOp = defineGradient({
  name: 'sigmoidGrad',
  kernel: 'sigmoid_grad',
  second: (gh, y) => mul(gh, add(mul(y, -2), 1)),
});

export const sigmoidOp = defineUnary({
  name: 'sigmoid',
  takes: 'floating',
  saves: ['out'],
  rule: (g, { out }) => apply(sigmoidGradOp, { g, s: out }, {}),
});

/** 1 / (1 + e^-x). x [...] floating -> [...]. Within 2 ULP. Throws DTypeError for integers. */
export function sigmoid(x: Tensor): Tensor {
  return applyUnary(sigmoidOp, x, {});
}
