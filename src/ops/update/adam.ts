import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { updateGroup } from './group.js';

const names = ['lr', 'beta1', 'beta2', 'eps', 'weightDecay', 'decoupled', 'correction1', 'correction2', 'maximize'];
const plain = kernel('adam_step', [-1, -1], names);
const largest = kernel('adam_amsgrad_step', [-1, -1], names);

export interface AdamAttrs {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly amsgrad: boolean;
  readonly maximize: boolean;
}

/** Step number `step` (from 1) of Adam, or of AdamW with `decoupled` weight decay. slots: parameters, m, v and, with amsgrad, the largest v. In place. */
export function adamStep(
  gradients: readonly Tensor[],
  slots: readonly (readonly Tensor[])[],
  { lr, betas: [beta1, beta2], eps, weightDecay, amsgrad, maximize }: AdamAttrs,
  { step, decoupled }: { readonly step: number; readonly decoupled: boolean },
): void {
  const corrections = [1 - beta1 ** step, 1 - beta2 ** step];
  const params = [lr, beta1, beta2, eps, weightDecay, Number(decoupled), ...corrections, Number(maximize)];
  updateGroup(decoupled ? 'AdamW.step' : 'Adam.step', amsgrad ? largest : plain, gradients, slots, params);
}
