import { scalarDType } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { to } from './cast.js';
import { defineGradient } from './gradient.js';
import { applyUnary, checkNumber, checkTensor, numbers } from './unary.js';

const forward = kernel('clamp', [1, 1], ['low', 'high']);

interface ClampAttrs {
  readonly low: number;
  readonly high: number;
}

/** g where low <= x <= high, 0 elsewhere */
export const clampGradOp = defineGradient<ClampAttrs>({ name: 'clampGrad', kernel: 'clamp_grad', params: ['low', 'high'], second: null });

export const clampOp = defineOp({
  name: 'clamp',
  inputs: ['x'],
  infer: ({ x }, _attrs: ClampAttrs) => numbers('clamp', x),
  forward: ({ x }, out, { low, high }) => forward([x], [out], [low, high]),
  saves: ['x'],
  vjp: (g, { x }, attrs) => ({ x: () => apply(clampGradOp, { g, s: x }, attrs) }),
});

/**
 * x limited to [low, high]; either may be infinite, and high wins where they cross. NaN stays NaN. The slope is 1 on the bounds themselves.
 * x [...] -> [...]; integers next to a fractional bound become f32. Throws ArgumentError when a bound is NaN, DTypeError for bool.
 */
export function clamp(x: Tensor, low = -Infinity, high = Infinity): Tensor {
  checkTensor('clamp', x);
  checkNumber('clamp', 'low', low);
  checkNumber('clamp', 'high', high);
  const fraction = [low, high].find((bound) => Number.isFinite(bound) && !Number.isInteger(bound));
  return applyUnary(clampOp, fraction === undefined ? x : to(x, scalarDType(x.dtype, fraction)), { low, high });
}

/** x limited to [low, high], as an activation: clamp(x, low, high). x [...] -> [...]. Throws as clamp. */
export function hardtanh(x: Tensor, low = -1, high = 1): Tensor {
  return clamp(x, low, high);
}
