import { normalizeAxis } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { exp } from '../elementwise/exp.js';
import { mul } from '../elementwise/mul.js';
import { neg } from '../elementwise/sign.js';
import { sub } from '../elementwise/sub.js';
import { checkTensor } from '../elementwise/unary.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { sum } from '../reduce/sum.js';
import type { AxisAttrs } from './softmax.js';

const forward = kernel('log_softmax', [1, 1], ['axis']);
const backward = kernel('log_softmax_grad', [2, 1], ['axis']);

/** dx = g - e^y sum of g, y the log-softmax. */
export const logSoftmaxGradOp = defineOp({
  name: 'logSoftmaxGrad',
  inputs: ['g', 'y'],
  infer: ({ y }, _attrs: AxisAttrs) => y,
  forward: ({ g, y }, out, { axis }) => backward([g, y], [out], [axis]),
  saves: ['g', 'y'],
  vjp: (h, { g, y }, { axis }) => {
    const weighted = mul(h, exp(y));
    return {
      g: () => sub(h, sum(weighted, { axis, keepdims: true })),
      y: () => neg(mul(weighted, sum(g, { axis, keepdims: true }))),
    };
  },
});

export const logSoftmaxOp = defineOp({
  name: 'logSoftmax',
  inputs: ['x'],
  infer: ({ x }, _attrs: AxisAttrs) => floating('logSoftmax', x),
  forward: ({ x }, out, { axis }) => forward([x], [out], [axis]),
  saves: ['out'],
  vjp: (g, { out }, attrs) => ({ x: () => apply(logSoftmaxGradOp, { g, y: out }, attrs) }),
});

/**
 * y = x - log(sum of e^x) over `axis` (the last unless said otherwise), computed from x - max: no overflow and no log of 0. x [...] floating -> [...].
 * Throws DTypeError for integers, ShapeError on an axis that x does not have.
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  checkTensor('logSoftmax', x);
  return apply(logSoftmaxOp, { x }, { axis: normalizeAxis('logSoftmax', axis, x.shape) });
}
