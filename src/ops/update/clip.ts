import { kernel } from '../../runtime/kernel.js';
import { emptyTensor, type Tensor } from '../../tensor/tensor.js';
import { changed } from './group.js';

const norm = kernel('grad_norm', [-1, 1], ['order']);
const scale = kernel('scale_to_norm', [1, -1], ['maxNorm']);
const clamp = kernel('clamp_in_place', [0, -1], ['limit']);

/** The norm of all elements of several tensors of one dtype. order: 1, 2 or Infinity. xs [...] -> []. */
export function normOf(xs: readonly [Tensor, ...Tensor[]], order: number): Tensor {
  const out = emptyTensor([], xs[0].dtype);
  norm(xs, [out], [order === Infinity ? 0 : order]);
  return out;
}

/** x *= min(1, maxNorm / (norm + 1e-6)), in place. */
export function scaleToNorm(xs: readonly Tensor[], norm: Tensor, maxNorm: number): void {
  scale([norm], xs, [maxNorm]);
  changed(xs);
}

/** x = min(max(x, -limit), limit), in place. */
export function clampInPlace(xs: readonly Tensor[], limit: number): void {
  clamp([], xs, [limit]);
  changed(xs);
}
