import type { DType } from '../core/dtype.js';
import { isFloating } from '../core/dtype.js';
import { formatSpec, type Spec } from '../core/shape.js';
import { DTypeError } from '../errors.js';

// Which dtypes an op takes: the rules that many ops share.

/** x's own spec; throws DTypeError unless x is floating. */
export function floating(op: string, x: Spec, name = 'x'): Spec {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `${name} must be floating, got ${formatSpec(x)}; convert it with to('f32')`);
  return x;
}

/** Throws DTypeError unless x's dtype is one of `allowed`. */
export function requireDType(op: string, x: Spec, allowed: readonly DType[], name = 'x'): void {
  if (!allowed.includes(x.dtype)) throw new DTypeError(op, `${name} must be ${allowed.join(' or ')}, got ${formatSpec(x)}`);
}

/** Throws DTypeError unless both have the same dtype. */
export function sameDType(op: string, x: Spec, y: Spec, names: readonly [string, string] = ['x', 'y']): DType {
  if (x.dtype !== y.dtype)
    throw new DTypeError(op, `${names[0]} ${formatSpec(x)} and ${names[1]} ${formatSpec(y)} have different dtypes; convert one with to()`);
  return x.dtype;
}
