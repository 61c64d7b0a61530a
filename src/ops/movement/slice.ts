import { kernel } from '../../runtime/kernel.js';
import { checkLive, Handle } from '../../runtime/handle.js';
import { checkList, contiguousStrides, formatShape, normalizeAxis, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp, defineView } from '../op.js';

const fill = kernel('fill', [0, 1], ['value']);
const copy = kernel('copy', [1, 1]);

/** By axis: where a window starts, how many elements it has and how far apart they are (negative: backwards). */
export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

/** The window's strides and offset on a tensor with these strides. */
function windowOn(strides: Shape, offset: number, { starts, sizes, steps }: SliceAttrs): { shape: Shape; strides: Shape; offset: number } {
  let first = offset;
  const stepped = strides.map((stride, i) => {
    if ((sizes[i] ?? 0) > 0) first += (starts[i] ?? 0) * stride;
    return stride * (steps[i] ?? 1);
  });
  return { shape: sizes, strides: stepped, offset: first };
}

export const sliceOp = defineView({
  name: 'slice',
  view: (x, attrs: SliceAttrs) => windowOn(x.strides, x.offset, attrs),
  vjp: (g, attrs, x) => place(g, x.shape, attrs),
});

/** Zeros, with x in a window: the gradient of slice, and constant padding. */
export const placeOp = defineOp({
  name: 'place',
  inputs: ['x'],
  infer: ({ x }, { shape }: PlaceAttrs) => ({ shape, dtype: x.dtype }),
  forward: ({ x }, out, { value, window }) => {
    fill([], [out], [value]);
    if (x.size > 0) {
      const { shape, strides, offset } = windowOn(contiguousStrides(out.shape), out.offset, window);
      copy([x], [new Handle(out.storage, out.dtype, shape, strides, offset)]);
    }
  },
  saves: [],
  vjp: (g, _saved, { window }) => ({ x: () => sliceOp.apply(g, window) }),
});

interface PlaceAttrs {
  readonly shape: Shape;
  readonly value: number;
  readonly window: SliceAttrs;
}

/** A tensor of `shape` filled with `value`, and x in the window. */
export function place(x: Tensor, shape: Shape, window: SliceAttrs, value = 0): Tensor {
  return apply(placeOp, { x }, { shape, value, window });
}

/** The whole of `x` as a window, to be narrowed. */
export function wholeWindow(x: Spec): { starts: number[]; sizes: number[]; steps: number[] } {
  return { starts: x.shape.map(() => 0), sizes: [...x.shape], steps: x.shape.map(() => 1) };
}

/** start, stop and step along one axis, as in NumPy: negative positions count from the end, what lies outside is cut off. null leaves a place at its default. */
export type Range = readonly [start: number | null, stop?: number | null, step?: number | null];

/**
 * A window on x, without a copy: ranges[i] says which elements of axis i ([start, stop, step], or null for all; a negative step goes backwards).
 * x [...] -> [...]. `x.slice([null, [0, 10, 2]])` is NumPy's x[:, 0:10:2]. Throws ShapeError on too many ranges, ArgumentError on a step of 0.
 */
export function slice(x: Tensor, ranges: readonly (Range | null)[]): Tensor {
  checkLive('slice', 'x', x);
  checkList('slice', 'ranges', ranges);
  if (ranges.length > x.shape.length)
    throw new ShapeError('slice', `${ranges.length} ranges for x ${formatShape(x.shape)}, which has ${x.shape.length} axes`);
  const window = wholeWindow(x);
  ranges.forEach((range, axis) => {
    if (range === null) return;
    checkList('slice', `range ${axis}`, range);
    const size = x.shape[axis] ?? 0;
    const { start, count, step } = resolveRange(range, size, axis);
    window.starts[axis] = start;
    window.sizes[axis] = count;
    window.steps[axis] = step;
  });
  return sliceOp.apply(x, window);
}

/** NumPy's rules for start:stop:step on an axis of `size` elements. */
function resolveRange([first, last, by]: Range, size: number, axis: number): { start: number; count: number; step: number } {
  const step = by ?? 1;
  for (const n of [first ?? 0, last ?? 0, step]) {
    if (!Number.isSafeInteger(n))
      throw new ArgumentError('slice', `start, stop and step must be whole numbers, got ${show(n)} for axis ${axis}`);
  }
  if (step === 0) throw new ArgumentError('slice', `the step of axis ${axis} is 0`);
  const back = step < 0;
  const inside = (n: number): number => Math.min(Math.max(n < 0 ? n + size : n, back ? -1 : 0), back ? size - 1 : size);
  const start = first === null ? (back ? size - 1 : 0) : inside(first);
  const stop = last === null || last === undefined ? (back ? -1 : size) : inside(last);
  return { start, count: Math.max(0, Math.ceil((stop - start) / step)), step };
}

/** `length` elements of one axis from `start` on, without a copy. x [.., n, ..] -> [.., length, ..]. Throws ShapeError when they are not all there. */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  checkLive('narrow', 'x', x);
  const a = normalizeAxis('narrow', axis, x.shape);
  const size = x.shape[a] ?? 0;
  const from = typeof start === 'number' && start < 0 ? start + size : start;
  if (!Number.isInteger(from) || !Number.isInteger(length) || from < 0 || length < 0 || from + length > size)
    throw new ShapeError(
      'narrow',
      `elements ${show(start)} .. ${typeof length === 'number' && typeof start === 'number' ? start + length : show(length)} are not all on axis ${a} of x ${formatShape(x.shape)}`,
    );
  const window = wholeWindow(x);
  window.starts[a] = from;
  window.sizes[a] = length;
  return sliceOp.apply(x, window);
}

/** The elements of the given axes in reverse order, without a copy; all axes unless said otherwise. x [...] -> [...]. */
export function flip(x: Tensor, axis?: number | readonly number[]): Tensor {
  checkLive('flip', 'x', x);
  const axes = typeof axis === 'number' ? [axis] : axis === undefined ? x.shape.map((_, i) => i) : checkList('flip', 'axis', axis);
  const window = wholeWindow(x);
  for (const one of axes) {
    const a = normalizeAxis('flip', one, x.shape);
    if (window.steps[a] === -1) throw new ShapeError('flip', `axis ${one} is named twice for x ${formatShape(x.shape)}`);
    window.starts[a] = Math.max(0, (x.shape[a] ?? 0) - 1);
    window.steps[a] = -1;
  }
  return sliceOp.apply(x, window);
}
