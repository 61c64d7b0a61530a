import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { gt } from './comparison.js';
import { exp } from './exp.js';
import { defineGradient } from './gradient.js';
import { mul } from './mul.js';
import { applyUnary, checkNumber } from './unary.js';
import { where } from './where.js';

const forward = kernel('elu', [1, 1], ['alpha']);

interface EluAttrs {
  readonly alpha: number;
}

/** g where x > 0, g alpha e^x elsewhere */
export const eluGradOp = defineGradient<EluAttrs>({
  name: 'eluGrad',
  kernel: 'elu_grad',
  params: ['alpha'],
  second: (gh, x, { alpha }) => where(gt(x, 0), 0, mul(gh, mul(exp(x), alpha))),
});

export const eluOp = defineOp({
  name: 'elu',
  inputs: ['x'],
  infer: ({ x }, _attrs: EluAttrs) => floating('elu', x),
  forward: ({ x }, out, { alpha }) => forward([x], [out], [alpha]),
  saves: ['x'],
  vjp: (g, { x }, attrs) => ({ x: () => apply(eluGradOp, { g, s: x }, attrs) }),
});

/** x where x > 0, alpha (e^x - 1) elsewhere (Clevert et al. 2015, arXiv:1511.07289). x [...] floating -> [...]. Throws DTypeError for integers. */
export function elu(x: Tensor, alpha = 1): Tensor {
  checkNumber('elu', 'alpha', alpha);
  return applyUnary(eluOp, x, { alpha });
}
