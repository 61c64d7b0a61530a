import { ArgumentError, checkOptions } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { gt } from './comparison.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { sigmoid } from './sigmoid.js';
import { less } from './sub.js';
import { applyUnary, checkNumber } from './unary.js';
import { where } from './where.js';

const forward = kernel('softplus', [1, 1], ['beta', 'threshold']);

interface SoftplusAttrs {
  readonly beta: number;
  readonly threshold: number;
}

/** g sigmoid(beta x), and g itself above the threshold. */
export const softplusGradOp = defineGradient<SoftplusAttrs>({
  name: 'softplusGrad',
  kernel: 'softplus_grad',
  params: ['beta', 'threshold'],
  second: (gh, x, { beta, threshold }) => {
    const s = sigmoid(mul(x, beta));
    return where(gt(mul(x, beta), threshold), 0, mul(gh, mul(mul(s, less(1, s)), beta)));
  },
});

export const softplusOp = defineOp({
  name: 'softplus',
  inputs: ['x'],
  infer: ({ x }, _attrs: SoftplusAttrs) => floating('softplus', x),
  forward: ({ x }, out, { beta, threshold }) => forward([x], [out], [beta, threshold]),
  saves: ['x'],
  vjp: (g, { x }, attrs) => ({ x: () => apply(softplusGradOp, { g, s: x }, attrs) }),
});

export interface SoftplusOptions {
  /** Sharpness; default 1. */
  readonly beta?: number;
  /** Where beta x is above it, the result is x itself; default 20. */
  readonly threshold?: number;
}

/** log(1 + e^(beta x)) / beta, a smooth relu. x [...] floating -> [...]. Throws DTypeError for integers, ArgumentError for beta = 0. */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkOptions('softplus', options, ['beta', 'threshold']);
  const { beta = 1, threshold = 20 } = options;
  checkNumber('softplus', 'beta', beta);
  checkNumber('softplus', 'threshold', threshold);
  if (beta === 0) throw new ArgumentError('softplus', 'beta must not be 0');
  return applyUnary(softplusOp, x, { beta, threshold });
}
