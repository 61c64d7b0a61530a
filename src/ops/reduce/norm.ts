import { checkOptions } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { to } from '../elementwise/cast.js';
import { eq, ne } from '../elementwise/comparison.js';
import { div } from '../elementwise/div.js';
import { mul } from '../elementwise/mul.js';
import { pow } from '../elementwise/pow.js';
import { abs, sign } from '../elementwise/sign.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { where } from '../elementwise/where.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { floatReducedSpec, keptHandle, reduceAttrs, restore, type ReduceAttrs, type ReduceOptions } from './axes.js';
import { min, shareAmongEqual } from './extreme.js';
import { sum } from './sum.js';

const forwardOne = kernel('norm_one', [1, 1]);
const forwardTwo = kernel('norm_two', [1, 1]);
const forwardInfinity = kernel('norm_infinity', [1, 1]);

export const normOneOp = defineOp({
  name: 'normOne',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => floatReducedSpec('norm', x, attrs),
  forward: ({ x }, out, { axes }) => forwardOne([x], [keptHandle(x, out, axes)]),
  saves: ['x'],
  vjp: (g, { x }, { axes }) => ({ x: () => mul(sign(x), restore(g, x.shape, axes)) }),
});

export const normTwoOp = defineOp({
  name: 'normTwo',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => floatReducedSpec('norm', x, attrs),
  forward: ({ x }, out, { axes }) => forwardTwo([x], [keptHandle(x, out, axes)]),
  saves: ['x', 'out'],
  // x / y; the subgradient 0 where all is 0.
  vjp: (g, { x, out }, { axes }) => ({
    x: () => {
      const zero = eq(out, 0);
      const slope = where(zero, 0, div(g, where(zero, 1, out)));
      return mul(x, restore(slope, x.shape, axes));
    },
  }),
});

export const normInfinityOp = defineOp({
  name: 'normInfinity',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => floatReducedSpec('norm', x, attrs),
  forward: ({ x }, out, { axes }) => forwardInfinity([x], [keptHandle(x, out, axes)]),
  saves: ['x', 'out'],
  vjp: (g, { x, out }, { axes }) => ({ x: () => mul(sign(x), shareAmongEqual(g, abs(x), out, axes)) }),
});

export interface NormOptions extends ReduceOptions {
  /** Order of the norm: 2 (default), 1, Infinity, -Infinity (smallest |x|), 0 (number of elements that are not 0), or any other number. */
  readonly p?: number;
}

/**
 * y = (sum of |x|^p)^(1/p) over `axis`: the vector norm of order p, torch.linalg.vector_norm. x [...] floating -> x's shape without those axes.
 * Where all is 0 the gradient is 0. Throws ShapeError on an axis that x does not have, DTypeError for integers, ArgumentError when p is no number.
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  checkTensor('norm', x);
  checkOptions('norm', options, ['p', 'axis', 'keepdims']);
  const { p = 2, ...axes } = options;
  floating('norm', x);
  checkNumber('norm', 'p', p);
  const attrs = reduceAttrs('norm', x, axes);
  if (p === 1) return apply(normOneOp, { x }, attrs);
  if (p === 2) return apply(normTwoOp, { x }, attrs);
  if (p === Infinity) return apply(normInfinityOp, { x }, attrs);
  const over = { axis: attrs.axes, keepdims: attrs.keepdims };
  return scope(() => {
    if (p === 0) return sum(to(ne(x, 0), x.dtype), over);
    if (p === -Infinity) return min(abs(x), over);
    const total = sum(pow(abs(x), p), over);
    const zero = eq(total, 0);
    return where(zero, 0, pow(where(zero, 1, total), 1 / p));
  }, 'norm');
}
