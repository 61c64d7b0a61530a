import { formatShape } from '../core/shape.js';
import { randn } from '../create/random.js';
import { ArgumentError, checkOptions, ShapeError } from '../errors.js';
import { embedding } from '../ops/index/embedding.js';
import { narrow } from '../ops/movement/slice.js';
import { scope } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { zeros_ } from './init.js';
import { Module } from './module.js';
import { checkSize, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface EmbeddingOptions extends LayerOptions {
  /** Row that starts as zeros and gets no gradient; negative counts from the end. */
  readonly paddingIdx?: number;
}

/** Rows of a table: index [...] i32 or i64 -> [..., embeddingDim]. weight [numEmbeddings, embeddingDim] starts normal. See embedding(). */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkOptions('Embedding', options, ['paddingIdx', 'dtype']);
    checkSize('Embedding', 'numEmbeddings', numEmbeddings);
    checkSize('Embedding', 'embeddingDim', embeddingDim);
    const { paddingIdx, dtype = 'f32' } = options;
    if (paddingIdx !== undefined && !(Number.isInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings))
      throw new ArgumentError('Embedding', `paddingIdx ${paddingIdx} is not one of ${numEmbeddings} rows`);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx === undefined ? null : paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = scope(() => {
      const values = randn([numEmbeddings, embeddingDim], { dtype });
      if (this.paddingIdx !== null) zeros_(narrow(values, 0, this.paddingIdx, 1));
      return new Parameter(values);
    }, 'Embedding');
  }

  /** A layer with the rows of a given table. weight [n, d]. Throws ShapeError on another rank. */
  static fromPretrained(weight: Tensor, { freeze = true }: { readonly freeze?: boolean } = {}): Embedding {
    const [n, d] = weight.shape;
    if (weight.rank !== 2 || n === undefined || d === undefined)
      throw new ShapeError('Embedding.fromPretrained', `weight ${formatShape(weight.shape)} must be [n, d]`);
    const layer = new Embedding(n, d, { dtype: weight.dtype === 'f64' ? 'f64' : 'f32' });
    layer.loadStateDict({ weight });
    layer.requiresGrad(!freeze);
    return layer;
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, this.paddingIdx === null ? {} : { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${this.paddingIdx === null ? '' : `, paddingIdx: ${this.paddingIdx}`}`;
  }
}
