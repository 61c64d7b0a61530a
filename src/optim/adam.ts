import { adamStep } from '../ops/update/adam.js';
import { checkRange } from './check.js';
import { Optimizer, type Batch, type GroupOptions, type ParameterGroup, type Parameters } from './optimizer.js';

export interface AdamOptions extends GroupOptions {
  /** Learning rate; 0.001. */
  lr: number;
  /** Decay of the running means of the gradient and of its square; [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the root; 1e-8. */
  eps: number;
  /** L2 penalty (Adam, 0) or decoupled decay (AdamW, 0.01). */
  weightDecay: number;
  /** Divides by the largest mean square so far (Reddi et al. 2018). */
  amsgrad: boolean;
  /** Ascends instead. */
  maximize: boolean;
}

const adamDefaults: AdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false };
const adamwDefaults: AdamOptions = { ...adamDefaults, weightDecay: 0.01 };

/** What Adam and AdamW share: two running means, bias corrected. */
abstract class AdamFamily extends Optimizer<AdamOptions> {
  protected abstract readonly decoupled: boolean;

  protected slotNames({ amsgrad }: ParameterGroup<AdamOptions>): readonly string[] {
    return amsgrad ? ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] : ['exp_avg', 'exp_avg_sq'];
  }

  protected check({ lr, betas, eps, weightDecay }: ParameterGroup<AdamOptions>): void {
    checkRange('Adam', 'lr', lr, 0);
    checkRange('Adam', 'betas[0]', betas[0], 0, 1);
    checkRange('Adam', 'betas[1]', betas[1], 0, 1);
    checkRange('Adam', 'eps', eps, 0);
    checkRange('Adam', 'weightDecay', weightDecay, 0);
  }

  protected update(group: ParameterGroup<AdamOptions>, { gradients, slots, step }: Batch): void {
    adamStep(gradients, slots, group, { step, decoupled: this.decoupled });
  }
}

/**
 * Adam: m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; p -= lr m' / (sqrt(v') + eps), m' and v' corrected for their start at 0; g includes
 * weightDecay p. Kingma & Ba 2015, arXiv:1412.6980. Throws ArgumentError on options out of range.
 */
export class Adam extends AdamFamily {
  protected readonly decoupled = false;

  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super('Adam', params, adamDefaults, options);
  }
}

/** Adam with decoupled weight decay: p shrinks by 1 - lr weightDecay before the step. Loshchilov & Hutter 2019, arXiv:1711.05101. */
export class AdamW extends AdamFamily {
  protected readonly decoupled = true;

  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super('AdamW', params, adamwDefaults, options);
  }
}
