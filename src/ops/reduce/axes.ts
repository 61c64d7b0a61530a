import { isFloating, type DType } from '../../core/dtype.js';
import { formatSpec, normalizeAxes, reducedShape, sizeOf, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, checkOptions, DTypeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { Tensor } from '../../tensor/tensor.js';
import { describe } from '../elementwise/binary.js';
import { expand } from '../movement/expand.js';
import { reshape } from '../movement/reshape.js';

export interface ReduceOptions {
  /** Axes to reduce; all of them unless said otherwise. */
  readonly axis?: number | readonly number[];
  /** Keep reduced axes with size 1. */
  readonly keepdims?: boolean;
}

/** Sorted axes >= 0, and whether they stay with size 1. */
export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** Options of a reduction as attributes. Throws ArgumentError or ShapeError. */
export function reduceAttrs(op: string, x: Tensor, options: ReduceOptions): ReduceAttrs {
  if (!(x instanceof Tensor)) throw new ArgumentError(op, `x must be a tensor, got ${describe(x)}`);
  checkOptions(op, options, ['axis', 'keepdims']);
  const { axis, keepdims = false } = options;
  return { axes: normalizeAxes(op, axis, x.shape), keepdims };
}

/** The result of a reduction. */
export function reducedSpec(x: Spec, { axes, keepdims }: ReduceAttrs, dtype: DType = x.dtype): Spec {
  return { shape: reducedShape(x.shape, axes, keepdims), dtype };
}

/** As reducedSpec, for floating x; throws DTypeError otherwise. */
export function floatReducedSpec(op: string, x: Spec, attrs: ReduceAttrs): Spec {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `x must be floating, got ${formatSpec(x)}; convert it with to('f32')`);
  return reducedSpec(x, attrs);
}

/** A handle on a reduction's result in which the reduced axes have size 1: what the kernels ask for. */
export function keptHandle(x: Spec, out: Tensor, axes: readonly number[]): Handle {
  const kept = reducedShape(x.shape, axes, true);
  return new Handle(out.storage, out.dtype, kept, null, out.offset);
}

/** A result of reducing `shape` over `axes`, repeated along them. [...] -> shape. */
export function spread(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  // Sorted and distinct, axes are the first ones when the last of them is.
  const leading = (axes[axes.length - 1] ?? -1) === axes.length - 1 && y.shape.length + axes.length === shape.length;
  return expand(leading ? y : restore(y, shape, axes), shape);
}

/** A result of reducing `shape` over `axes`, with the reduced axes of size 1. */
export function restore(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return reshape(y, reducedShape(shape, axes, true));
}

/** How many elements go into one result. */
export function reducedCount(shape: Shape, axes: readonly number[]): number {
  return sizeOf(axes.map((axis) => shape[axis] ?? 1));
}
