import { formatShape, type Spec } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';

const forward = kernel('triangle', [1, 1], ['k', 'upper']);

interface Attrs {
  readonly k: number;
  readonly upper: boolean;
}

export const triangleOp = defineOp({
  name: 'triangle',
  inputs: ['x'],
  infer: ({ x }, { upper }: Attrs) => matrices(upper ? 'triu' : 'tril', x),
  forward: ({ x }, out, { k, upper }) => forward([x], [out], [k, upper ? 1 : 0]),
  saves: [],
  vjp: (g, _saved, attrs) => ({ x: () => cut(g, attrs) }),
});

function matrices(op: string, x: Spec): Spec {
  if (x.shape.length < 2) throw new ShapeError(op, `x ${formatShape(x.shape)} must have at least two axes`);
  return { shape: x.shape, dtype: x.dtype };
}

function cut(x: Tensor, attrs: Attrs): Tensor {
  if (!Number.isSafeInteger(attrs.k))
    throw new ArgumentError(attrs.upper ? 'triu' : 'tril', `k must be a whole number, got ${show(attrs.k)}`);
  return apply(triangleOp, { x }, attrs);
}

/** The lower triangles of matrices: y[i, j] = j <= i + k ? x[i, j] : 0. x [.., m, n] -> [.., m, n]. Throws ShapeError. */
export function tril(x: Tensor, k = 0): Tensor {
  return cut(x, { k, upper: false });
}

/** The upper triangles of matrices: y[i, j] = j >= i + k ? x[i, j] : 0. x [.., m, n] -> [.., m, n]. Throws ShapeError. */
export function triu(x: Tensor, k = 0): Tensor {
  return cut(x, { k, upper: true });
}
