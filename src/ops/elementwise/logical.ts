import type { Spec } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp, type Op } from '../op.js';
import { applyBinary } from './binary.js';
import { definePredicate } from './comparison.js';
import { applyUnary } from './unary.js';

/** A question about one tensor, answered by a bool for each element. */
export function defineQuestion(name: string, kernelName: string): Op<'x', unknown> {
  const forward = kernel(kernelName, [1, 1]);
  return defineOp({
    name,
    inputs: ['x'],
    infer: ({ x }): Spec => ({ shape: x.shape, dtype: 'bool' }),
    forward: ({ x }, out) => forward([x], [out]),
    saves: [],
    vjp: null,
  });
}

export const logicalAndOp = definePredicate('logicalAnd', 'logical_and');
export const logicalOrOp = definePredicate('logicalOr', 'logical_or');
export const logicalXorOp = definePredicate('logicalXor', 'logical_xor');
export const logicalNotOp = defineQuestion('logicalNot', 'logical_not');

/** Whether both are true (not 0), elementwise with broadcasting. x [...], y [...] of any dtypes -> [...] bool. Throws ShapeError when the shapes do not broadcast. */
export function logicalAnd(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(logicalAndOp, x, y);
}

/** Whether either is true (not 0), elementwise with broadcasting. x [...], y [...] of any dtypes -> [...] bool. Throws ShapeError when the shapes do not broadcast. */
export function logicalOr(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(logicalOrOp, x, y);
}

/** Whether exactly one is true (not 0), elementwise with broadcasting. x [...], y [...] of any dtypes -> [...] bool. Throws ShapeError when the shapes do not broadcast. */
export function logicalXor(x: Tensor, y: Tensor | number): Tensor {
  return applyBinary(logicalXorOp, x, y);
}

/** Whether x is 0. x [...] of any dtype -> [...] bool. */
export function logicalNot(x: Tensor): Tensor {
  return applyUnary(logicalNotOp, x, {});
}
