import { reducedShape } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import { emptyTensor, type Tensor } from '../../tensor/tensor.js';
import { exp } from '../elementwise/exp.js';
import { mul } from '../elementwise/mul.js';
import { sub } from '../elementwise/sub.js';
import { apply, defineOp } from '../op.js';
import { floatReducedSpec, keptHandle, reduceAttrs, restore, type ReduceAttrs, type ReduceOptions } from './axes.js';

const forwardMax = kernel('max', [1, 1]);
const forward = kernel('log_sum_exp', [2, 1]);

export const logSumExpOp = defineOp({
  name: 'logSumExp',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => floatReducedSpec('logSumExp', x, attrs),
  forward: ({ x }, out, { axes }) => {
    const high = emptyTensor(reducedShape(x.shape, axes, true), x.dtype);
    forwardMax([x], [high]);
    forward([x, high], [keptHandle(x, out, axes)]);
    high.dispose();
  },
  saves: ['x', 'out'],
  vjp: (g, { x, out }, { axes }) => ({
    x: () => mul(exp(sub(x, restore(out, x.shape, axes))), restore(g, x.shape, axes)),
  }),
});

/**
 * y = log(sum of e^x) over `axis`, computed from x - max: no overflow. x [...] floating -> x's shape without those axes. -inf of nothing.
 * Throws ShapeError on an axis that x does not have, DTypeError for integers.
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(logSumExpOp, { x }, reduceAttrs('logSumExp', x, options));
}
