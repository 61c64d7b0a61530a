import { broadcastShapes, formatShape, type Shape, type Spec } from '../../core/shape.js';
import { isFloating } from '../../core/dtype.js';
import { scalar } from '../../create/scalar.js';
import { ArgumentError, checkOptions, ShapeError, show } from '../../errors.js';
import { checkLive } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { nextStream } from '../../runtime/random.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { unsqueeze } from '../movement/squeeze.js';
import { lazy } from '../norm/lazy.js';
import { floating, requireDType, sameDType } from '../dtypes.js';
import { applyMulti, defineMultiOp } from '../op.js';
import { compositeGrads, type AttentionAttrs, type AttentionInputs } from './composite.js';

const name = 'scaledDotProductAttention';
const params: readonly string[] = ['scale', 'causal', 'seed', 'stream', 'p'];
const forward = kernel('attention', [-1, 2], params);
const backward = kernel('attention_grad', [-1, 3], params);

type Inputs = keyof AttentionInputs;

function values({ scale, causal, seed, stream, p }: AttentionAttrs): number[] {
  return [scale, Number(causal), seed, stream, p];
}

/** Shape without its last two axes. */
const leading = (x: Spec): Shape => x.shape.slice(0, -2);

/** The leading axes of the result. */
function heads({ query, key, value }: Record<'query' | 'key' | 'value', Spec>): Shape {
  const both = broadcastShapes(name, leading(query), leading(key), ['the leading axes of query', 'those of key']);
  return broadcastShapes(name, both, leading(value), ['the leading axes of query and key', 'those of value']);
}

function checkMask(mask: Spec, dtype: Spec['dtype'], scores: Shape): void {
  requireDType(name, mask, ['bool', dtype], 'attnMask');
  const missing = scores.length - mask.shape.length;
  if (missing < 0 || !mask.shape.every((n, i) => n === 1 || n === scores[i + missing]))
    throw new ShapeError(name, `attnMask ${formatShape(mask.shape)} does not broadcast to the scores ${formatShape(scores)}`);
}

function attentionSpec({ query, key, value, mask }: Record<Inputs, Spec>, { masked }: AttentionAttrs): Record<'y' | 'lse', Spec> {
  for (const [input, spec] of Object.entries({ query, key, value })) {
    floating(name, spec, input);
    if (spec.shape.length < 2)
      throw new ShapeError(name, `${input} ${formatShape(spec.shape)} must have two axes or more: [..., length, depth]`);
  }
  const dtype = sameDType(name, query, key, ['query', 'key']);
  sameDType(name, query, value, ['query', 'value']);
  const shapes = `query ${formatShape(query.shape)}, key ${formatShape(key.shape)} and value ${formatShape(value.shape)}`;
  if (query.shape.at(-1) !== key.shape.at(-1)) throw new ShapeError(name, `${shapes}: query and key must have the same depth (last axis)`);
  if (key.shape.at(-2) !== value.shape.at(-2))
    throw new ShapeError(name, `${shapes}: key and value must have the same length (second last axis)`);
  const lead = heads({ query, key, value });
  const [length = 0, width = 0] = [query.shape.at(-2), value.shape.at(-1)];
  if (masked) checkMask(mask, dtype, [...lead, length, key.shape.at(-2) ?? 0]);
  return { y: { shape: [...lead, length, width], dtype }, lse: { shape: [...lead, length], dtype } };
}

/** The fused gradients. Where they are to be differentiated again, `compositeGrads` stands in for it. */
export const attentionGradOp = defineMultiOp({
  name: 'scaledDotProductAttentionGrad',
  inputs: ['g', 'query', 'key', 'value', 'mask', 'y', 'lse'],
  outputs: ['dquery', 'dkey', 'dvalue'],
  infer: ({ query, key, value }, _attrs: AttentionAttrs) => {
    const lead = heads({ query, key, value });
    const full = (x: Spec): Spec => ({ shape: [...lead, ...x.shape.slice(-2)], dtype: x.dtype });
    return { dquery: full(query), dkey: full(key), dvalue: full(value) };
  },
  forward: ({ g, query, key, value, mask, y, lse }, { dquery, dkey, dvalue }, attrs) => {
    const tensors = [query, key, value, g, y, lse];
    backward(attrs.masked ? [...tensors, mask] : tensors, [dquery, dkey, dvalue], values(attrs));
  },
  saves: [],
  vjp: null,
});

