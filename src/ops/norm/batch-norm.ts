import { formatShape, sizeOf, type Spec } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { mul } from '../elementwise/mul.js';
import { rsqrt, square } from '../elementwise/sqrt.js';
import { sub } from '../elementwise/sub.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { floating } from '../dtypes.js';
import { apply, applyMulti, defineMultiOp, defineOp } from '../op.js';
import { mean } from '../reduce/mean.js';
import { sum } from '../reduce/sum.js';
import { parameter, shaped, withShapes } from './affine.js';
import { lazy } from './lazy.js';

const forward = kernel('batch_norm', [3, 3], ['eps']);
const forwardApply = kernel('batch_norm_apply', [5, 1], ['eps']);
const backward = kernel('batch_norm_grad', [5, 3], ['eps']);
const updateRunning = kernel('batch_norm_running', [2, 2], ['momentum', 'correction']);

interface Attrs {
  readonly eps: number;
}

/** x [N, C, ...] as the kernels take it: [N, C, S]. */
function threeAxes(x: Spec): number[] {
  return [x.shape[0] ?? 1, x.shape[1] ?? 1, sizeOf(x.shape.slice(2))];
}

/** A value for each channel, so that it broadcasts with x: [1, C, 1, ...]. */
function alongChannels(perChannel: Tensor, x: Spec): Tensor {
  return reshape(
    perChannel,
    x.shape.map((n, i) => (i === 1 ? n : 1)),
  );
}

/** All axes but the channels'. */
function otherAxes(x: Spec): number[] {
  return x.shape.map((_, i) => i).filter((i) => i !== 1);
}

/** The fused gradients. Where they are to be differentiated again, `compositeGrad` stands in for it. */
export const batchNormGradOp = defineMultiOp({
  name: 'batchNormGrad',
  inputs: ['g', 'x', 'weight', 'mean', 'variance'],
  outputs: ['dx', 'dweight', 'dbias'],
  infer: ({ x, weight }, _attrs: Attrs) => ({ dx: x, dweight: weight, dbias: weight }),
  forward: ({ g, x, weight, mean, variance }, { dx, dweight, dbias }, { eps }) => {
    const three = threeAxes(x);
    withShapes([g, x], [three, three], (handles) => {
      backward([...handles, weight, mean, variance], [shaped(dx, three), dweight, dbias], [eps]);
    });
  },
  saves: [],
  vjp: null,
});

/** The same gradients made of ops. */
function compositeGrad(g: Tensor, x: Tensor, weight: Tensor, { eps }: Attrs): { dx: () => Tensor; dweight: () => Tensor } {
  const axis = otherAxes(x);
  const average = (t: Tensor): Tensor => mean(t, { axis, keepdims: true });
  const deviation = sub(x, average(x));
  const rstd = rsqrt(add(average(square(deviation)), eps));
  const normal = mul(deviation, rstd);
  return {
    dx: () => mul(mul(rstd, alongChannels(weight, x)), sub(sub(g, average(g)), mul(normal, average(mul(g, normal))))),
    dweight: () => sum(mul(g, normal), { axis }),
  };
}

export const batchNormOp = defineMultiOp({
  name: 'batchNorm',
  inputs: ['x', 'weight', 'bias'],
  outputs: ['y', 'mean', 'variance'],
  infer: ({ x, weight }, _attrs: Attrs) => ({ y: { shape: x.shape, dtype: x.dtype }, mean: weight, variance: weight }),
  forward: ({ x, weight, bias }, { y, mean, variance }, { eps }) => {
    const three = threeAxes(x);
    withShapes([x], [three], (handles) => {
      forward([...handles, weight, bias], [shaped(y, three), mean, variance], [eps]);
    });
  },
  saves: ['x', 'weight', 'mean', 'variance'],
  vjp: ({ y: g }, { x, weight, mean, variance }, attrs) => {
    if (g === null) return { x: null, weight: null, bias: null };
    if (isRecording()) {
      const { dx, dweight } = compositeGrad(g, x, weight, attrs);
      return { x: dx, weight: dweight, bias: () => sum(g, { axis: otherAxes(x) }) };
    }
    const fused = lazy(() => applyMulti(batchNormGradOp, { g, x, weight, mean, variance }, attrs));
    return { x: () => fused().dx, weight: () => fused().dweight, bias: () => fused().dbias };
  },
});

