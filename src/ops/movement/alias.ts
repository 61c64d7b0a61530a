import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';

export const aliasOp = defineView({
  name: 'alias',
  view: (x) => ({ shape: x.shape, strides: x.strides, offset: x.offset }),
  vjp: (g) => g,
});

/** The same tensor as another place in the graph, so that a gradient can be taken at it. */
export function alias(x: Tensor): Tensor {
  return aliasOp.apply(x, {});
}
