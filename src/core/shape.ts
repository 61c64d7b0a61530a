import { ArgumentError, ShapeError, show } from '../errors.js';
import type { DType } from './dtype.js';

/** Sizes by axis; [] is a scalar. */
export type Shape = readonly number[];

/** What is known of a tensor without its values. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Largest number of axes; kMaxRank of native/core/view.h. */
export const maxRank = 8;

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number;
  return size;
}

/**
 * n, as V8 stores small integers. A whole number that was read from a list with fractions in it, or divided, is a floating-point number to V8; one of them in a
 * field of a class makes V8 lay the class out anew and throw away what it had compiled, and more than once it never finished compiling again (a step of a
 * small model then takes three times as long).
 */
export function whole(n: number): number {
  return n <= 0x7fffffff && n >= -0x80000000 ? n | 0 : n;
}

/** `[2,3]`, as it stands in messages. */
export function formatShape(shape: Shape): string {
  return Array.isArray(shape) ? `[${shape.map((n: unknown) => (typeof n === 'number' ? n : show(n))).join(',')}]` : show(shape);
}

/** `f32 [2,3]` */
export function formatSpec(spec: Spec): string {
  return `${spec.dtype} ${formatShape(spec.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= whole(shape[i] as number);
  }
  return strides;
}

/** Whether the elements lie one after the other in row-major order. Axes of size 1 may have any stride. */
export function isContiguous(shape: Shape, strides: Shape): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] as number;
    if (size === 0) return true;
    if (size !== 1 && strides[i] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Throws unless `shape` is an array of whole numbers >= 0 with at most `maxRank` axes and an exactly representable product. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(op, `shape must be an array of sizes, got ${show(shape)}`);
  if (shape.length > maxRank)
    throw new ShapeError(op, `shape ${formatShape(shape.slice(0, 12))} has ${shape.length} axes; at most ${maxRank} are supported`);
  let size = 1;
  for (const n of shape) {
    if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0)
      throw new ShapeError(op, `shape ${formatShape(shape)} must hold whole numbers >= 0`);
    size *= n === 0 ? 1 : n;
    if (size * 8 > Number.MAX_SAFE_INTEGER) throw new ShapeError(op, `shape ${formatShape(shape)} has too many elements`);
  }
}

/** `value` itself if it is an array; throws ArgumentError otherwise. */
export function checkList<T>(op: string, name: string, value: readonly T[]): readonly T[] {
  const list: unknown = value;
  if (!Array.isArray(list)) throw new ArgumentError(op, `${name} must be an array of numbers, got ${show(value)}`);
  return value;
}

/** NumPy broadcasting: shapes are aligned at the last axis; sizes must be equal or 1. Throws ShapeError naming the axis. */
export function broadcastShapes(op: string, a: Shape, b: Shape, names: readonly [string, string] = ['x', 'y']): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = i <= a.length ? (a[a.length - i] as number) : 1;
    const n = i <= b.length ? (b[b.length - i] as number) : 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        op,
        `cannot broadcast ${names[0]} ${formatShape(a)} with ${names[1]} ${formatShape(b)} (axis -${i}: ${m} vs ${n})`,
      );
    }
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

/** An axis in 0..rank-1 from one that may count from the end. Throws ShapeError. */
export function normalizeAxis(op: string, axis: number, shape: Shape): number {
  const rank = shape.length;
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const range = rank === 0 ? 'it is a scalar and has no axes' : `axes are ${-rank}..${rank - 1}`;
    throw new ShapeError(op, `axis ${show(axis)} does not exist in x ${formatShape(shape)}; ${range}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** 0, 1, ..., count - 1 */
function firstAxes(count: number): number[] {
  const axes = new Array<number>(count);
  for (let i = 0; i < count; i++) axes[i] = i;
  return axes;
}

/** Sorted, distinct axes; undefined means all. Throws ShapeError on a repeated axis. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, shape: Shape): number[] {
  if (axes === undefined) return firstAxes(shape.length);
  const list = (typeof axes === 'number' ? [axes] : [...checkList(op, 'axis', axes)])
    .map((axis) => normalizeAxis(op, axis, shape))
    .sort((a, b) => a - b);
  for (let i = 1; i < list.length; i++) {
    if (list[i] === list[i - 1]) throw new ShapeError(op, `axis ${String(list[i])} is named twice for x ${formatShape(shape)}`);
  }
  return list;
}

/** The shape after reducing `axes` (sorted): removed, or kept with size 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): number[] {
  const left = new Array<number>(keepdims ? shape.length : shape.length - axes.length);
  let reduced = 0;
  for (let i = 0; i < shape.length; i++) {
    if (axes[reduced] !== i) left[keepdims ? i : i - reduced] = shape[i] as number;
    else {
      if (keepdims) left[i] = 1;
      reduced++;
    }
  }
  return left;
}
