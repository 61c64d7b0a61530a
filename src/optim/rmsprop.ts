import { rmspropStep } from '../ops/update/rmsprop.js';
import { checkRange } from './check.js';
import { Optimizer, type Batch, type GroupOptions, type ParameterGroup, type Parameters } from './optimizer.js';

export interface RMSpropOptions extends GroupOptions {
  /** Learning rate; 0.01. */
  lr: number;
  /** Decay of the running mean of squares; 0.99. */
  alpha: number;
  /** Added to the root; 1e-8. */
  eps: number;
  /** L2 penalty; 0. */
  weightDecay: number;
  /** Share of the last move that is kept; 0. */
  momentum: number;
  /** Divides by the standard deviation of the gradient instead of its root mean square. */
  centered: boolean;
  /** Ascends instead. */
  maximize: boolean;
}

const defaults: RMSpropOptions = { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false };

/**
 * RMSprop: s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps), with momentum and centering where asked for. Hinton's lecture 6e (2012); centered: Graves
 * 2013, arXiv:1308.0850. Throws ArgumentError on options out of range.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Parameters<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super('RMSprop', params, defaults, options);
  }

  protected slotNames({ centered, momentum }: ParameterGroup<RMSpropOptions>): readonly string[] {
    return ['square_avg', ...(centered ? ['grad_avg'] : []), ...(momentum === 0 ? [] : ['momentum_buffer'])];
  }

  protected check({ lr, alpha, eps, weightDecay, momentum }: ParameterGroup<RMSpropOptions>): void {
    checkRange('RMSprop', 'lr', lr, 0);
    checkRange('RMSprop', 'alpha', alpha, 0);
    checkRange('RMSprop', 'eps', eps, 0);
    checkRange('RMSprop', 'weightDecay', weightDecay, 0);
    checkRange('RMSprop', 'momentum', momentum, 0);
  }

  protected update(group: ParameterGroup<RMSpropOptions>, { gradients, slots }: Batch): void {
    rmspropStep(gradients, slots, group);
  }
}
