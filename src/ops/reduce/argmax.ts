import { normalizeAxis } from '../../core/shape.js';
import { checkOptions } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { noteBounds } from '../../runtime/known-range.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { apply, defineOp, type Op } from '../op.js';
import { keptHandle, reducedSpec } from './axes.js';
import { checkNotEmpty } from './extreme.js';

const forwardMax = kernel('argmax', [1, 1], ['axis']);
const forwardMin = kernel('argmin', [1, 1], ['axis']);

interface Attrs {
  readonly axis: number;
  readonly keepdims: boolean;
}

export const argmaxOp = defineOp({
  name: 'argmax',
  inputs: ['x'],
  infer: ({ x }, { axis, keepdims }: Attrs) => {
    checkNotEmpty('argmax', x, [axis]);
    return reducedSpec(x, { axes: [axis], keepdims }, 'i64');
  },
  forward: ({ x }, out, { axis }) => {
    forwardMax([x], [keptHandle(x, out, [axis])], [axis]);
    noteBounds(out, 0, (x.shape[axis] ?? 0) - 1);
  },
  saves: [],
  vjp: null,
});

export const argminOp = defineOp({
  name: 'argmin',
  inputs: ['x'],
  infer: ({ x }, { axis, keepdims }: Attrs) => {
    checkNotEmpty('argmin', x, [axis]);
    return reducedSpec(x, { axes: [axis], keepdims }, 'i64');
  },
  forward: ({ x }, out, { axis }) => {
    forwardMin([x], [keptHandle(x, out, [axis])], [axis]);
    noteBounds(out, 0, (x.shape[axis] ?? 0) - 1);
  },
  saves: [],
  vjp: null,
});

export interface ArgmaxOptions {
  /** Axis to search along; without it x is searched as one row, in row-major order. */
  readonly axis?: number;
  /** Keep the reduced axis (or all of them) with size 1. */
  readonly keepdims?: boolean;
}

/** Position of the largest element along `axis`: the first of equals, and of the first NaN if there is one. x [...] -> i64, x's shape without the axis. Not differentiable. Throws ShapeError on an axis that x does not have or that has no elements. */
export function argmax(x: Tensor, options: ArgmaxOptions = {}): Tensor {
  return search(argmaxOp, x, options);
}

/** Position of the smallest element along `axis`: the first of equals, and of the first NaN if there is one. x [...] -> i64, x's shape without the axis. Not differentiable. Throws ShapeError on an axis that x does not have or that has no elements. */
export function argmin(x: Tensor, options: ArgmaxOptions = {}): Tensor {
  return search(argminOp, x, options);
}

function search(op: Op<'x', Attrs>, x: Tensor, options: ArgmaxOptions): Tensor {
  checkTensor(op.name, x);
  checkOptions(op.name, options, ['axis', 'keepdims']);
  const { axis, keepdims = false } = options;
  if (axis !== undefined) return apply(op, { x }, { axis: normalizeAxis(op.name, axis, x.shape), keepdims });
  return scope(() => {
    const found = apply(op, { x: reshape(x, [x.size]) }, { axis: 0, keepdims: false });
    return keepdims
      ? reshape(
          found,
          x.shape.map(() => 1),
        )
      : found;
  }, op.name);
}
