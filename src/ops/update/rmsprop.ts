import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { updateGroup } from './group.js';

const rmsprop = kernel('rmsprop_step', [-1, -1], ['lr', 'alpha', 'eps', 'weightDecay', 'momentum', 'centered', 'maximize']);
const adagrad = kernel('adagrad_step', [-1, -1], ['lr', 'eps', 'weightDecay', 'maximize']);

export interface RmspropAttrs {
  readonly lr: number;
  readonly alpha: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly momentum: number;
  readonly centered: boolean;
  readonly maximize: boolean;
}

/** slots: parameters, mean squares, then (centered) mean gradients, then (momentum) buffers. In place. */
export function rmspropStep(gradients: readonly Tensor[], slots: readonly (readonly Tensor[])[], attrs: RmspropAttrs): void {
  const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = attrs;
  updateGroup('RMSprop.step', rmsprop, gradients, slots, [lr, alpha, eps, weightDecay, momentum, Number(centered), Number(maximize)]);
}

export interface AdagradAttrs {
  /** The rate of this step, decay included. */
  readonly lr: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly maximize: boolean;
}

/** slots: parameters, sums of squares. In place. */
export function adagradStep(gradients: readonly Tensor[], slots: readonly (readonly Tensor[])[], attrs: AdagradAttrs): void {
  const { lr, eps, weightDecay, maximize } = attrs;
  updateGroup('Adagrad.step', adagrad, gradients, slots, [lr, eps, weightDecay, Number(maximize)]);
}
