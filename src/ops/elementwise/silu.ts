import type { Tensor } from '../../tensor/tensor.js';
import { apply } from '../op.js';
import { add } from './add.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { sigmoid } from './sigmoid.js';
import { less } from './sub.js';
import { applyUnary, defineUnary } from './unary.js';

/** With s = sigmoid(x): g (s + x s (1 - s)). */
export const siluGradOp = defineGradient({
  name: 'siluGrad',
  kernel: 'silu_grad',
  // s (1 - s) (2 + x (1 - 2 s))
  second: (gh, x) => {
    const s = sigmoid(x);
    return mul(gh, mul(mul(s, less(1, s)), add(mul(x, less(1, mul(s, 2))), 2)));
  },
});

export const siluOp = defineUnary({
  name: 'silu',
  takes: 'floating',
  saves: ['x'],
  rule: (g, { x }) => apply(siluGradOp, { g, s: x }, {}),
});

/** x sigmoid(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118). x [...] floating -> [...]. Throws DTypeError for integers. */
export function silu(x: Tensor): Tensor {
  return applyUnary(siluOp, x, {});
}
