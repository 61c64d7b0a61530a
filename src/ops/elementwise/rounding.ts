import { zeros } from '../../create/fill.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { defineOp, type Op } from '../op.js';
import { applyUnary } from './unary.js';

/** A step function: constant between its jumps, so its gradient is 0. */
function defineStep(name: string): Op<'x', unknown> {
  const forward = kernel(name, [1, 1]);
  return defineOp({
    name,
    inputs: ['x'],
    infer: ({ x }) => floating(name, x),
    forward: ({ x }, out) => forward([x], [out]),
    saves: [],
    vjp: (_g, _saved, _attrs, { x }) => ({ x: () => zeros(x.shape, { dtype: x.dtype }) }),
  });
}

export const floorOp = defineStep('floor');
export const ceilOp = defineStep('ceil');
export const roundOp = defineStep('round');
export const truncOp = defineStep('trunc');

/** The largest whole number <= x. x [...] floating -> [...]. Its gradient is 0. Throws DTypeError for integers. */
export function floor(x: Tensor): Tensor {
  return applyUnary(floorOp, x, {});
}

/** The smallest whole number >= x. x [...] floating -> [...]. Its gradient is 0. Throws DTypeError for integers. */
export function ceil(x: Tensor): Tensor {
  return applyUnary(ceilOp, x, {});
}

/** The nearest whole number, ties to the even one. x [...] floating -> [...]. Its gradient is 0. Throws DTypeError for integers. */
export function round(x: Tensor): Tensor {
  return applyUnary(roundOp, x, {});
}

/** x without its fraction. x [...] floating -> [...]. Its gradient is 0. Throws DTypeError for integers. */
export function trunc(x: Tensor): Tensor {
  return applyUnary(truncOp, x, {});
}
