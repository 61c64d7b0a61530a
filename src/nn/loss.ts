import { checkOptions } from '../errors.js';
import { mul } from '../ops/elementwise/mul.js';
import { abs } from '../ops/elementwise/sign.js';
import { softplus } from '../ops/elementwise/softplus.js';
import { square } from '../ops/elementwise/sqrt.js';
import { sub } from '../ops/elementwise/sub.js';
import { crossEntropy, type CrossEntropyOptions } from '../ops/loss/cross-entropy.js';
import { nllLoss, type NllLossOptions } from '../ops/loss/nll-loss.js';
import { checkReduction, checkTarget, reduceLoss, type LossReduction } from '../ops/loss/reduction.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** -log softmax(logits)[label], averaged; see crossEntropy(). logits [N, C, ...], labels [N, ...] i32 or i64 -> []. */
export class CrossEntropyLoss extends Module {
  readonly options: CrossEntropyOptions;

  constructor(options: CrossEntropyOptions = {}) {
    super();
    this.options = options;
  }

  forward(logits: Tensor, labels: Tensor): Tensor {
    return crossEntropy(logits, labels, this.options);
  }
}

/** -x[label], averaged, for log probabilities x; see nllLoss(). x [N, C, ...], labels [N, ...] i32 or i64 -> []. */
export class NLLLoss extends Module {
  readonly options: NllLossOptions;

  constructor(options: NllLossOptions = {}) {
    super();
    this.options = options;
  }

  forward(x: Tensor, labels: Tensor): Tensor {
    return nllLoss(x, labels, this.options);
  }
}

export interface LossOptions {
  /** 'mean' (default), 'sum' or 'none'. */
  readonly reduction?: LossReduction;
}

/** Losses of two tensors of one shape, element by element. */
abstract class ElementwiseLoss extends Module {
  readonly reduction: LossReduction;

  constructor(layer: string, options: LossOptions) {
    super();
    checkOptions(layer, options, ['reduction']);
    const { reduction = 'mean' } = options;
    checkReduction(layer, reduction);
    this.reduction = reduction;
  }

  /** The loss of each element. */
  protected abstract losses(x: Tensor, target: Tensor): Tensor;

  forward(x: Tensor, target: Tensor): Tensor {
    checkTarget(this.constructor.name, x, target);
    return reduceLoss(this.losses(x, target), this.reduction);
  }
}

/** (x - target)^2, averaged. x and target [...] of one shape -> []. */
export class MSELoss extends ElementwiseLoss {
  constructor(options: LossOptions = {}) {
    super('MSELoss', options);
  }

  protected losses(x: Tensor, target: Tensor): Tensor {
    return square(sub(x, target));
  }
}

/** |x - target|, averaged. x and target [...] of one shape -> []. */
export class L1Loss extends ElementwiseLoss {
  constructor(options: LossOptions = {}) {
    super('L1Loss', options);
  }

  protected losses(x: Tensor, target: Tensor): Tensor {
    return abs(sub(x, target));
  }
}

/**
 * -(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), averaged, from raw scores x. It is computed as log(1 + e^x) - t x, which never overflows.
 * x and target [...] of one shape, targets in [0, 1] -> [].
 */
export class BCEWithLogitsLoss extends ElementwiseLoss {
  constructor(options: LossOptions = {}) {
    super('BCEWithLogitsLoss', options);
  }

  protected losses(x: Tensor, target: Tensor): Tensor {
    return sub(softplus(x), mul(x, target));
  }
}