/** Normalisation by given statistics, which take no gradient. */
export const batchNormApplyOp = defineOp({
  name: 'batchNormApply',
  inputs: ['x', 'weight', 'bias', 'mean', 'variance'],
  infer: ({ x }, _attrs: Attrs) => ({ shape: x.shape, dtype: x.dtype }),
  forward: ({ x, weight, bias, mean, variance }, out, { eps }) => {
    const three = threeAxes(x);
    withShapes([x], [three], (handles) => {
      forwardApply([...handles, weight, bias, mean, variance], [shaped(out, three)], [eps]);
    });
  },
  saves: ['x', 'weight', 'mean', 'variance'],
  vjp: (g, { x, weight, mean, variance }, { eps }) => {
    const axis = otherAxes(x);
    const rstd = lazy(() => rsqrt(add(variance, eps)));
    const deviation = (): Tensor => sub(x, alongChannels(mean, x));
    return {
      x: () => mul(g, alongChannels(mul(rstd(), weight), x)),
      weight: () => mul(sum(mul(g, deviation()), { axis }), rstd()),
      bias: () => sum(g, { axis }),
      mean: null,
      variance: null,
    };
  },
});

export interface BatchNormOptions {
  /** Running statistics, [C]: what x is normalised by when not training; updated in place when training. */
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  /** Scale of each channel, [C]; 1 unless given. */
  readonly weight?: Tensor | null;
  /** Shift of each channel, [C]; 0 unless given. */
  readonly bias?: Tensor | null;
  /** Normalise by the batch's own statistics; default false. */
  readonly training?: boolean;
  /** How far the running statistics move to the batch's; default 0.1. */
  readonly momentum?: number;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
}
const known = ['runningMean', 'runningVar', 'weight', 'bias', 'training', 'momentum', 'eps'];

/**
 * y = (x - mean) / sqrt(variance + eps) * weight + bias for each channel (Ioffe and Szegedy 2015, arXiv:1502.03167). When training, mean and biased variance
 * are the batch's, and runningMean and runningVar (unbiased) move to them by `momentum`, in place; else they are runningMean and runningVar.
 * x [N, C] or [N, C, ...] floating, all others [C] -> x's shape. Throws ShapeError, DTypeError, or ArgumentError when statistics are missing.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  checkTensor('batchNorm', x);
  checkOptions('batchNorm', options, known);
  const { runningMean, runningVar, training = false, momentum = 0.1, eps = 1e-5 } = options;
  floating('batchNorm', x);
  checkNumber('batchNorm', 'momentum', momentum);
  checkNumber('batchNorm', 'eps', eps);
  if (x.shape.length < 2) throw new ShapeError('batchNorm', `x ${formatShape(x.shape)} must be [N, C] or [N, C, ...]`);
  const channels = [x.shape[1] ?? 1];
  return scope(() => {
    const weight = parameter('batchNorm', 'weight', x, channels, options.weight, 1);
    const bias = parameter('batchNorm', 'bias', x, channels, options.bias, 0);
    const running = runningStatistics(x, runningMean, runningVar);
    if (!training) {
      if (running === null) throw new ArgumentError('batchNorm', 'runningMean and runningVar are needed when training is false');
      return apply(batchNormApplyOp, { x, weight, bias, ...running }, { eps });
    }
    const count = x.size / (x.shape[1] ?? 1);
    if (count <= 1)
      throw new ShapeError('batchNorm', `x ${formatShape(x.shape)} has ${count} values a channel; training needs more than one`);
    const { y, mean, variance } = applyMulti(batchNormOp, { x, weight, bias }, { eps });
    if (running !== null) {
      for (const t of [running.mean, running.variance]) t.storage.version++;
      updateRunning([mean, variance], [running.mean, running.variance], [momentum, count / (count - 1)]);
    }
    return y;
  }, 'batchNorm()');
}

/** Both statistics or neither. */
function runningStatistics(
  x: Tensor,
  runningMean: Tensor | null | undefined,
  runningVar: Tensor | null | undefined,
): { mean: Tensor; variance: Tensor } | null {
  const channels = [x.shape[1] ?? 1];
  if ((runningMean ?? null) === null && (runningVar ?? null) === null) return null;
  if ((runningMean ?? null) === null || (runningVar ?? null) === null)
    throw new ArgumentError('batchNorm', 'runningMean and runningVar come together, or not at all');
  return {
    mean: parameter('batchNorm', 'runningMean', x, channels, runningMean, 0),
    variance: parameter('batchNorm', 'runningVar', x, channels, runningVar, 1),
  };
}
