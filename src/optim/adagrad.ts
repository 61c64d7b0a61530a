import { adagradStep } from '../ops/update/rmsprop.js';
import { checkRange } from './check.js';
import { Optimizer, type Batch, type GroupOptions, type ParameterGroup, type Parameters } from './optimizer.js';

export interface AdagradOptions extends GroupOptions {
  /** Learning rate; 0.01. */
  lr: number;
  /** The rate of step t (from 0) is lr / (1 + t lrDecay); 0. */
  lrDecay: number;
  /** L2 penalty; 0. */
  weightDecay: number;
  /** Where the sum of squares starts; 0. */
  initialAccumulatorValue: number;
  /** Added to the root; 1e-10. */
  eps: number;
  /** Ascends instead. */
  maximize: boolean;
}

const defaults: AdagradOptions = { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false };

/** Adagrad: s += g^2; p -= lr g / (sqrt(s) + eps). Duchi, Hazan & Singer 2011, JMLR 12. Throws ArgumentError on options out of range. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Parameters<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super('Adagrad', params, defaults, options);
  }

  protected slotNames(): readonly string[] {
    return ['sum'];
  }

  protected override initialValue({ initialAccumulatorValue }: ParameterGroup<AdagradOptions>): number {
    return initialAccumulatorValue;
  }

  protected check({ lr, lrDecay, weightDecay, initialAccumulatorValue, eps }: ParameterGroup<AdagradOptions>): void {
    checkRange('Adagrad', 'lr', lr, 0);
    checkRange('Adagrad', 'lrDecay', lrDecay, 0);
    checkRange('Adagrad', 'weightDecay', weightDecay, 0);
    checkRange('Adagrad', 'initialAccumulatorValue', initialAccumulatorValue, 0);
    checkRange('Adagrad', 'eps', eps, 0);
  }

  protected update(group: ParameterGroup<AdagradOptions>, { gradients, slots, step }: Batch): void {
    const { lr, lrDecay, weightDecay, eps, maximize } = group;
    adagradStep(gradients, slots, { lr: lr / (1 + (step - 1) * lrDecay), weightDecay, eps, maximize });
  }
}
