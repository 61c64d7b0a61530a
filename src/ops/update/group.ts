import { checkAllLive, type Handle } from '../../runtime/handle.js';
import type { KernelCall } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Operands of one command; a batch of commands holds 16384 words and an operand takes 20 at most. */
const maxOperands = 700;

/**
 * Updates tensors in place from their gradients: one command for all of them (several for some hundreds). slots[0] are the parameters, the others their momenta,
 * slots[k][i] belonging to gradient i. What a graph saved of them counts as modified afterwards.
 */
export function updateGroup(
  op: string,
  call: KernelCall,
  gradients: readonly Tensor[],
  slots: readonly (readonly Tensor[])[],
  params: readonly number[],
): void {
  checkAllLive(op, 'gradient', gradients);
  for (const slot of slots) checkAllLive(op, 'parameter', slot);
  const chunk = Math.floor(maxOperands / (1 + slots.length));
  for (let begin = 0; begin < gradients.length; begin += chunk) {
    const end = Math.min(begin + chunk, gradients.length);
    const outs: Tensor[] = [];
    for (const slot of slots) outs.push(...slot.slice(begin, end));
    call(gradients.slice(begin, end), outs, params);
    changed(outs);
  }
}

/** Marks tensors as modified in place: a backward pass that still needs their old values then says so. */
export function changed(tensors: readonly Handle[]): void {
  for (const { storage } of tensors) storage.version++;
}
