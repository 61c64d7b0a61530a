import { kernel } from '../../runtime/kernel.js';
import { checkLive } from '../../runtime/handle.js';
import { formatShape, sameShape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { releaseHandle } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { to } from '../elementwise/cast.js';
import { changed } from './group.js';

const copy = kernel('copy', [1, 1]);
const add = kernel('increment', [0, 1], ['by']);

/** target = source, in place, converting the dtype. target [...], source of the same shape. Not recorded. Throws ShapeError on another shape. */
export function assign(op: string, target: Tensor, source: Tensor): void {
  checkLive(op, 'target', target);
  checkLive(op, 'source', source);
  if (!sameShape(target.shape, source.shape))
    throw new ShapeError(op, `the tensor has shape ${formatShape(target.shape)}, its new values ${formatShape(source.shape)}`);
  if (target.size === 0) return;
  const values = to(source.detach(), target.dtype);
  copy([values], [target]);
  releaseHandle(values, op);
  changed([target]);
}

/** counter += by, in place. counter i64, one element. Not recorded. */
export function increment(counter: Tensor, by: number): void {
  checkLive('increment', 'counter', counter);
  add([], [counter], [by]);
  changed([counter]);
}
