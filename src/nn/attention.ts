import { formatShape } from '../core/shape.js';
import { zeros } from '../create/fill.js';
import { ArgumentError, checkOptions, ShapeError } from '../errors.js';
import { attentionWeights, dropped } from '../ops/attention/composite.js';
import { scaledDotProductAttention } from '../ops/attention/scaled-dot-product-attention.js';
import { add } from '../ops/elementwise/add.js';
import { logicalAnd, logicalNot } from '../ops/elementwise/logical.js';
import { where } from '../ops/elementwise/where.js';
import { linear } from '../ops/linalg/linear.js';
import { matmul } from '../ops/linalg/matmul.js';
import { permute } from '../ops/movement/permute.js';
import { reshape } from '../ops/movement/reshape.js';
import { narrow } from '../ops/movement/slice.js';
import { squeeze, unsqueeze } from '../ops/movement/squeeze.js';
import { mean } from '../ops/reduce/mean.js';
import { scalar } from '../create/scalar.js';
import { nextStream } from '../runtime/random.js';
import { scope } from '../runtime/scope.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';
import { xavierUniform_, zeros_ } from './init.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { checkBetween, checkSize, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface MultiheadAttentionOptions extends LayerOptions {
  /** Probability that a weight is dropped in training; 0. */
  readonly dropout?: number;
  /** Whether the four projections have a bias; true. */
  readonly bias?: boolean;
  /** Features of key and of value; embedDim. */
  readonly kdim?: number;
  readonly vdim?: number;
  /** Whether inputs are [batch, length, features] rather than [length, batch, features]; false, as in PyTorch. */
  readonly batchFirst?: boolean;
}

export interface AttentionCallOptions {
  /** [N, S] (or [S] without batch): keys that nobody sees, bool (true: hidden) or floating (added to the scores). */
  readonly keyPaddingMask?: Tensor | null;
  /** [T, S] or [N heads, T, S]: bool (true: hidden) or floating (added to the scores). The opposite of scaledDotProductAttention's, as in PyTorch. */
  readonly attnMask?: Tensor | null;
  /** Whether query i sees keys 0..i only, without a mask being made; false. */
  readonly isCausal?: boolean;
  /** Whether the weights are returned; true, as in PyTorch. They are a tensor of T S numbers a head: with false the fused op runs, which never makes them. */
  readonly needWeights?: boolean;
  /** Whether the weights returned are the mean over the heads; true. */
  readonly averageAttnWeights?: boolean;
}

