import { broadcastShapes, formatShape, normalizeAxis, sizeOf, type Shape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { expand } from './expand.js';
import { permute } from './permute.js';
import { reshape } from './reshape.js';
import { checkLive } from '../../runtime/handle.js';

/** Axes startAxis .. endAxis as one. x [a, b, c] -> [a b c]; a scalar gives [1]. Copies only when it must. Throws ShapeError. */
export function flatten(x: Tensor, startAxis = 0, endAxis = -1): Tensor {
  checkLive('flatten', 'x', x);
  if (x.shape.length === 0) return reshape(x, [1]);
  const a = normalizeAxis('flatten', startAxis, x.shape);
  const b = normalizeAxis('flatten', endAxis, x.shape);
  if (a > b) throw new ShapeError('flatten', `startAxis ${startAxis} comes after endAxis ${endAxis} in x ${formatShape(x.shape)}`);
  return reshape(x, [...x.shape.slice(0, a), sizeOf(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)]);
}

/** x with one axis in another place, the others in their order, without a copy. x [a, b, c], 0, 2 -> [b, c, a]. Throws ShapeError. */
export function movedim(x: Tensor, from: number, to: number): Tensor {
  checkLive('movedim', 'x', x);
  const a = normalizeAxis('movedim', from, x.shape);
  const order = x.shape.map((_, i) => i).filter((i) => i !== a);
  order.splice(normalizeAxis('movedim', to, x.shape), 0, a);
  return permute(x, order);
}

/** All tensors expanded to their common shape, without copies. xs [...] -> [...]. Throws ShapeError when there is none. */
export function broadcastTensors(...xs: readonly Tensor[]): Tensor[] {
  xs.forEach((x, i) => {
    checkLive('broadcastTensors', `xs[${i}]`, x);
  });
  const shape = xs.reduce<Shape>((all, x) => broadcastShapes('broadcastTensors', all, x.shape), []);
  return xs.map((x) => expand(x, shape));
}
