import { kernel } from '../../runtime/kernel.js';
import { isWithin } from '../../runtime/known-range.js';
import { nextStream, type RngState } from '../../runtime/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';

const forward = kernel('bernoulli', [1, 1], ['seed', 'stream'], { fallible: 'bernoulli' });

export const bernoulliOp = defineOp({
  name: 'bernoulli',
  inputs: ['p'],
  infer: ({ p }, _attrs: RngState) => floating('bernoulli', p, 'p'),
  forward: ({ p }, out, { seed, stream }) => forward([p], [out], [seed, stream], isWithin(p, 0, 1)),
  saves: [],
  vjp: null,
});

/**
 * 1 with probability p, else 0, drawn for each element. p [...] float in [0, 1] -> [...]. Not differentiable. A p outside [0, 1] rejects the read of the
 * result.
 */
export function bernoulli(p: Tensor): Tensor {
  return apply(bernoulliOp, { p }, nextStream());
}
