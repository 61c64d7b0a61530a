import { formatShape, formatSpec, type Shape, type Spec } from '../../core/shape.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { isIndexInto } from '../../runtime/known-range.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Kernel calls that take index tensors, under the name of the op that the user called. */
export function gatherKernel(op: string): (x: Handle, index: Handle, out: Handle, axis: number) => void {
  const call = kernel('gather', [2, 1], ['axis'], { fallible: op });
  return (x, index, out, axis) => call([x, index], [out], [axis], isIndexInto(index, x.shape[axis] ?? 0));
}

/** No index is skipped. */
export const noSkip = -1;

export function scatterAddKernel(op: string): (x: Handle, index: Handle, source: Handle, out: Handle, axis: number, skip: number) => void {
  const call = kernel('scatter_add', [3, 1], ['axis', 'skip'], { fallible: op });
  return (x, index, source, out, axis, skip) => call([x, index, source], [out], [axis, skip], isIndexInto(index, x.shape[axis] ?? 0));
}

export function scatterKernel(op: string): (x: Handle, index: Handle, source: Handle, out: Handle, axis: number) => void {
  const call = kernel('scatter', [3, 1], ['axis', 'skip'], { fallible: op });
  return (x, index, source, out, axis) => call([x, index, source], [out], [axis, noSkip], isIndexInto(index, x.shape[axis] ?? 0));
}

/** Throws DTypeError unless index is i32 or i64. */
export function requireIndex(op: string, index: Spec): void {
  if (index.dtype !== 'i32' && index.dtype !== 'i64')
    throw new DTypeError(op, `index must be i32 or i64, got ${formatSpec(index)}; convert it with to('i64')`);
}

/** Throws ShapeError unless index has x's number of axes and fits into it everywhere but along `axis`. */
export function requireIndexShape(op: string, x: Spec, index: Spec, axis: number): void {
  requireIndex(op, index);
  if (index.shape.length !== x.shape.length || index.shape.some((n, d) => d !== axis && n > (x.shape[d] ?? 0))) {
    throw new ShapeError(op, `index ${formatShape(index.shape)} does not fit x ${formatShape(x.shape)} along axis ${axis}`);
  }
}

/** Throws unless index is [n]. */
export function requireIndexList(op: string, index: Spec): number {
  requireIndex(op, index);
  const [n] = index.shape;
  if (n === undefined || index.shape.length !== 1) throw new ShapeError(op, `index ${formatShape(index.shape)} must have one axis`);
  return n;
}

/** A list of positions [n] seen in `shape`, which has n elements along `axis`: constant along all other axes. */
export function spreadIndex(index: Handle, shape: Shape, axis: number): Handle {
  const step = index.strides[0] ?? 0;
  return new Handle(
    index.storage,
    index.dtype,
    shape,
    shape.map((_, d) => (d === axis ? step : 0)),
    index.offset,
  );
}

/** A scalar seen in any shape. */
export function spreadScalar(value: Tensor, shape: Shape): Handle {
  return new Handle(
    value.storage,
    value.dtype,
    shape,
    shape.map(() => 0),
    value.offset,
  );
}