/**
 * Attention with several heads (Vaswani et al. 2017): query, key and value are projected, each head attends to its part of the features, the heads are joined and
 * projected. query [N, T, embedDim], key [N, S, kdim], value [N, S, vdim] with batchFirst, [T, N, ..] without, or no N at all -> [output, weights]: output like query,
 * weights [N, T, S] ([N, heads, T, S] unless averaged), null unless needed. State keys: in_proj_weight [3 embedDim, embedDim] (q_proj_weight, k_proj_weight and
 * v_proj_weight when kdim or vdim differ), in_proj_bias, out_proj.weight, out_proj.bias. Throws ArgumentError, ShapeError or DTypeError.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  inProjWeight: Parameter | null = null;
  qProjWeight: Parameter | null = null;
  kProjWeight: Parameter | null = null;
  vProjWeight: Parameter | null = null;
  inProjBias: Parameter | null;
  outProj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    checkOptions('MultiheadAttention', options, ['dropout', 'bias', 'kdim', 'vdim', 'batchFirst', 'dtype']);
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim, batchFirst = false, dtype = 'f32' } = options;
    checkSize('MultiheadAttention', 'embedDim', embedDim);
    checkSize('MultiheadAttention', 'numHeads', numHeads);
    checkSize('MultiheadAttention', 'kdim', kdim);
    checkSize('MultiheadAttention', 'vdim', vdim);
    checkBetween('MultiheadAttention', 'dropout', dropout, 0, 1);
    if (embedDim % numHeads !== 0) throw new ArgumentError('MultiheadAttention', `numHeads ${numHeads} must divide embedDim ${embedDim}`);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    const weight = (rows: number, cols: number): Parameter =>
      scope(() => new Parameter(xavierUniform_(emptyTensor([rows, cols], dtype))), 'MultiheadAttention');
    if (kdim === embedDim && vdim === embedDim) this.inProjWeight = weight(3 * embedDim, embedDim);
    else {
      this.qProjWeight = weight(embedDim, embedDim);
      this.kProjWeight = weight(embedDim, kdim);
      this.vProjWeight = weight(embedDim, vdim);
    }
    this.inProjBias = bias ? scope(() => new Parameter(zeros([3 * embedDim], { dtype })), 'MultiheadAttention') : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, dtype });
    if (this.outProj.bias !== null) zeros_(this.outProj.bias);
  }

  forward(query: Tensor, key: Tensor, value: Tensor, options: AttentionCallOptions = {}): [Tensor, Tensor | null] {
    const name = `MultiheadAttention(${this.extraRepr()})`;
    checkOptions(name, options, ['keyPaddingMask', 'attnMask', 'isCausal', 'needWeights', 'averageAttnWeights']);
    const batched = this.#checkInputs(name, query, key, value);
    const { needWeights = true, averageAttnWeights = true, isCausal = false } = options;
    const q = this.#heads(query, 0);
    const k = this.#heads(key, 1);
    const v = this.#heads(value, 2);
    const attnMask = this.#mask(name, options, q, k, batched);
    const dropoutP = this.training ? this.dropout : 0;
    if (!needWeights) return [this.#join(scaledDotProductAttention(q, k, v, { attnMask, dropoutP, isCausal }), batched), null];
    const random = dropoutP > 0 ? nextStream() : { seed: 0, stream: 0 };
    const attrs = {
      scale: 1 / Math.sqrt(this.embedDim / this.numHeads),
      causal: isCausal,
      masked: attnMask !== null,
      p: dropoutP,
      ...random,
    };
    const weights = dropped(attentionWeights({ query: q, key: k, value: v, mask: attnMask ?? scalar(0, q.dtype) }, attrs), attrs);
    const shown = averageAttnWeights ? mean(weights, { axis: 1 }) : weights;
    return [this.#join(matmul(weights, v), batched), batched ? shown : squeeze(shown, 0)];
  }

  /** Whether there is a batch axis. */
  #checkInputs(name: string, query: Tensor, key: Tensor, value: Tensor): boolean {
    const given = `query ${formatShape(query.shape)}, key ${formatShape(key.shape)} and value ${formatShape(value.shape)}`;
    const rank = query.shape.length;
    const layout = this.batchFirst ? '[N, length, features]' : '[length, N, features]';
    if ((rank !== 2 && rank !== 3) || key.shape.length !== rank || value.shape.length !== rank)
      throw new ShapeError(name, `${given} must all be ${layout}, or all [length, features]`);
    const wanted: [string, Tensor, number][] = [
      ['query', query, this.embedDim],
      ['key', key, this.kdim],
      ['value', value, this.vdim],
    ];
    for (const [input, t, features] of wanted)
      if (t.shape.at(-1) !== features)
        throw new ShapeError(name, `${input} ${formatShape(t.shape)} must have ${features} features on its last axis`);
    const batchAxis = this.batchFirst ? 0 : 1;
    const sameBatch = rank === 2 || [key, value].every((t) => t.shape[batchAxis] === query.shape[batchAxis]);
    if (!sameBatch || key.shape.at(this.#lengthAxis(rank)) !== value.shape.at(this.#lengthAxis(rank)))
      throw new ShapeError(name, `${given} must have the same batch size, key and value the same length: ${layout}`);
    return rank === 3;
  }

  #lengthAxis(rank: number): number {
    return rank === 3 && this.batchFirst ? 1 : 0;
  }

  /** One input projected and cut into heads: [N, heads, length, depth], a view of the projection. */
  #heads(x: Tensor, which: 0 | 1 | 2): Tensor {
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight][which] ?? null;
    const weight = this.inProjWeight === null ? own : narrow(this.inProjWeight, 0, which * this.embedDim, this.embedDim);
    if (weight === null) throw new ArgumentError('MultiheadAttention', 'a projection has no weight');
    const bias = this.inProjBias === null ? null : narrow(this.inProjBias, 0, which * this.embedDim, this.embedDim);
    const y = linear(x, weight, bias);
    const split = reshape(y, [...y.shape.slice(0, -1), this.numHeads, this.embedDim / this.numHeads]);
    if (x.shape.length === 2) return unsqueeze(permute(split, [1, 0, 2]), 0);
    return permute(split, this.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }

  /** [N, heads, T, depth] -> the layout of query, projected. */
  #join(y: Tensor, batched: boolean): Tensor {
    const [n = 0, , length = 0] = y.shape;
    if (!batched) return this.outProj.call(reshape(permute(squeeze(y, 0), [1, 0, 2]), [length, this.embedDim]));
    const rows = this.batchFirst ? permute(y, [0, 2, 1, 3]) : permute(y, [2, 0, 1, 3]);
    return this.outProj.call(reshape(rows, [...(this.batchFirst ? [n, length] : [length, n]), this.embedDim]));
  }

  /** Both masks as one for scaledDotProductAttention, broadcast to [N, heads, T, S]. */
  #mask(name: string, { attnMask, keyPaddingMask }: AttentionCallOptions, q: Tensor, k: Tensor, batched: boolean): Tensor | null {
    const [n = 1, heads = 1, length = 0] = q.shape;
    const keys = k.shape[2] ?? 0;
    let pairs: Tensor | null = null;
    if (attnMask !== undefined && attnMask !== null) {
      const all = [n * heads, length, keys];
      if (formatShape(attnMask.shape) === formatShape(all)) pairs = reshape(attnMask, [n, heads, length, keys]);
      else if (formatShape(attnMask.shape) === formatShape([length, keys])) pairs = attnMask;
      else
        throw new ShapeError(name, `attnMask ${formatShape(attnMask.shape)} must be ${formatShape([length, keys])} or ${formatShape(all)}`);
    }
    let padding: Tensor | null = null;
    if (keyPaddingMask !== undefined && keyPaddingMask !== null) {
      const wanted = batched ? [n, keys] : [keys];
      if (formatShape(keyPaddingMask.shape) !== formatShape(wanted))
        throw new ShapeError(name, `keyPaddingMask ${formatShape(keyPaddingMask.shape)} must be ${formatShape(wanted)}`);
      padding = reshape(keyPaddingMask, [n, 1, 1, keys]);
    }
    return combine(pairs, padding, q);
  }

  override extraRepr(): string {
    return `${this.embedDim}, ${this.numHeads}${this.dropout === 0 ? '' : `, dropout: ${this.dropout}`}${this.batchFirst ? ', batchFirst: true' : ''}`;
  }
}

/** Masks in which true hides -> one in which true is seen, or the sum of what is added when either is floating. */
function combine(a: Tensor | null, b: Tensor | null, like: Tensor): Tensor | null {
  const [first, second] = [a ?? b, a === null ? null : b];
  if (first === null) return null;
  if (second === null) return first.dtype === 'bool' ? logicalNot(first) : first;
  if (first.dtype === 'bool' && second.dtype === 'bool') return logicalAnd(logicalNot(first), logicalNot(second));
  const added = (mask: Tensor): Tensor =>
    mask.dtype === 'bool' ? where(mask, scalar(-Infinity, like.dtype), scalar(0, like.dtype)) : mask;
  return add(added(first), added(second));
}
