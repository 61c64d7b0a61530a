import { promote, scalarDType } from '../../core/dtype.js';
import { broadcastShapes, sameShape, type Spec } from '../../core/shape.js';
import { describe, ArgumentError } from '../../errors.js';
import { Tensor } from '../../tensor/tensor.js';
import { scalar } from '../../create/scalar.js';
import { sameDType } from '../dtypes.js';
import type { Op } from '../op.js';
import { to } from './cast.js';

/** Broadcast shape and common dtype of a binary op. */
export function binarySpec(op: string, x: Spec, y: Spec): Spec {
  const shape = sameShape(x.shape, y.shape) ? x.shape : broadcastShapes(op, x.shape, y.shape);
  return { shape, dtype: x.dtype === y.dtype ? x.dtype : sameDType(op, x, y) };
}

/** Calls an op of two inputs. The commonest operands go past `pair`, a third of the bytecode that V8 compiles in one piece. */
export function applyBinary(op: Op<'x' | 'y', unknown>, x: Tensor, y: Tensor | number): Tensor {
  if (x instanceof Tensor && y instanceof Tensor && x.dtype === y.dtype) return op.apply({ x, y }, noAttrs);
  const [a, b] = pair(op.name, x, y);
  return op.apply({ x: a, y: b }, noAttrs);
}

const noAttrs = {};

/** Both operands as tensors of one dtype: a number becomes a scalar of x's dtype, different dtypes are promoted. */
export function pair(op: string, x: Tensor, y: Tensor | number): [Tensor, Tensor] {
  if (!(x instanceof Tensor)) throw new ArgumentError(op, `x must be a tensor, got ${describe(x)}`);
  if (typeof y === 'number') {
    const dtype = scalarDType(x.dtype, y);
    return [x.dtype === dtype ? x : to(x, dtype), scalar(y, dtype)];
  }
  if (!(y instanceof Tensor)) throw new ArgumentError(op, `y must be a tensor or a number, got ${describe(y)}`);
  if (x.dtype === y.dtype) return [x, y];
  const dtype = promote(x.dtype, y.dtype);
  return [x.dtype === dtype ? x : to(x, dtype), y.dtype === dtype ? y : to(y, dtype)];
}

export { describe };
