import { formatShape, maxRank, normalizeAxes, normalizeAxis, type Spec } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';
import { checkLive } from '../../runtime/handle.js';

interface Axes {
  /** Sorted. */
  readonly axes: readonly number[];
}

export const squeezeOp = defineView({
  name: 'squeeze',
  view: (x, { axes }: Axes) => ({
    shape: x.shape.filter((_, i) => !axes.includes(i)),
    strides: x.strides.filter((_, i) => !axes.includes(i)),
    offset: x.offset,
  }),
  vjp: (g, { axes }) => unsqueezed(g, axes),
});

export const unsqueezeOp = defineView({
  name: 'unsqueeze',
  view: (x, { axes }: Axes) => {
    const shape = [...x.shape];
    const strides = [...x.strides];
    for (const axis of axes) {
      shape.splice(axis, 0, 1);
      strides.splice(axis, 0, 1);
    }
    return { shape, strides, offset: x.offset };
  },
  vjp: (g, { axes }) => squeezeOp.apply(g, { axes }),
});

/** x with an axis of size 1 at each of `axes`, which are sorted positions in the result. */
function unsqueezed(x: Tensor, axes: readonly number[]): Tensor {
  return unsqueezeOp.apply(x, { axes });
}

/** x without its axes of size 1 (all of them, or those given), without a copy. x [.., 1, ..] -> [.., ..]. Throws ShapeError when a given axis is larger. */
export function squeeze(x: Tensor, axis?: number | readonly number[]): Tensor {
  checkLive('squeeze', 'x', x);
  const axes = axis === undefined ? unitAxes(x) : normalizeAxes('squeeze', axis, x.shape);
  for (const a of axes) {
    if (x.shape[a] !== 1) throw new ShapeError('squeeze', `axis ${a} of x ${formatShape(x.shape)} has size ${String(x.shape[a])}, not 1`);
  }
  return axes.length === 0 ? x : squeezeOp.apply(x, { axes });
}

function unitAxes(x: Spec): number[] {
  return x.shape.flatMap((n, i) => (n === 1 ? [i] : []));
}

/** x with a new axis of size 1 before `axis`, without a copy. x [.., ..] -> [.., 1, ..]. Throws ShapeError on an axis that the result would not have. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  checkLive('unsqueeze', 'x', x);
  if (x.shape.length >= maxRank) throw new ShapeError('unsqueeze', `x ${formatShape(x.shape)} has ${maxRank} axes already`);
  return unsqueezeOp.apply(x, { axes: [normalizeAxis('unsqueeze', axis, [...x.shape, 1])] });
}
