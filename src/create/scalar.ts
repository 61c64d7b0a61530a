import { dtypeCode, dtypes, type DType } from '../core/dtype.js';
import { keep } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { full } from './fill.js';

/** By dtype code: numbers that were used next to tensors, so that `x.mul(2)` in a loop makes its 2 once. */
const cache = dtypes.map(() => new Map<number, Tensor>());
const maxCached = 512;

/** A scalar tensor for a number that stands next to a tensor in an op. It is shared: never modified, never disposed by its users. value -> []. */
export function scalar(value: number, dtype: DType): Tensor {
  const known = cache[dtypeCode[dtype]] as Map<number, Tensor>;
  const found = known.get(value);
  // A Map does not tell -0 from 0.
  if (found !== undefined && !Object.is(value, -0)) return found;
  const made = keep(full([], value, { dtype }));
  if (Object.is(value, -0)) return made;
  if (known.size >= maxCached) known.clear();
  known.set(value, made);
  return made;
}
