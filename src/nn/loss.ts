import { crossEntropy, type CrossEntropyOptions } from '../ops/loss/cross-entropy.js';
import { nllLoss, type NllLossOptions } from '../ops/loss/nll-loss.js';
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