export const attentionOp = defineMultiOp({
  name,
  inputs: ['query', 'key', 'value', 'mask'],
  outputs: ['y', 'lse'],
  infer: attentionSpec,
  forward: ({ query, key, value, mask }, { y, lse }, attrs) =>
    forward(attrs.masked ? [query, key, value, mask] : [query, key, value], [y, lse], values(attrs)),
  saves: ['query', 'key', 'value', 'mask', 'y', 'lse'],
  vjp: ({ y: g }, { query, key, value, mask, y, lse }, attrs) => {
    if (g === null) return { query: null, key: null, value: null, mask: null };
    const composite = compositeGrads(g, { query, key, value, mask }, attrs);
    const dmask = attrs.masked && isFloating(mask.dtype) ? composite.mask : null;
    if (isRecording()) return { ...composite, mask: dmask };
    const fused = lazy(() => applyMulti(attentionGradOp, { g, query, key, value, mask, y, lse }, attrs));
    return { query: () => fused().dquery, key: () => fused().dkey, value: () => fused().dvalue, mask: dmask };
  },
});

export interface AttentionOptions {
  /** What each query sees, broadcast to the scores [..., T, S]: bool (true: sees it) or floating (added to the scores). Default: everything. */
  readonly attnMask?: Tensor | null;
  /** Probability with which a weight is set to 0, the others being scaled by 1 / (1 - p); 0. It applies always: pass 0 in evaluation. */
  readonly dropoutP?: number;
  /** Whether query i sees keys 0..i only, beside what attnMask says; false. */
  readonly isCausal?: boolean;
  /** Factor of the scores; 1 / sqrt(D). */
  readonly scale?: number;
  /** Grouped queries: query has a multiple of the heads (third last axis) of key and value, and neighbours share one (Ainslie et al. 2023, arXiv:2305.13245); false. */
  readonly enableGqa?: boolean;
}

/** Heads of query as [kv heads, queries of each]: then grouping is broadcasting. */
function grouped({ query, key, value, mask }: AttentionInputs): AttentionInputs {
  const [all = 0, shared = 0] = [query.shape.at(-3), key.shape.at(-3)];
  const shapes = `query ${formatShape(query.shape)}, key ${formatShape(key.shape)} and value ${formatShape(value.shape)}`;
  if (
    Math.min(query.shape.length, key.shape.length, value.shape.length) < 3 ||
    value.shape.at(-3) !== shared ||
    shared === 0 ||
    all % shared !== 0
  )
    throw new ShapeError(
      name,
      `${shapes}: with enableGqa the heads of query (third last axis) must be a multiple of those of key and value`,
    );
  const split = (x: Tensor): Tensor => reshape(x, [...x.shape.slice(0, -3), shared, all / shared, ...x.shape.slice(-2)]);
  const perHead = mask.shape.length >= 3;
  return {
    query: split(query),
    key: unsqueeze(key, -3),
    value: unsqueeze(value, -3),
    mask: !perHead ? mask : mask.shape.at(-3) === all ? split(mask) : unsqueeze(mask, -3),
  };
}

/**
 * y = softmax(scale q k^T + mask) v, the attention of Vaswani et al. 2017 (arXiv:1706.03762), in one pass over tiles that never holds the matrix of weights (Dao et al.
 * 2022, arXiv:2205.14135): memory grows with T + S. query [..., T, D], key [..., S, D], value [..., S, E] of one floating dtype, leading axes (batch, heads) broadcast,
 * -> [..., T, E]. A query that sees no key has zeros. A gradient of attnMask itself, and gradients of gradients, are made of ops and do hold matrices [..., T, S].
 * Throws ShapeError, DTypeError or ArgumentError.
 */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor {
  checkTensor(name, query, 'query');
  checkTensor(name, key, 'key');
  checkTensor(name, value, 'value');
  checkLive(name, 'query', query);
  checkOptions(name, options, ['attnMask', 'dropoutP', 'isCausal', 'scale', 'enableGqa']);
  const { attnMask = null, dropoutP = 0, isCausal = false, enableGqa = false } = options;
  const depth = query.shape.at(-1) ?? 1;
  const { scale = 1 / Math.sqrt(Math.max(1, depth)) } = options;
  if (attnMask !== null) checkTensor(name, attnMask, 'attnMask');
  checkNumber(name, 'scale', scale);
  checkFlag('isCausal', isCausal);
  checkFlag('enableGqa', enableGqa);
  if (typeof dropoutP !== 'number' || !(dropoutP >= 0 && dropoutP <= 1))
    throw new ArgumentError(name, `dropoutP must be a probability in [0, 1], got ${show(dropoutP)}`);
  const random = dropoutP > 0 ? nextStream() : { seed: 0, stream: 0 };
  const attrs = { scale, causal: isCausal, masked: attnMask !== null, p: dropoutP, ...random };
  const given = { query, key, value, mask: attnMask ?? scalar(0, query.dtype) };
  return scope(() => {
    const inputs = enableGqa ? grouped(given) : given;
    const { y } = applyMulti(attentionOp, inputs, attrs);
    return enableGqa ? reshape(y, [...y.shape.slice(0, -4), query.shape.at(-3) ?? 1, ...y.shape.slice(-2)]) : y;
  }, `${name}()`);
}

function checkFlag(option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new ArgumentError(name, `${option} must be true or false, got ${show(value)}`);
}
