import { ArgumentError, checkOptions } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply } from '../op.js';
import { add } from './add.js';
import { exp } from './exp.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { sigmoid } from './sigmoid.js';
import { square } from './sqrt.js';
import { less } from './sub.js';
import { applyUnary, defineUnary } from './unary.js';

const cubic = 0.044715;
const scale = 2 * Math.sqrt(2 / Math.PI);

/** g (Phi(x) + x phi(x)); its slope is (2 - x^2) phi(x), phi the normal density. */
export const geluGradOp = defineGradient({
  name: 'geluGrad',
  kernel: 'gelu_grad',
  second: (gh, x) => {
    const x2 = square(x);
    return mul(gh, mul(less(2, x2), mul(exp(mul(x2, -0.5)), 1 / Math.sqrt(2 * Math.PI))));
  },
});

/** With v = k (x + c x^3) and s = sigmoid(v): g (s + x s (1 - s) v'). */
export const geluTanhGradOp = defineGradient({
  name: 'geluTanhGrad',
  kernel: 'gelu_tanh_grad',
  // s (1 - s) (2 v' + x ((1 - 2 s) v'^2 + v''))
  second: (gh, x) => {
    const x2 = square(x);
    const s = sigmoid(mul(mul(x, add(mul(x2, cubic), 1)), scale));
    const v1 = mul(add(mul(x2, 3 * cubic), 1), scale);
    const bend = add(mul(add(mul(s, -2), 1), square(v1)), mul(x, 6 * cubic * scale));
    return mul(gh, mul(mul(s, less(1, s)), add(mul(v1, 2), mul(x, bend))));
  },
});

export const geluOp = defineUnary({
  name: 'gelu',
  takes: 'floating',
  saves: ['x'],
  rule: (g, { x }) => apply(geluGradOp, { g, s: x }, {}),
});
export const geluTanhOp = defineUnary({
  name: 'geluTanh',
  kernel: 'gelu_tanh',
  takes: 'floating',
  saves: ['x'],
  rule: (g, { x }) => apply(geluTanhGradOp, { g, s: x }, {}),
});

export interface GeluOptions {
  /** 'none': x Phi(x); 'tanh': 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * Gaussian error linear unit x Phi(x), Phi the normal distribution function, or its tanh form (Hendrycks & Gimpel 2016, arXiv:1606.08415). Negative x lose no digits.
 * x [...] floating -> [...]. Throws DTypeError for integers, ArgumentError for an unknown form.
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions('gelu', options, ['approximate']);
  const { approximate = 'none' } = options;
  if (approximate === 'none') return applyUnary(geluOp, x, {});
  const form: string = approximate;
  if (form !== 'tanh') throw new ArgumentError('gelu', `approximate must be 'none' or 'tanh', got ${JSON.stringify(form)}`);
  return applyUnary(geluTanhOp, x, {});
}
