import { isFloating } from '../../core/dtype.js';
import { fromArray } from '../../create/tensor.js';
import { kernel } from '../../runtime/kernel.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { eq } from '../elementwise/comparison.js';
import { div } from '../elementwise/div.js';
import { mul } from '../elementwise/mul.js';
import { where } from '../elementwise/where.js';
import { expand } from '../movement/expand.js';
import { permute } from '../movement/permute.js';
import { reshape } from '../movement/reshape.js';
import { apply, defineOp } from '../op.js';
import { keptHandle, reduceAttrs, reducedCount, reducedSpec, restore, type ReduceAttrs, type ReduceOptions } from './axes.js';
import { sum } from './sum.js';

const forward = kernel('prod', [1, 1]);

/** The product of all other elements, for each, times g: the product divided by the element, but right where there are zeros. */
function productOfOthers(x: Tensor, g: Tensor, axes: readonly number[]): Tensor {
  const zero = eq(x, 0);
  const product = prod(where(zero, 1, x), { axis: axes, keepdims: true });
  const zeros = sum(zero, { axis: axes, keepdims: true });
  // With one zero only its own place has a product of others that is not 0; with more there is none. What is the same for a whole product is
  // computed once for it: of the passes over x, which are most of the time, six are left.
  const scaled = (count: number): Tensor => mul(where(eq(zeros, count), product, 0), g); // 0 with another count of zeros
  return where(zero, scaled(1), div(scaled(0), x));
}

/** The products of all others as products of n - 1 factors, n^2 of them: its own gradient is right where there are zeros, too. */
function productOfOthersAgain(x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...kept, ...axes];
  const n = reducedCount(x.shape, axes);
  const groups = n === 0 ? 0 : x.size / n;
  const diagonal = fromArray(
    Uint8Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
    [n, n],
    { dtype: 'bool' },
  );
  const rows = expand(reshape(permute(x, order), [groups, 1, n]), [groups, n, n]);
  const others = prod(where(diagonal, 1, rows), { axis: 2 });
  const back = order.map((_, i) => order.indexOf(i));
  return permute(
    reshape(
      others,
      order.map((i) => x.shape[i] ?? 1),
    ),
    back,
  );
}

export const prodOp = defineOp({
  name: 'prod',
  inputs: ['x'],
  infer: ({ x }, attrs: ReduceAttrs) => reducedSpec(x, attrs, isFloating(x.dtype) ? x.dtype : 'i64'),
  forward: ({ x }, out, { axes }) => forward([x], [keptHandle(x, out, axes)]),
  saves: ['x'],
  vjp: (g, { x }, { axes }) => ({
    x: () => {
      const spread = restore(g, x.shape, axes);
      return isRecording() ? mul(productOfOthersAgain(x, axes), spread) : productOfOthers(x, spread, axes);
    },
  }),
});

/**
 * y = the product of x over `axis`. x [...] -> x's shape without those axes; i32, u8 and bool give i64. The product of nothing is 1. The gradient is right
 * where elements are 0; one that is to be differentiated again takes memory for n^2 numbers a result, n the count of its factors.
 * Throws ShapeError on an axis that x does not have.
 */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(prodOp, { x }, reduceAttrs('prod', x, options));
}
