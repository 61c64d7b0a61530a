import { broadcastShapes } from '../../core/shape.js';
import { ones } from '../../create/fill.js';
import type { Tensor } from '../../tensor/tensor.js';
import { ne } from '../elementwise/comparison.js';
import { logicalAnd } from '../elementwise/logical.js';
import { add } from '../elementwise/add.js';
import { to } from '../elementwise/cast.js';
import { mul } from '../elementwise/mul.js';
import { sub } from '../elementwise/sub.js';
import { where } from '../elementwise/where.js';
import { matmul } from '../linalg/matmul.js';
import { expand } from '../movement/expand.js';
import { transpose } from '../movement/permute.js';
import { tril } from '../movement/triangle.js';
import { softmax } from '../norm/softmax.js';
import { lazy } from '../norm/lazy.js';
import { apply } from '../op.js';
import { dropoutOp } from '../random/dropout.js';
import { sum } from '../reduce/sum.js';

/** What attention is called with beside its tensors. */
export interface AttentionAttrs {
  /** Factor of the scores. */
  readonly scale: number;
  /** Whether query i sees keys 0..i only. */
  readonly causal: boolean;
  /** Whether the fourth input is a mask; it is a number that nothing reads otherwise. */
  readonly masked: boolean;
  /** Probability that a weight is dropped, and where its random numbers come from. */
  readonly p: number;
  readonly seed: number;
  readonly stream: number;
}

export interface AttentionInputs {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly mask: Tensor;
}

/** Far below any score, and still a number: a row of nothing else has no NaN. */
const veryLow = -1e30;

/** Which keys each query sees, or null when all of them. */
function allowed(query: Tensor, key: Tensor, mask: Tensor, { causal, masked }: AttentionAttrs): Tensor | null {
  const past = causal ? tril(ones([query.shape.at(-2) ?? 0, key.shape.at(-2) ?? 0], { dtype: 'bool' })) : null;
  const given = !masked ? null : mask.dtype === 'bool' ? mask : ne(mask.detach(), -Infinity);
  return past === null || given === null ? (past ?? given) : logicalAnd(past, given);
}

/**
 * The weights softmax(scale q k^T + mask), made of ops, [..., T, S]: what the fused op never holds. A query that sees no key has zeros.
 */
export function attentionWeights({ query, key, value, mask }: AttentionInputs, attrs: AttentionAttrs): Tensor {
  const leading = broadcastShapes(
    'scaledDotProductAttention',
    broadcastShapes('scaledDotProductAttention', query.shape.slice(0, -2), key.shape.slice(0, -2)),
    value.shape.slice(0, -2),
  );
  const rows = expand(mul(query, attrs.scale), [...leading, ...query.shape.slice(-2)]);
  const scores = matmul(rows, transpose(key));
  const seen = allowed(query, key, mask, attrs);
  if (seen === null) return softmax(scores, -1);
  const shifted = attrs.masked && mask.dtype !== 'bool' ? add(scores, mask) : scores;
  return mul(softmax(where(seen, shifted, veryLow), -1), to(seen, scores.dtype));
}

/** The weights after dropout, by the same draw as in the fused op. */
export function dropped(weights: Tensor, { p, seed, stream }: AttentionAttrs): Tensor {
  return p === 0 ? weights : apply(dropoutOp, { x: weights }, { p, seed, stream });
}

/** The gradients of attention made of ops: with P the weights, dP = g v^T after dropout and dS = P (dP - rowsum(dP P)). */
export function compositeGrads(g: Tensor, inputs: AttentionInputs, attrs: AttentionAttrs): Record<keyof AttentionInputs, () => Tensor> {
  const { query, key, value } = inputs;
  const weights = lazy(() => attentionWeights(inputs, attrs));
  const dscores = lazy(() => {
    const dweights = dropped(matmul(g, transpose(value)), attrs);
    return mul(weights(), sub(dweights, sum(mul(dweights, weights()), { axis: -1, keepdims: true })));
  });
  return {
    query: () => mul(matmul(dscores(), key), attrs.scale),
    key: () => mul(matmul(transpose(dscores()), query), attrs.scale),
    value: () => matmul(transpose(dropped(weights(), attrs)), g),
    mask: dscores,
  };
}
