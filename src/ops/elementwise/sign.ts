import { isFloating } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import { zeros } from '../../create/fill.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../op.js';
import { mul } from './mul.js';
import { applyUnary, defineUnary, numbers } from './unary.js';

const forwardSign = kernel('sign', [1, 1]);

export const negOp = defineUnary({ name: 'neg', takes: 'numbers', saves: [], rule: (g) => neg(g) });
export const absOp = defineUnary({ name: 'abs', takes: 'numbers', saves: ['x'], rule: (g, { x }) => mul(g, sign(x)) });
export const signOp = defineOp({
  name: 'sign',
  inputs: ['x'],
  infer: ({ x }) => numbers('sign', x),
  forward: ({ x }, out) => forwardSign([x], [out]),
  saves: [],
  vjp: (_g, _saved, _attrs, { x }) => ({ x: isFloating(x.dtype) ? () => zeros(x.shape, { dtype: x.dtype }) : null }),
});

/** -x. x [...] -> [...]; integers wrap. Throws DTypeError for bool. */
export function neg(x: Tensor): Tensor {
  return applyUnary(negOp, x, {});
}

/** |x|, with slope 0 at 0. x [...] -> [...]; the smallest integer stays itself. Throws DTypeError for bool. */
export function abs(x: Tensor): Tensor {
  return applyUnary(absOp, x, {});
}

/** -1, 0 or 1 by the sign of x; 0 for NaN. x [...] -> [...]. Its gradient is 0. Throws DTypeError for bool. */
export function sign(x: Tensor): Tensor {
  return applyUnary(signOp, x, {});
}
