import { normalizeAxis } from '../../core/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { scalar } from '../../create/scalar.js';
import { apply, defineOp } from '../op.js';
import { gatherKernel, noSkip, requireIndexShape, scatterAddKernel, spreadScalar } from './positions.js';
import { checkLive } from '../../runtime/handle.js';

const forward = gatherKernel('gather');
const backward = scatterAddKernel('gather');

interface Attrs {
  readonly axis: number;
}

export const gatherOp = defineOp({
  name: 'gather',
  inputs: ['x', 'index'],
  infer: ({ x, index }, { axis }: Attrs) => {
    requireIndexShape('gather', x, index, axis);
    return { shape: index.shape, dtype: x.dtype };
  },
  forward: ({ x, index }, out, { axis }) => forward(x, index, out, axis),
  saves: ['index'],
  vjp: (g, { index }, { axis }, { x }) => ({ x: () => apply(gatherGradOp, { g, index }, { axis, shape: x.shape }), index: null }),
});

/** Zeros of x's shape, and g added where it was gathered from. */
export const gatherGradOp = defineOp({
  name: 'gatherGrad',
  inputs: ['g', 'index'],
  infer: ({ g }, { shape }: Attrs & { shape: readonly number[] }) => ({ shape, dtype: g.dtype }),
  forward: ({ g, index }, out, { axis, shape }) => backward(spreadScalar(scalar(0, g.dtype), shape), index, g, out, axis, noSkip),
  saves: ['index'],
  vjp: (g, { index }, { axis }) => ({ g: () => gathered(g, axis, index), index: null }),
});

function gathered(x: Tensor, axis: number, index: Tensor): Tensor {
  return apply(gatherOp, { x, index }, { axis });
}

/**
 * y[.., k, ..] = x[.., index[.., k, ..], ..] along `axis`. x [.., n, ..], index [.., k, ..] i32 or i64, elsewhere no larger than x -> index's shape.
 * An index outside 0..n-1 rejects the read of the result. Throws ShapeError or DTypeError.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  checkLive('gather', 'x', x);
  return gathered(x, normalizeAxis('gather', axis, x.shape), index);
}
