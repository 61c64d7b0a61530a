import { ArgumentError } from '../errors.js';
import { sgdStep } from '../ops/update/sgd.js';
import { checkRange } from './check.js';
import { Optimizer, type Batch, type GroupOptions, type ParameterGroup, type Parameters } from './optimizer.js';

export interface SGDOptions extends GroupOptions {
  /** Learning rate; 0.001. */
  lr: number;
  /** Share of the last direction that is kept; 0. */
  momentum: number;
  /** Share of the gradient that momentum leaves out; 0. */
  dampening: number;
  /** L2 penalty; 0. */
  weightDecay: number;
  /** Looks ahead along the momentum; needs momentum and no dampening. */
  nesterov: boolean;
  /** Ascends instead. */
  maximize: boolean;
}

const defaults: SGDOptions = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };

/**
 * Stochastic gradient descent: d = g + weightDecay p; b = momentum b + (1 - dampening) d (at first b = d); p -= lr b, or lr (d + momentum b) with nesterov.
 * Momentum after Sutskever et al. 2013, in PyTorch's form. Throws ArgumentError on options out of range.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Parameters<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super('SGD', params, defaults, options);
  }

  protected slotNames({ momentum }: ParameterGroup<SGDOptions>): readonly string[] {
    return momentum === 0 ? [] : ['momentum_buffer'];
  }

  protected check({ lr, momentum, dampening, weightDecay, nesterov }: ParameterGroup<SGDOptions>): void {
    checkRange('SGD', 'lr', lr, 0);
    checkRange('SGD', 'momentum', momentum, 0);
    checkRange('SGD', 'dampening', dampening, -Infinity);
    checkRange('SGD', 'weightDecay', weightDecay, 0);
    if (nesterov && (momentum === 0 || dampening !== 0)) throw new ArgumentError('SGD', 'nesterov needs a momentum and no dampening');
  }

  protected update(group: ParameterGroup<SGDOptions>, { gradients, slots, step }: Batch): void {
    sgdStep(gradients, slots, group, step === 1);
  }
}
