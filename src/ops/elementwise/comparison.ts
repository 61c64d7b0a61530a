import type { Spec } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp, type Op } from '../op.js';
import { applyBinary, binarySpec } from './binary.js';

/** A question about two tensors, answered by a bool for each pair of elements. Piecewise constant: not differentiable. */
export function definePredicate(name: string, kernelName: string): Op<'x' | 'y', unknown> {
  const forward = kernel(kernelName, [2, 1]);
  return defineOp({
    name,
    inputs: ['x', 'y'],
    infer: ({ x, y }): Spec => ({ shape: binarySpec(name, x, y).shape, dtype: 'bool' }),
    forward: ({ x, y }, out) => forward([x, y], [out]),
    saves: [],
    vjp: null,
  });
}

export const eqOp = definePredicate('eq', 'eq');
export const neOp = definePredicate('ne', 'ne');
export const ltOp = definePredicate('lt', 'lt');
export const leOp = definePredicate('le', 'le');
export const gtOp = definePredicate('gt', 'gt');
export const geOp = definePredicate('ge', 'ge');

/** Whether x = y (false for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function eq(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(eqOp, x, y);
}

/** Whether x differs from y (true for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function ne(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(neOp, x, y);
}

/** Whether x < y (false for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function lt(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(ltOp, x, y);
}

/** Whether x <= y (false for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function le(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(leOp, x, y);
}

/** Whether x > y (false for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function gt(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(gtOp, x, y);
}

/** Whether x >= y (false for NaN), elementwise with broadcasting. x [...], y [...] or a number -> [...] bool; dtypes are promoted. Throws ShapeError when the shapes do not broadcast. */
export function ge(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(geOp, x, y);
}
