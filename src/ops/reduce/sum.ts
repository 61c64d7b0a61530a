import { contiguousStrides, normalizeAxes, reducedShape } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import { Handle } from '../../runtime/handle.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { expand } from '../movement/expand.js';
import { reshape } from '../movement/reshape.js';

const forward = kernel('sum', [1, 1]);

export interface ReduceOptions {
  /** Axes to reduce; all of them unless said otherwise. */
  readonly axis?: number | readonly number[];
  /** Keep reduced axes with size 1. */
  readonly keepdims?: boolean;
}

interface SumAttrs {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

export const sumOp = defineOp({
  name: 'sum',
  inputs: ['x'],
  infer: ({ x }, { axes, keepdims }: SumAttrs) => ({ shape: reducedShape(x.shape, axes, keepdims), dtype: x.dtype }),
  forward: ({ x }, out, { axes }) => {
    const kept = reducedShape(x.shape, axes, true);
    forward([x], [new Handle(out.storage, out.dtype, kept, contiguousStrides(kept), out.offset)]);
  },
  saves: [],
  vjp: (g, _saved, { axes }, { x }) => ({ x: () => expand(reshape(g, reducedShape(x.shape, axes, true)), x.shape) }),
});

/** y = the sum of x over `axis`. x [...] -> x's shape without those axes. Throws ShapeError on an axis that x does not have. */
export function sum(x: Tensor, { axis, keepdims = false }: ReduceOptions = {}): Tensor {
  return apply(sumOp, { x }, { axes: normalizeAxes('sum', axis, x.shape), keepdims });
}
