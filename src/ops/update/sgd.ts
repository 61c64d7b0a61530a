import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { updateGroup } from './group.js';

const plain = kernel('sgd_step', [-1, -1], ['lr', 'weightDecay', 'maximize']);
const withMomentum = kernel('sgd_momentum_step', [-1, -1], ['lr', 'weightDecay', 'maximize', 'momentum', 'dampening', 'nesterov', 'first']);

export interface SgdAttrs {
  readonly lr: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  readonly maximize: boolean;
}

/** p -= lr * d with d = g + weightDecay * p, smoothed by momentum where there is any. slots: parameters, then momentum buffers. In place. */
export function sgdStep(gradients: readonly Tensor[], slots: readonly (readonly Tensor[])[], attrs: SgdAttrs, first: boolean): void {
  const { lr, momentum, dampening, weightDecay, nesterov, maximize } = attrs;
  const common = [lr, weightDecay, Number(maximize)];
  if (momentum === 0) updateGroup('SGD.step', plain, gradients, slots, common);
  else updateGroup('SGD.step', withMomentum, gradients, slots, [...common, momentum, dampening, Number(nesterov), Number(first)]);
}
