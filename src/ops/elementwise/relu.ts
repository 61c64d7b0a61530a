import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { defineGradient } from './gradient.js';
import { applyUnary, checkNumber, defineUnary } from './unary.js';

const forwardLeaky = kernel('leaky_relu', [1, 1], ['slope']);

interface LeakyReluAttrs {
  readonly slope: number;
}

/** g where y > 0, 0 elsewhere: reading the output lets the input go. */
export const reluGradOp = defineGradient({ name: 'reluGrad', kernel: 'relu_grad', second: null });
const mask = (g: Tensor, out: Tensor): Tensor => apply(reluGradOp, { g, s: out }, {});
export const reluOp = defineUnary({
  name: 'relu',
  takes: 'numbers',
  saves: ['out'],
  rule: (g, { out }) => mask(g, out),
  mask,
});

export const leakyReluGradOp = defineGradient<LeakyReluAttrs>({
  name: 'leakyReluGrad',
  kernel: 'leaky_relu_grad',
  params: ['slope'],
  second: null,
});
export const leakyReluOp = defineOp({
  name: 'leakyRelu',
  inputs: ['x'],
  infer: ({ x }, _attrs: LeakyReluAttrs) => floating('leakyRelu', x),
  forward: ({ x }, out, { slope }) => forwardLeaky([x], [out], [slope]),
  saves: ['x'],
  vjp: (g, { x }, attrs) => ({ x: () => apply(leakyReluGradOp, { g, s: x }, attrs) }),
});

/** max(x, 0), with slope 0 at 0; NaN stays NaN. x [...] -> [...]. Throws DTypeError for bool. */
export function relu(x: Tensor): Tensor {
  return applyUnary(reluOp, x, {});
}

/** x where x > 0, slope x elsewhere (Maas et al. 2013). x [...] floating -> [...]. Throws DTypeError for integers. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  checkNumber('leakyRelu', 'slope', slope);
  return applyUnary(leakyReluOp, x, { slope });
}
