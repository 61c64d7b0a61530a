import { checkList, formatShape, sameShape, sizeOf, type Shape, type Spec } from '../../core/shape.js';
import { checkOptions, ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../elementwise/mul.js';
import { rsqrt, square } from '../elementwise/sqrt.js';
import { add } from '../elementwise/add.js';
import { sub } from '../elementwise/sub.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { floating } from '../dtypes.js';
import { applyMulti, defineMultiOp } from '../op.js';
import { mean } from '../reduce/mean.js';
import { parameter, shaped, withShapes } from './affine.js';
import { lazy } from './lazy.js';
import { checkLive } from '../../runtime/handle.js';

const forward = kernel('layer_norm', [3, 3], ['eps', 'centred']);
const backward = kernel('layer_norm_grad', [5, 3], ['centred']);

interface Attrs {
  readonly eps: number;
  /** Whether the mean is taken off; without it this is RMS normalisation. */
  readonly centred: boolean;
}

/** Rows and elements of a row, the axes of `weight` being normalised. */
function matrixShape(x: Spec, weight: Spec): [number, number] {
  return [sizeOf(x.shape.slice(0, x.shape.length - weight.shape.length)), sizeOf(weight.shape)];
}

/** The fused gradients. Where they are to be differentiated again, `compositeGrad` stands in for it. */
export const layerNormGradOp = defineMultiOp({
  name: 'layerNormGrad',
  inputs: ['g', 'x', 'weight', 'mean', 'rstd'],
  outputs: ['dx', 'dweight', 'dbias'],
  infer: ({ x, weight }, _attrs: { centred: boolean }) => ({ dx: x, dweight: weight, dbias: weight }),
  forward: ({ g, x, weight, mean, rstd }, { dx, dweight, dbias }, { centred }) => {
    const [rows, n] = matrixShape(x, weight);
    withShapes([g, x, weight], [[rows, n], [rows, n], [n]], ([g2, x2, w2]) => {
      if (g2 === undefined || x2 === undefined || w2 === undefined) return;
      backward([g2, x2, w2, mean, rstd], [shaped(dx, [rows, n]), shaped(dweight, [n]), shaped(dbias, [n])], [Number(centred)]);
    });
  },
  saves: [],
  vjp: null,
});

/** The same gradients made of ops. */
function compositeGrad(g: Tensor, x: Tensor, weight: Tensor, { eps, centred }: Attrs): { dx: () => Tensor; dweight: () => Tensor } {
  const axis = weight.shape.map((_, i) => x.shape.length - weight.shape.length + i);
  const average = (t: Tensor): Tensor => mean(t, { axis, keepdims: true });
  const deviation = centred ? sub(x, average(x)) : x;
  const rstd = rsqrt(add(average(square(deviation)), eps));
  const normal = mul(deviation, rstd);
  return {
    dx: () => {
      const scaled = mul(g, weight);
      const level = centred ? sub(scaled, average(scaled)) : scaled;
      return mul(rstd, sub(level, mul(normal, average(mul(scaled, normal)))));
    },
    dweight: () => mul(g, normal),
  };
}

export const layerNormOp = defineMultiOp({
  name: 'layerNorm',
  inputs: ['x', 'weight', 'bias'],
  outputs: ['y', 'mean', 'rstd'],
  infer: ({ x, weight }, _attrs: Attrs) => {
    const perRow = { shape: [matrixShape(x, weight)[0]], dtype: x.dtype };
    return { y: { shape: x.shape, dtype: x.dtype }, mean: perRow, rstd: perRow };
  },
  forward: ({ x, weight, bias }, { y, mean, rstd }, { eps, centred }) => {
    const [rows, n] = matrixShape(x, weight);
    withShapes([x, weight, bias], [[rows, n], [n], [n]], (handles) => {
      forward(handles, [shaped(y, [rows, n]), mean, rstd], [eps, Number(centred)]);
    });
  },
  saves: ['x', 'weight', 'mean', 'rstd'],
  vjp: ({ y: g }, { x, weight, mean, rstd }, attrs) => {
    if (g === null) return { x: null, weight: null, bias: null };
    if (isRecording()) {
      const { dx, dweight } = compositeGrad(g, x, weight, attrs);
      return { x: dx, weight: dweight, bias: () => g };
    }
    const fused = lazy(() => applyMulti(layerNormGradOp, { g, x, weight, mean, rstd }, { centred: attrs.centred }));
    return { x: () => fused().dx, weight: () => fused().dweight, bias: () => fused().dbias };
  },
});

export interface LayerNormOptions {
  /** Scale, of the normalised shape; 1 unless given. */
  readonly weight?: Tensor | null;
  /** Shift, of the normalised shape; 0 unless given. */
  readonly bias?: Tensor | null;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
}

/** The normalised shape as a list; throws ShapeError unless x ends in it. */
function normalized(op: string, x: Tensor, shape: number | Shape): Shape {
  const list = typeof shape === 'number' ? [shape] : [...checkList(op, 'normalizedShape', shape)];
  if (list.length === 0) throw new ShapeError(op, 'normalizedShape must name at least one axis');
  if (!sameShape(x.shape.slice(-list.length), list))
    throw new ShapeError(op, `x ${formatShape(x.shape)} must end in normalizedShape ${formatShape(list)}`);
  return list;
}

/**
 * y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and (biased) variance over the last axes (Ba et al. 2016, arXiv:1607.06450).
 * x [..., s...] floating, normalizedShape s, weight and bias [s...] -> [..., s...]. Throws ShapeError, DTypeError or ArgumentError.
 */
export function layerNorm(x: Tensor, normalizedShape: number | Shape, options: LayerNormOptions = {}): Tensor {
  checkLive('layerNorm', 'x', x);
  checkTensor('layerNorm', x);
  checkOptions('layerNorm', options, ['weight', 'bias', 'eps']);
  const { weight, bias, eps = 1e-5 } = options;
  floating('layerNorm', x);
  checkNumber('layerNorm', 'eps', eps);
  const shape = normalized('layerNorm', x, normalizedShape);
  return scope(() => {
    const inputs = {
      x,
      weight: parameter('layerNorm', 'weight', x, shape, weight, 1),
      bias: parameter('layerNorm', 'bias', x, shape, bias, 0),
    };
    return applyMulti(layerNormOp, inputs, { eps, centred: true }).y;
  }, 'layerNorm()');
}

export interface RmsNormOptions {
  /** Scale, of the normalised shape; 1 unless given. */
  readonly weight?: Tensor | null;
  /** Added to the mean square; default 1e-6. */
  readonly eps?: number;
}

/**
 * y = x / sqrt(mean of x^2 + eps) * weight over the last axes (Zhang and Sennrich 2019, arXiv:1910.07467).
 * x [..., s...] floating, normalizedShape s, weight [s...] -> [..., s...]. Throws ShapeError, DTypeError or ArgumentError.
 */
export function rmsNorm(x: Tensor, normalizedShape: number | Shape, options: RmsNormOptions = {}): Tensor {
  checkLive('rmsNorm', 'x', x);
  checkTensor('rmsNorm', x);
  checkOptions('rmsNorm', options, ['weight', 'eps']);
  const { weight, eps = 1e-6 } = options;
  floating('rmsNorm', x);
  checkNumber('rmsNorm', 'eps', eps);
  const shape = normalized('rmsNorm', x, normalizedShape);
  return scope(() => {
    const inputs = {
      x,
      weight: parameter('rmsNorm', 'weight', x, shape, weight, 1),
      bias: parameter('rmsNorm', 'bias', x, shape, null, 0),
    };
    return applyMulti(layerNormOp, inputs, { eps, centred: false }).y;
  }, 'rmsNorm()');
}
