import { ArgumentError, checkOptions, show } from '../errors.js';
import { add } from '../ops/elementwise/add.js';
import { gelu } from '../ops/elementwise/gelu.js';
import { relu } from '../ops/elementwise/relu.js';
import type { Tensor } from '../tensor/tensor.js';
import { MultiheadAttention } from './attention.js';
import { Dropout } from './dropout.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { LayerNorm } from './norm.js';
import { checkSize, type LayerOptions } from './options.js';

export interface TransformerEncoderLayerOptions extends LayerOptions {
  /** Features between the two linear layers; 2048. */
  readonly dimFeedforward?: number;
  /** Of the weights of attention, of the feed-forward layer and of both results; 0.1. */
  readonly dropout?: number;
  /** Between the two linear layers: relu (default), gelu, or any function of a tensor. */
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor);
  /** Added to the variance in the norms; 1e-5. */
  readonly layerNormEps?: number;
  /** Whether inputs are [batch, length, features] rather than [length, batch, features]; false, as in PyTorch. */
  readonly batchFirst?: boolean;
  /** Whether each part is normalised before it (Xiong et al. 2020) rather than behind it; false. */
  readonly normFirst?: boolean;
}

export interface EncoderCallOptions {
  /** [T, T] or [N heads, T, T]: bool (true: hidden) or floating (added to the scores). */
  readonly srcMask?: Tensor | null;
  /** [N, T]: keys that nobody sees, bool (true: hidden) or floating. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Whether each position sees those before it and itself only; false. */
  readonly isCausal?: boolean;
}

/**
 * Self-attention and two linear layers, each with a residual connection, dropout and layer norm (Vaswani et al. 2017). src [N, T, dModel] with batchFirst, [T, N, dModel]
 * without, or [T, dModel] -> the same. State keys: self_attn.*, linear1.*, linear2.*, norm1.*, norm2.*. Throws ArgumentError, ShapeError or DTypeError.
 */
export class TransformerEncoderLayer extends Module {
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(dModel: number, nhead: number, options: TransformerEncoderLayerOptions = {}) {
    super();
    const known = ['dimFeedforward', 'dropout', 'activation', 'layerNormEps', 'batchFirst', 'normFirst', 'dtype'];
    checkOptions('TransformerEncoderLayer', options, known);
    const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', layerNormEps: eps = 1e-5 } = options;
    const { batchFirst = false, normFirst = false, dtype = 'f32' } = options;
    checkSize('TransformerEncoderLayer', 'dimFeedforward', dimFeedforward);
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, dtype });
    this.linear1 = new Linear(dModel, dimFeedforward, { dtype });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { dtype });
    this.normFirst = normFirst;
    this.norm1 = new LayerNorm(dModel, { eps, dtype });
    this.norm2 = new LayerNorm(dModel, { eps, dtype });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.#activation = activationOf(activation);
  }

  forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    checkOptions('TransformerEncoderLayer', options, ['srcMask', 'srcKeyPaddingMask', 'isCausal']);
    if (this.normFirst) {
      const x = add(src, this.#attend(this.norm1.call(src), options));
      return add(x, this.#feedForward(this.norm2.call(x)));
    }
    const x = this.norm1.call(add(src, this.#attend(src, options)));
    return this.norm2.call(add(x, this.#feedForward(x)));
  }

  #attend(x: Tensor, { srcMask = null, srcKeyPaddingMask = null, isCausal = false }: EncoderCallOptions): Tensor {
    const masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal };
    const [y] = this.selfAttn.call(x, x, x, { ...masks, needWeights: false });
    return this.dropout1.call(y);
  }

  #feedForward(x: Tensor): Tensor {
    return this.dropout2.call(this.linear2.call(this.dropout.call(this.#activation(this.linear1.call(x)))));
  }
}

function activationOf(activation: 'relu' | 'gelu' | ((x: Tensor) => Tensor)): (x: Tensor) => Tensor {
  if (typeof activation === 'function') return activation;
  const known: Partial<Record<string, (x: Tensor) => Tensor>> = { relu, gelu };
  const found = known[activation];
  if (found === undefined)
    throw new ArgumentError('TransformerEncoderLayer', `activation must be relu, gelu or a function, got ${show(activation)}`);
  return found;
}
