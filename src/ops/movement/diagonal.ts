import { contiguousStrides, formatShape, normalizeAxis, type Shape } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';
import { checkLive, Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp, defineView, type Window } from '../op.js';

const fill = kernel('fill', [0, 1], ['value']);
const copy = kernel('copy', [1, 1]);

interface Attrs {
  readonly offset: number;
  readonly axis0: number;
  readonly axis1: number;
}

/** The diagonal as a window on memory with these strides. */
function windowOn(shape: Shape, strides: Shape, start: number, { offset, axis0, axis1 }: Attrs): Window {
  const others = (list: Shape): number[] => list.filter((_, d) => d !== axis0 && d !== axis1);
  const [rows, columns] = [shape[axis0] ?? 0, shape[axis1] ?? 0];
  const [rowStep, columnStep] = [strides[axis0] ?? 0, strides[axis1] ?? 0];
  const length = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
  const first = length === 0 ? 0 : offset >= 0 ? offset * columnStep : -offset * rowStep;
  return { shape: [...others(shape), length], strides: [...others(strides), rowStep + columnStep], offset: start + first };
}

export const diagonalOp = defineView({
  name: 'diagonal',
  view: (x, attrs: Attrs) => windowOn(x.shape, x.strides, x.offset, attrs),
  vjp: (g, attrs, x) => apply(diagonalGradOp, { g }, { ...attrs, shape: x.shape }),
});

/** Zeros, with g on the diagonal. */
export const diagonalGradOp = defineOp({
  name: 'diagonalGrad',
  inputs: ['g'],
  infer: ({ g }, { shape }: Attrs & { shape: Shape }) => ({ shape, dtype: g.dtype }),
  forward: ({ g }, out, attrs) => {
    fill([], [out], [0]);
    if (g.size === 0) return;
    const { shape, strides, offset } = windowOn(out.shape, contiguousStrides(out.shape), out.offset, attrs);
    copy([g], [new Handle(out.storage, out.dtype, shape, strides, offset)]);
  },
  saves: [],
  vjp: (g, _saved, { offset, axis0, axis1 }) => ({ g: () => viewed(g, { offset, axis0, axis1 }) }),
});

function viewed(x: Tensor, attrs: Attrs): Tensor {
  return diagonalOp.apply(x, attrs);
}

/**
 * The diagonal of the matrices that two axes span, `offset` columns to the right (negative: rows below), without a copy. x [.., m, n] -> [.., min(m, n)].
 * Throws ShapeError when the axes are the same.
 */
export function diagonal(x: Tensor, offset = 0, axis0 = -2, axis1 = -1): Tensor {
  checkLive('diagonal', 'x', x);
  const a = normalizeAxis('diagonal', axis0, x.shape);
  const b = normalizeAxis('diagonal', axis1, x.shape);
  if (a === b) throw new ShapeError('diagonal', `axes ${axis0} and ${axis1} of x ${formatShape(x.shape)} are the same`);
  if (!Number.isInteger(offset)) throw new ArgumentError('diagonal', `offset must be a whole number, got ${show(offset)}`);
  return viewed(x, { offset, axis0: a, axis1: b });
}
