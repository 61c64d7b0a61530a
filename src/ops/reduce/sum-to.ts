import { sameShape, type Shape } from '../../core/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { sum } from './sum.js';

/** Undoes broadcasting: sums x over the axes along which `shape` was repeated to give x's shape. x [...] -> shape. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const leading = Array.from({ length: lead }, (_, i) => i);
  const repeated = shape.flatMap((n, i) => (n === 1 && x.shape[i + lead] !== 1 ? [i + lead] : []));
  const summed = repeated.length > 0 ? sum(x, { axis: repeated, keepdims: true }) : x;
  return lead > 0 ? sum(summed, { axis: leading }) : summed;
}
