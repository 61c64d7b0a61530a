import { checkList, formatShape, normalizeAxis } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';
import { checkLive } from '../../runtime/handle.js';

export const permuteOp = defineView({
  name: 'permute',
  view: (x, { axes }: { axes: readonly number[] }) => ({
    shape: axes.map((a) => x.shape[a] as number),
    strides: axes.map((a) => x.strides[a] as number),
    offset: x.offset,
  }),
  vjp: (g, { axes }) =>
    permute(
      g,
      axes.map((_, i) => axes.indexOf(i)),
    ),
});

/** Axes in another order, without a copy: result axis i is x's axis axes[i]. Throws ShapeError unless axes names each axis once. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  checkLive('permute', 'x', x);
  const order = checkList('permute', 'axes', axes).map((axis) => normalizeAxis('permute', axis, x.shape));
  if (order.length !== x.shape.length || new Set(order).size !== order.length) {
    throw new ShapeError('permute', `axes [${axes.join(',')}] must name each axis of x ${formatShape(x.shape)} once`);
  }
  return permuteOp.apply(x, { axes: order });
}

/** Two axes exchanged, the last two unless said otherwise, without a copy. x [..., m, n] -> [..., n, m]. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  checkLive('transpose', 'x', x);
  const a = normalizeAxis('transpose', axis0, x.shape);
  const b = normalizeAxis('transpose', axis1, x.shape);
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permuteOp.apply(x, { axes: order });
}
