import type { Tensor } from '../../tensor/tensor.js';
import { defineQuestion } from './logical.js';
import { applyUnary } from './unary.js';

export const isNaNOp = defineQuestion('isNaN', 'is_nan');
export const isFiniteOp = defineQuestion('isFinite', 'is_finite');
export const isInfOp = defineQuestion('isInf', 'is_inf');

/** Whether x is NaN. x [...] of any dtype -> [...] bool. */
export function isNaN(x: Tensor): Tensor {
  return applyUnary(isNaNOp, x, {});
}

/** Whether x is neither infinite nor NaN. x [...] of any dtype -> [...] bool. */
export function isFinite(x: Tensor): Tensor {
  return applyUnary(isFiniteOp, x, {});
}

/** Whether x is inf or -inf. x [...] of any dtype -> [...] bool. */
export function isInf(x: Tensor): Tensor {
  return applyUnary(isInfOp, x, {});
}
