import { scalar } from '../../create/scalar.js';
import { formatShape, formatSpec, sameShape, type Shape, type Spec } from '../../core/shape.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { noGrad } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { contiguous } from '../movement/contiguous.js';
import { expand } from '../movement/expand.js';

/** A weight or bias of the given shape, or `value` everywhere when there is none. Throws ShapeError or DTypeError. */
export function parameter(op: string, name: string, x: Spec, shape: Shape, given: Tensor | null | undefined, value: number): Tensor {
  if (given === undefined || given === null) return expand(scalar(value, x.dtype), shape);
  checkTensor(op, given, name);
  if (!sameShape(given.shape, shape)) throw new ShapeError(op, `${name} ${formatShape(given.shape)} must be ${formatShape(shape)}`);
  if (given.dtype !== x.dtype) throw new DTypeError(op, `${name} must be ${x.dtype} as x, got ${formatSpec(given)}`);
  return given;
}

/** Calls `fn` with handles of the given shapes on the tensors' values, row-major: copies where they do not lie so. For the forward of an op. */
export function withShapes(tensors: readonly Tensor[], shapes: readonly Shape[], fn: (handles: readonly Handle[]) => void): void {
  const packed = noGrad(() => tensors.map((t) => contiguous(t)));
  fn(packed.map((t, i) => shaped(t, shapes[i] ?? t.shape)));
  packed.forEach((t, i) => {
    if (t !== tensors[i]) t.dispose();
  });
}

/** A handle on a contiguous tensor's values under another shape. */
export function shaped(t: Tensor, shape: Shape): Handle {
  return new Handle(t.storage, t.dtype, shape, null, t.offset);
}
