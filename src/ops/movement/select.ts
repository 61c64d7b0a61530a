import { scalar } from '../../create/scalar.js';
import { checkList, formatShape, normalizeAxis } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView, defineViews } from '../op.js';
import { cat, stack } from './cat.js';
import { expand } from './expand.js';
import { place, wholeWindow } from './slice.js';
import { unsqueeze } from './squeeze.js';
import { checkLive } from '../../runtime/handle.js';

interface Attrs {
  readonly axis: number;
  readonly index: number;
}

export const selectOp = defineView({
  name: 'select',
  view: (x, { axis, index }: Attrs) => ({
    shape: x.shape.filter((_, d) => d !== axis),
    strides: x.strides.filter((_, d) => d !== axis),
    offset: x.offset + index * (x.strides[axis] ?? 0),
  }),
  vjp: (g, { axis, index }, x) => {
    const window = wholeWindow(x);
    window.starts[axis] = index;
    window.sizes[axis] = 1;
    return place(unsqueeze(g, axis), x.shape, window);
  },
});

/** One slice of x, without its axis and without a copy; a negative index counts from the end. x [.., n, ..] -> [.., ..]. Throws ShapeError. */
export function select(x: Tensor, axis: number, index: number): Tensor {
  checkLive('select', 'x', x);
  const a = normalizeAxis('select', axis, x.shape);
  const size = x.shape[a] ?? 0;
  if (!Number.isInteger(index) || index < -size || index >= size)
    throw new ShapeError('select', `index ${show(index)} is out of range for axis ${a} of x ${formatShape(x.shape)}`);
  return selectOp.apply(x, { axis: a, index: index < 0 ? index + size : index });
}

interface SplitAttrs {
  readonly axis: number;
  readonly sizes: readonly number[];
  /** Whether the axis is taken off each piece (sizes are 1). */
  readonly drop: boolean;
}

/** Pieces along an axis. Their cotangents are put together in one pass. */
export const splitOp = defineViews({
  name: 'split',
  views: (x, { axis, sizes, drop }: SplitAttrs) => {
    let start = 0;
    const strides = drop ? x.strides.filter((_, d) => d !== axis) : x.strides;
    return sizes.map((size) => {
      const shape = drop ? x.shape.filter((_, d) => d !== axis) : x.shape.with(axis, size);
      const offset = size === 0 ? x.offset : x.offset + start * (x.strides[axis] ?? 0);
      start += size;
      return { shape, strides, offset };
    });
  },
  vjp: (g, { axis, drop }, outSpecs) => {
    const pieces = outSpecs.map(({ shape, dtype }, i) => g[i] ?? expand(scalar(0, dtype), shape));
    return drop ? stack(pieces, axis) : cat(pieces, axis);
  },
});

/** All slices along an axis, each without it and without a copy. x [.., n, ..] -> n times [.., ..]. Throws ShapeError. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  checkLive('unbind', 'x', x);
  const a = normalizeAxis('unbind', axis, x.shape);
  return splitOp.apply(x, { axis: a, sizes: Array.from({ length: x.shape[a] ?? 0 }, () => 1), drop: true });
}

/**
 * x in pieces of the given size along an axis (the last may be smaller), or of the given sizes, without a copy. x [.., n, ..] -> pieces [.., m, ..].
 * Throws ShapeError when given sizes do not add up to n.
 */
export function split(x: Tensor, size: number | readonly number[], axis = 0): Tensor[] {
  checkLive('split', 'x', x);
  const a = normalizeAxis('split', axis, x.shape);
  return splitOp.apply(x, { axis: a, sizes: pieces(x, size, x.shape[a] ?? 0, a), drop: false });
}

function pieces(x: Tensor, size: number | readonly number[], total: number, axis: number): readonly number[] {
  if (typeof size === 'number') {
    if (!Number.isInteger(size) || size < 1) throw new ArgumentError('split', `size must be a whole number >= 1, got ${show(size)}`);
    return Array.from({ length: Math.max(1, Math.ceil(total / size)) }, (_, i) => Math.min(size, total - i * size));
  }
  const valid = checkList('split', 'size', size).every((n) => Number.isInteger(n) && n >= 0);
  if (!valid || size.reduce((a, b) => a + b, 0) !== total)
    throw new ShapeError('split', `sizes ${formatShape(size)} do not add up to axis ${axis} of x ${formatShape(x.shape)}`);
  return size;
}

/** x in at most `count` pieces of equal size along an axis (the last may be smaller), without a copy. Throws ArgumentError unless count is a whole number >= 1. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  checkLive('chunk', 'x', x);
  if (!Number.isInteger(count) || count < 1) throw new ArgumentError('chunk', `count must be a whole number >= 1, got ${show(count)}`);
  const a = normalizeAxis('chunk', axis, x.shape);
  return split(x, Math.max(1, Math.ceil((x.shape[a] ?? 0) / count)), a);
}
