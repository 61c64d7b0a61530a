import { normalizeAxis } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../elementwise/mul.js';
import { sub } from '../elementwise/sub.js';
import { checkTensor } from '../elementwise/unary.js';
import { floating } from '../dtypes.js';
import { apply, defineOp, type Op } from '../op.js';
import { sum } from '../reduce/sum.js';

const forward = kernel('softmax', [1, 1], ['axis']);
const backward = kernel('softmax_grad', [2, 1], ['axis']);

/** The axis that is normalised, >= 0. */
export interface AxisAttrs {
  readonly axis: number;
}

/** dx = y (g - sum of g y), y the softmax. */
export const softmaxGradOp: Op<'g' | 'y', AxisAttrs> = defineOp({
  name: 'softmaxGrad',
  inputs: ['g', 'y'],
  infer: ({ y }, _attrs: AxisAttrs) => y,
  forward: ({ g, y }, out, { axis }) => backward([g, y], [out], [axis]),
  saves: ['g', 'y'],
  vjp: (h, { g, y }, { axis }) => {
    const total = (x: Tensor): Tensor => sum(mul(x, y), { axis, keepdims: true });
    return {
      g: () => apply(softmaxGradOp, { g: h, y }, { axis }),
      y: () => sub(mul(h, sub(g, total(g))), mul(g, total(h))),
    };
  },
});

export const softmaxOp = defineOp({
  name: 'softmax',
  inputs: ['x'],
  infer: ({ x }, _attrs: AxisAttrs) => floating('softmax', x),
  forward: ({ x }, out, { axis }) => forward([x], [out], [axis]),
  saves: ['out'],
  vjp: (g, { out }, attrs) => ({ x: () => apply(softmaxGradOp, { g, y: out }, attrs) }),
});

/**
 * y = e^x / sum of e^x over `axis` (the last unless said otherwise), computed from x - max: no overflow. x [...] floating -> [...].
 * Throws DTypeError for integers, ShapeError on an axis that x does not have.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  checkTensor('softmax', x);
  return apply(softmaxOp, { x }, { axis: normalizeAxis('softmax', axis, x.shape) });
}
