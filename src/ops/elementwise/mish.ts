import type { Tensor } from '../../tensor/tensor.js';
import { apply } from '../op.js';
import { add } from './add.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { sigmoid } from './sigmoid.js';
import { softplus } from './softplus.js';
import { square } from './sqrt.js';
import { less } from './sub.js';
import { tanh } from './tanh.js';
import { applyUnary, defineUnary } from './unary.js';

/** With w = tanh(softplus(x)), s = sigmoid(x) and d = s (1 - w^2): g (w + x d). */
export const mishGradOp = defineGradient({
  name: 'mishGrad',
  kernel: 'mish_grad',
  // d (2 + x (1 - s - 2 w s))
  second: (gh, x) => {
    const s = sigmoid(x);
    const w = tanh(softplus(x));
    const d = mul(s, less(1, square(w)));
    return mul(gh, mul(d, add(mul(x, less(1, mul(s, add(mul(w, 2), 1)))), 2)));
  },
});

export const mishOp = defineUnary({
  name: 'mish',
  takes: 'floating',
  saves: ['x'],
  rule: (g, { x }) => apply(mishGradOp, { g, s: x }, {}),
});

/** x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681). x [...] floating -> [...]. Throws DTypeError for integers. */
export function mish(x: Tensor): Tensor {
  return applyUnary(mishOp, x, {});
}
