import { checkLive } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';

const copy = kernel('copy', [1, 1]);

export const cloneOp = defineOp({
  name: 'clone',
  inputs: ['x'],
  infer: ({ x }) => ({ shape: x.shape, dtype: x.dtype }),
  forward: ({ x }, out) => copy([x], [out]),
  saves: [],
  vjp: (g) => ({ x: () => g }),
});

/** A copy with memory of its own, row-major: y = x. x [...] any dtype -> [...]. The gradient passes through. Throws DisposedError. */
export function clone(x: Tensor): Tensor {
  return apply(cloneOp, { x }, {});
}

/** x itself when its elements lie one after the other, else a clone(), where they do: y = x. x [...] any dtype -> [...]. The gradient passes through. Throws DisposedError. */
export function contiguous(x: Tensor): Tensor {
  checkLive('contiguous', 'x', x);
  return x.isContiguous ? x : clone(x);
}
