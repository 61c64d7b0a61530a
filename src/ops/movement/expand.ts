import { broadcastShapes, checkShape, formatShape, sameShape, type Shape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';
import { sumTo } from '../reduce/sum-to.js';

export const expandOp = defineView({
  name: 'expand',
  view: (x, { shape }: { shape: Shape }) => {
    const lead = shape.length - x.shape.length;
    const strides = new Array<number>(shape.length);
    for (let i = 0; i < shape.length; i++) {
      strides[i] = i < lead || (x.shape[i - lead] === 1 && shape[i] !== 1) ? 0 : (x.strides[i - lead] as number);
    }
    return { shape, strides, offset: x.offset };
  },
  vjp: (g, _attrs, x) => sumTo(g, x.shape),
});

/** x repeated along new or size-1 axes, without a copy. x [...] -> shape. Throws ShapeError when x does not broadcast to shape. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkShape('expand', shape);
  if (sameShape(x.shape, shape)) return x;
  const full = broadcastShapes('expand', x.shape, shape, ['x', 'shape']);
  if (!sameShape(full, shape)) throw new ShapeError('expand', `x ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
  return expandOp.apply(x, { shape: shape.slice() });
}
