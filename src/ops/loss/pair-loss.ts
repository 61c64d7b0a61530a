import { sizeOf, type Spec } from '../../core/shape.js';
import { kernel, type KernelCall } from '../../runtime/kernel.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { pair } from '../elementwise/binary.js';
import { clamp } from '../elementwise/clamp.js';
import { div } from '../elementwise/div.js';
import { log, log1p } from '../elementwise/log.js';
import { maximum } from '../elementwise/maximum.js';
import { mul } from '../elementwise/mul.js';
import { sigmoid } from '../elementwise/sigmoid.js';
import { neg, sign } from '../elementwise/sign.js';
import { less, sub } from '../elementwise/sub.js';
import { shaped, withShapes } from '../norm/affine.js';
import { apply, defineOp } from '../op.js';
import { reductionCode, type LossReduction } from './reduction.js';

/** Losses that one kernel computes: of d = x - target, or the cross entropy of target and the probability sigmoid(x) (logistic) or x (binary). */
export type PairLossKind = 'squared' | 'absolute' | 'huber' | 'smooth' | 'logistic' | 'binary';

interface Attrs {
  readonly kind: PairLossKind;
  readonly reduction: LossReduction;
  /** Where the parabola of huber and smooth becomes a line. */
  readonly limit: number;
}

const params: readonly string[] = ['reduction', 'limit'];
const forward: Readonly<Record<PairLossKind, KernelCall>> = {
  squared: kernel('squared_error', [2, 1], params),
  absolute: kernel('absolute_error', [2, 1], params),
  huber: kernel('huber_error', [2, 1], params),
  smooth: kernel('smooth_error', [2, 1], params),
  logistic: kernel('logistic_error', [2, 1], params),
  binary: kernel('binary_error', [2, 1], params),
};
const backward: Readonly<Record<PairLossKind, KernelCall>> = {
  squared: kernel('squared_error_grad', [3, 1], params),
  absolute: kernel('absolute_error_grad', [3, 1], params),
  huber: kernel('huber_error_grad', [3, 1], params),
  smooth: kernel('smooth_error_grad', [3, 1], params),
  logistic: kernel('logistic_error_grad', [3, 1], params),
  binary: kernel('binary_error_grad', [3, 1], params),
};

/** d loss / d x of each element, made of ops. */
function slopeOf({ kind, limit }: Attrs, x: Tensor, target: Tensor): Tensor {
  if (kind === 'logistic') return sub(sigmoid(x), target);
  const d = sub(x, target);
  if (kind === 'binary') return div(d, maximum(mul(less(1, x), x), 1e-12));
  if (kind === 'squared') return mul(d, 2);
  if (kind === 'absolute') return sign(d);
  const cut = clamp(d, -limit, limit);
  return kind === 'huber' ? cut : div(cut, limit);
}

/** d loss / d target of each element, where it is not minus that in x. */
function targetSlopeOf({ kind }: Attrs, x: Tensor): Tensor | null {
  if (kind === 'logistic') return neg(x);
  if (kind === 'binary') return sub(maximum(log1p(neg(x)), -100), maximum(log(x), -100));
  return null;
}

/** What a cotangent of the loss is for each element: g, g / n for the mean. */
function perElement({ reduction }: Attrs, g: Tensor, x: Spec): Tensor {
  return reduction === 'mean' ? div(g, sizeOf(x.shape)) : g;
}

/** The fused gradient in x. Where it is to be differentiated again, it is made of ops instead. */
export const pairLossGradOp = defineOp({
  name: 'pairLossGrad',
  inputs: ['x', 'target', 'g'],
  infer: ({ x }, _attrs: Attrs) => x,
  forward: ({ x, target, g }, out, { kind, reduction, limit }) => {
    const flat = [sizeOf(x.shape)];
    withShapes([x, target, g], [flat, flat, reduction === 'none' ? flat : []], (handles) => {
      backward[kind](handles, [shaped(out, flat)], [reductionCode[reduction], limit]);
    });
  },
  saves: [],
  vjp: null,
});

export const pairLossOp = defineOp({
  name: 'pairLoss',
  inputs: ['x', 'target'],
  infer: ({ x }, { reduction }: Attrs) => ({ shape: reduction === 'none' ? x.shape : [], dtype: x.dtype }),
  forward: ({ x, target }, out, { kind, reduction, limit }) => {
    const flat = [sizeOf(x.shape)];
    withShapes([x, target], [flat, flat], (handles) => {
      forward[kind](handles, [shaped(out, reduction === 'none' ? flat : [])], [reductionCode[reduction], limit]);
    });
  },
  saves: ['x', 'target'],
  vjp: (g, { x, target }, attrs) => {
    const slope = (): Tensor =>
      isRecording() ? mul(slopeOf(attrs, x, target), perElement(attrs, g, x)) : apply(pairLossGradOp, { x, target, g }, attrs);
    const targetSlope = (): Tensor => {
      const own = targetSlopeOf(attrs, x);
      return own === null ? neg(slope()) : mul(own, perElement(attrs, g, x));
    };
    return { x: slope, target: targetSlope };
  },
});

/** The loss of x and target, of one shape, which may differ in their floating dtype. */
export function pairLoss(op: string, x: Tensor, target: Tensor, attrs: Attrs): Tensor {
  const [a, b] = pair(op, x, target);
  return apply(pairLossOp, { x: a, target: b }, attrs);
}
