import { normalizeAxis } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { checkLive } from '../../runtime/handle.js';

const forward = kernel('cumsum', [1, 1], ['axis', 'reverse']);

interface Attrs {
  readonly axis: number;
  /** Sums from the other end. */
  readonly reverse: boolean;
}

export const cumsumOp = defineOp({
  name: 'cumsum',
  inputs: ['x'],
  infer: ({ x }, _attrs: Attrs) => ({ shape: x.shape, dtype: x.dtype }),
  forward: ({ x }, out, { axis, reverse }) => forward([x], [out], [axis, reverse ? 1 : 0]),
  saves: [],
  vjp: (g, _saved, { axis, reverse }) => ({ x: () => summed(g, { axis, reverse: !reverse }) }),
});

function summed(x: Tensor, attrs: Attrs): Tensor {
  return apply(cumsumOp, { x }, attrs);
}

/** y[.., k, ..] = x[.., 0, ..] + .. + x[.., k, ..] along `axis`. x [.., n, ..] f32, f64, i32 or i64 -> [.., n, ..]. Throws ShapeError. */
export function cumsum(x: Tensor, axis: number): Tensor {
  checkLive('cumsum', 'x', x);
  return summed(x, { axis: normalizeAxis('cumsum', axis, x.shape), reverse: false });
}
