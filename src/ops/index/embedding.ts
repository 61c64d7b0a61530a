import { formatShape, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError, show } from '../../errors.js';
import { full } from '../../create/fill.js';
import { scalar } from '../../create/scalar.js';
import { checkLive, Handle } from '../../runtime/handle.js';
import type { Tensor } from '../../tensor/tensor.js';
import { contiguous } from '../movement/contiguous.js';
import { apply, defineOp } from '../op.js';
import { gatherKernel, noSkip, requireIndex, scatterAddKernel, spreadScalar } from './positions.js';
import { scatter } from './scatter.js';

const forward = gatherKernel('embedding');
const backward = scatterAddKernel('embedding');

interface Attrs {
  /** Row that gets no gradient, or -1. */
  readonly skip: number;
}

/** index [...] and rows [..., d] as one list: [k, d]. */
function asRows(t: Handle, rows: number, columns: number): Handle {
  return new Handle(t.storage, t.dtype, [rows, columns], null, t.offset);
}
function asColumn(index: Handle, rows: number, columns: number): Handle {
  return new Handle(index.storage, index.dtype, [rows, columns], [1, 0], index.offset);
}

function count(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

export const embeddingOp = defineOp({
  name: 'embedding',
  inputs: ['index', 'weight'],
  infer: ({ index, weight }, _attrs: Attrs) => ({ shape: [...index.shape, width(index, weight)], dtype: weight.dtype }),
  forward: ({ index, weight }, out) => {
    const [rows, columns] = [count(index.shape), weight.shape[1] ?? 0];
    forward(weight, asColumn(index, rows, columns), asRows(out, rows, columns), 0);
  },
  saves: ['index'],
  vjp: (g, { index }, { skip }, { weight }) => ({
    index: null,
    weight: () => apply(embeddingGradOp, { g: contiguous(g), index }, { skip, rows: weight.shape[0] ?? 0 }),
  }),
});

/** Zeros of weight's shape, and the rows of g added where they were taken from, first to last. */
export const embeddingGradOp = defineOp({
  name: 'embeddingGrad',
  inputs: ['g', 'index'],
  infer: ({ g }, { rows }: Attrs & { rows: number }) => ({ shape: [rows, g.shape.at(-1) ?? 0], dtype: g.dtype }),
  forward: ({ g, index }, out, { skip }) => {
    const [rows, columns] = [count(index.shape), g.shape.at(-1) ?? 0];
    const zero = spreadScalar(scalar(0, g.dtype), out.shape);
    backward(zero, asColumn(index, rows, columns), asRows(g, rows, columns), out, 0, skip);
  },
  saves: ['index'],
  vjp: (g, { index }, { skip }) => ({ g: () => looked(index, skip === noSkip ? g : withoutRow(g, skip), skip), index: null }),
});

function looked(index: Tensor, weight: Tensor, skip: number): Tensor {
  return apply(embeddingOp, { index, weight }, { skip });
}

/** weight with zeros in one row. */
function withoutRow(weight: Tensor, row: number): Tensor {
  return scatter(weight, 0, full([1, weight.shape[1] ?? 0], row, { dtype: 'i64' }), 0);
}

function width(index: Spec, weight: Spec): number {
  requireIndex('embedding', index);
  const [, columns] = weight.shape;
  if (columns === undefined || weight.shape.length !== 2)
    throw new ShapeError('embedding', `weight ${formatShape(weight.shape)} must be [rows, columns]`);
  return columns;
}

export interface EmbeddingOptions {
  /** Row of weight that gets no gradient (the token that fills up short sequences). */
  readonly paddingIdx?: number;
}

/**
 * Rows of a table: y[..., :] = weight[index[...], :]. index [...] i32 or i64, weight [n, d] -> [..., d]. The gradient adds rows in the order of index, so
 * its bits do not depend on threads. An index outside 0..n-1 rejects the read of the result. Throws ShapeError, DTypeError or ArgumentError.
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkLive('embedding', 'index', index);
  checkOptions('embedding', options, ['paddingIdx']);
  checkLive('embedding', 'weight', weight);
  const rows = weight.shape[0] ?? 0;
  const { paddingIdx } = options;
  if (paddingIdx !== undefined && (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows))
    throw new ArgumentError('embedding', `paddingIdx ${show(paddingIdx)} is not a row of weight ${formatShape(weight.shape)}`);
  const skip = paddingIdx === undefined ? noSkip : paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  return looked(contiguous(index), weight, skip);
}
