import { checkOptions, ArgumentError, show } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { nextStream } from '../../runtime/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { checkLive } from '../../runtime/handle.js';

const forward = kernel('dropout', [1, 1], ['seed', 'stream', 'p']);

interface DropoutAttrs {
  readonly p: number;
  /** Where the random numbers come from; the gradient draws the same ones again. */
  readonly seed: number;
  readonly stream: number;
}

export const dropoutOp = defineOp({
  name: 'dropout',
  inputs: ['x'],
  infer: ({ x }, _attrs: DropoutAttrs) => ({ shape: floating('dropout', x).shape, dtype: x.dtype }),
  forward: ({ x }, out, { p, seed, stream }) => forward([x], [out], [seed, stream, p]),
  saves: [],
  vjp: (g, _saved, attrs) => ({ x: () => masked(g, attrs) }),
});

/** The same draw as before on another tensor. */
function masked(x: Tensor, attrs: DropoutAttrs): Tensor {
  return apply(dropoutOp, { x }, attrs);
}

export interface DropoutOptions {
  /** Whether to drop anything: x itself is returned when not. Default: true. */
  readonly training?: boolean;
}

/**
 * Each element is set to 0 with probability p, the others are scaled by 1 / (1 - p), so that the mean stays (Srivastava et al. 2014). No mask is stored.
 * x [...] float -> [...]. Throws ArgumentError unless 0 <= p <= 1.
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkLive('dropout', 'x', x);
  checkOptions('dropout', options, ['training']);
  const { training = true } = options;
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) throw new ArgumentError('dropout', `p must be a probability in [0, 1], got ${show(p)}`);
  floating('dropout', x);
  return !training || p === 0 ? x : masked(x, { p, ...nextStream() });
}
