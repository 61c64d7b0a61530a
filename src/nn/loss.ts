import { checkOptions } from '../errors.js';
import { crossEntropy, type CrossEntropyOptions } from '../ops/loss/cross-entropy.js';
import { nllLoss, type NllLossOptions } from '../ops/loss/nll-loss.js';
import { bceWithLogits, type BceWithLogitsOptions } from '../ops/loss/probability.js';
import { checkReduction, checkTarget } from '../ops/loss/reduction.js';
import { l1Loss, mseLoss, type LossOptions } from '../ops/loss/regression.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

export type { LossOptions } from '../ops/loss/regression.js';

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

/** Losses of two tensors of one shape, element by element. */
abstract class ElementwiseLoss<Options extends LossOptions> extends Module {
  readonly options: Options;

  constructor(layer: string, options: Options, known: readonly string[] = ['reduction']) {
    super();
    checkOptions(layer, options, known);
    checkReduction(layer, options.reduction ?? 'mean');
    this.options = options;
  }
}

/** (x - target)^2, averaged; see mseLoss(). x and target [...] of one shape -> []. */
export class MSELoss extends ElementwiseLoss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super('MSELoss', options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    checkTarget('MSELoss', x, target);
    return mseLoss(x, target, this.options);
  }
}

/** |x - target|, averaged; see l1Loss(). x and target [...] of one shape -> []. */
export class L1Loss extends ElementwiseLoss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super('L1Loss', options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    checkTarget('L1Loss', x, target);
    return l1Loss(x, target, this.options);
  }
}

/**
 * -(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), averaged, from raw scores x; see bceWithLogits(). x and target [...] of one shape, targets in [0, 1] -> [].
 */
export class BCEWithLogitsLoss extends ElementwiseLoss<BceWithLogitsOptions> {
  constructor(options: BceWithLogitsOptions = {}) {
    super('BCEWithLogitsLoss', options, ['reduction', 'weight', 'posWeight']);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    checkTarget('BCEWithLogitsLoss', x, target);
    return bceWithLogits(x, target, this.options);
  }
}
