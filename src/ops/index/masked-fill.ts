import { formatShape, type Shape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { requireDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';

const forward = kernel('masked_fill', [2, 1], ['value']);

export const maskedFillOp = defineOp({
  name: 'maskedFill',
  inputs: ['x', 'mask'],
  infer: ({ x, mask }, _attrs: { value: number }) => {
    requireDType('maskedFill', mask, ['bool'], 'mask');
    if (!broadcastsTo(mask.shape, x.shape))
      throw new ShapeError('maskedFill', `mask ${formatShape(mask.shape)} does not broadcast to x ${formatShape(x.shape)}`);
    return { shape: x.shape, dtype: x.dtype };
  },
  forward: ({ x, mask }, out, { value }) => forward([x, mask], [out], [value]),
  saves: ['mask'],
  vjp: (g, { mask }) => ({ x: () => maskedFill(g, mask, 0), mask: null }),
});

function broadcastsTo(shape: Shape, full: Shape): boolean {
  const lead = full.length - shape.length;
  return lead >= 0 && shape.every((n, i) => n === 1 || n === full[i + lead]);
}

/** y = mask ? value : x. x [...] any dtype, mask bool that broadcasts to x -> [...]. Throws ShapeError or DTypeError. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  return apply(maskedFillOp, { x, mask }, { value });
}
