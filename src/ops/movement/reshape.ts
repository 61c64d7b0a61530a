import { formatShape, isContiguous, contiguousStrides, sizeOf, checkShape, type Shape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';
import { contiguous } from './contiguous.js';

export const reshapeOp = defineView({
  name: 'reshape',
  view: (x, { shape }: { shape: Shape }) => ({ shape, strides: contiguousStrides(shape), offset: x.offset }),
  vjp: (g, _attrs, x) => reshape(g, x.shape),
});

/**
 * The same elements in row-major order under another shape; one size may be -1 and is worked out. x [...] -> shape. Copies only when x's elements do not
 * lie one after the other. Throws ShapeError when the number of elements differs.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const target = resolve(x, shape);
  const source = isContiguous(x.shape, x.strides) ? x : contiguous(x);
  return reshapeOp.apply(source, { shape: target });
}

function resolve(x: Tensor, shape: Shape): Shape {
  const unknown = shape.filter((n) => n === -1).length;
  if (unknown > 1) throw new ShapeError('reshape', `at most one size may be -1, got ${formatShape(shape)}`);
  const known = shape.filter((n) => n !== -1);
  checkShape('reshape', known);
  const rest = sizeOf(known);
  const size = sizeOf(x.shape);
  if (unknown === 0 ? rest !== size : rest === 0 || size % rest !== 0) {
    throw new ShapeError('reshape', `x ${formatShape(x.shape)} has ${size} elements, which do not fit ${formatShape(shape)}`);
  }
  return unknown === 0 ? [...shape] : shape.map((n) => (n === -1 ? size / rest : n));
}
