import { formatShape, normalizeAxis, type Shape } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError, show } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { noteBounds } from '../../runtime/known-range.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, applyMulti, defineMultiOp } from '../op.js';
import { gatherGradOp } from './gather.js';
import { checkLive } from '../../runtime/handle.js';

const forward = kernel('sort', [1, 2], ['axis', 'descending']);
const best = kernel('topk', [1, 2], ['axis', 'largest']);

interface Attrs {
  readonly axis: number;
  readonly descending: boolean;
}

/** The gradient of values that were taken from positions along an axis. */
function backToSource(g: Tensor, index: Tensor, axis: number, shape: Shape): Tensor {
  return apply(gatherGradOp, { g, index }, { axis, shape });
}

export const sortOp = defineMultiOp({
  name: 'sort',
  inputs: ['x'],
  outputs: ['values', 'indices'],
  infer: ({ x }, _attrs: Attrs) => ({ values: { shape: x.shape, dtype: x.dtype }, indices: { shape: x.shape, dtype: 'i64' } }),
  forward: ({ x }, { values, indices }, { axis, descending }) => {
    forward([x], [values, indices], [axis, descending ? 1 : 0]);
    noteBounds(indices, 0, (x.shape[axis] ?? 0) - 1);
  },
  saves: ['indices'],
  vjp: ({ values: g }, { indices }, { axis }, { x }) => ({ x: g && (() => backToSource(g, indices, axis, x.shape)) }),
});

/** Values, and where along the axis each stood (i64). */
export interface Sorted {
  readonly values: Tensor;
  readonly indices: Tensor;
}

export interface SortOptions {
  /** Axis to sort along; the last one unless said otherwise. */
  readonly axis?: number;
  /** Largest first. */
  readonly descending?: boolean;
}

/**
 * x sorted along an axis, equal elements in their order. NaN counts as the largest. x [...] any dtype -> values [...], indices [...] i64. The gradient goes
 * back to where the values came from. Throws ShapeError.
 */
export function sort(x: Tensor, options: SortOptions = {}): Sorted {
  checkLive('sort', 'x', x);
  checkOptions('sort', options, ['axis', 'descending']);
  return applyMulti(sortOp, { x }, { axis: normalizeAxis('sort', options.axis ?? -1, x.shape), descending: options.descending === true });
}

/**
 * The positions i that sort() takes the elements from: x[i[0]] <= x[i[1]] <= ... along an axis, equal elements in their order, NaN as the largest. Options as for
 * sort(). x [...] any dtype -> [...] i64. Nothing is recorded: positions have no gradient. Throws ShapeError.
 */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  checkLive('argsort', 'x', x);
  checkOptions('argsort', options, ['axis', 'descending']);
  return scope(() => sort(x.detach(), options).indices, 'argsort()');
}

interface TopkAttrs {
  readonly axis: number;
  readonly k: number;
  readonly largest: boolean;
}

export const topkOp = defineMultiOp({
  name: 'topk',
  inputs: ['x'],
  outputs: ['values', 'indices'],
  infer: ({ x }, { axis, k }: TopkAttrs) => {
    const shape = x.shape.map((n, d) => (d === axis ? k : n));
    return { values: { shape, dtype: x.dtype }, indices: { shape, dtype: 'i64' } };
  },
  forward: ({ x }, { values, indices }, { axis, largest }) => {
    best([x], [values, indices], [axis, largest ? 1 : 0]);
    noteBounds(indices, 0, (x.shape[axis] ?? 0) - 1);
  },
  saves: ['indices'],
  vjp: ({ values: g }, { indices }, { axis }, { x }) => ({ x: g && (() => backToSource(g, indices, axis, x.shape)) }),
});

export interface TopkOptions {
  /** Axis to search along; the last one unless said otherwise. */
  readonly axis?: number;
  /** false for the smallest. Default: true. */
  readonly largest?: boolean;
}

/** The k largest elements along an axis, largest first. x [.., n, ..] -> values [.., k, ..], indices [.., k, ..] i64. Throws ShapeError when k > n. */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): Sorted {
  checkLive('topk', 'x', x);
  checkOptions('topk', options, ['axis', 'largest']);
  const axis = normalizeAxis('topk', options.axis ?? -1, x.shape);
  if (!Number.isInteger(k) || k < 0) throw new ArgumentError('topk', `k must be a whole number >= 0, got ${show(k)}`);
  if (k > (x.shape[axis] ?? 0)) throw new ShapeError('topk', `k = ${k} is more than axis ${axis} of x ${formatShape(x.shape)} has`);
  return applyMulti(topkOp, { x }, { axis, k, largest: options.largest !== false });
}
