import { checkOptions } from '../../errors.js';
import type { DType } from '../../core/dtype.js';
import type { Shape } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, applyMulti, defineMultiOp, defineOp } from '../op.js';
import { adaptiveWindow, pooledShape, poolWindow, type Pair, type PoolOptions, type PoolWindow } from './window.js';
import { checkLive } from '../../runtime/handle.js';

const params = ['kernelH', 'kernelW', 'strideH', 'strideW', 'padH', 'padW', 'dilationH', 'dilationW', 'adaptive'];
const forward = kernel('max_pool2d', [1, 2], params);
const forwardValues = kernel('max_pool2d_values', [1, 1], params);
const unpool = kernel('max_unpool2d', [2, 1], params);
const pick = kernel('max_pool2d_at', [2, 1]);

/** Positions have the width of the values, so that a vector of one goes with a vector of the other. */
function positionDType(dtype: DType): DType {
  return dtype === 'f64' ? 'i64' : 'i32';
}

function numbers({ kernel: k, stride, padding, dilation, adaptive }: PoolWindow): readonly number[] {
  return [...k, ...stride, ...padding, ...dilation, adaptive ? 1 : 0];
}

/** Values and where in its plane (row * W + column) each was found. */
export const maxPool2dOp = defineMultiOp({
  name: 'maxPool2d',
  inputs: ['x'],
  outputs: ['y', 'where'],
  infer: ({ x }, window: PoolWindow) => {
    const shape = pooledShape(x.shape, window);
    return { y: { shape, dtype: floating('maxPool2d', x).dtype }, where: { shape, dtype: positionDType(x.dtype) } };
  },
  forward: ({ x }, { y, where }, window) => forward([x], [y, where], numbers(window)),
  saves: ['where', 'y'],
  vjp: ({ y: g }, { where }, window, { x }) => ({ x: g === null ? null : () => scatterTo(g, where, window, x.shape) }),
  picks: 'y',
});

/** Values alone, for when nothing is recorded: half the work. */
export const maxPool2dValuesOp = defineOp({
  name: 'maxPool2dValues',
  inputs: ['x'],
  infer: ({ x }, window: PoolWindow) => ({ shape: pooledShape(x.shape, window), dtype: floating('maxPool2d', x).dtype }),
  forward: ({ x }, out, window) => forwardValues([x], [out], numbers(window)),
  saves: [],
  vjp: null,
});

interface UnpoolAttrs {
  readonly shape: Shape;
  readonly window: PoolWindow;
}

/** The gradient of maxPool2d: g added at the positions that were found with `window`. */
export const maxUnpool2dOp = defineOp({
  name: 'maxUnpool2d',
  inputs: ['g', 'where'],
  infer: ({ g }, { shape }: UnpoolAttrs) => ({ shape, dtype: g.dtype }),
  forward: ({ g, where }, out, { window }) => unpool([g, where], [out], numbers(window)),
  saves: ['where'],
  vjp: (g, { where }, { window }) => ({ g: () => apply(maxPool2dAtOp, { x: g, where }, window), where: null }),
});

/** x at the positions that were found: the gradient of the gradient. */
export const maxPool2dAtOp = defineOp({
  name: 'maxPool2dAt',
  inputs: ['x', 'where'],
  infer: ({ x, where }, _window: PoolWindow) => ({ shape: where.shape, dtype: x.dtype }),
  forward: ({ x, where }, out) => pick([x, where], [out]),
  saves: ['where'],
  vjp: (g, { where }, window, { x }) => ({ x: () => scatterTo(g, where, window, x.shape), where: null }),
});

function scatterTo(g: Tensor, where: Tensor, window: PoolWindow, shape: Shape): Tensor {
  return apply(maxUnpool2dOp, { g, where }, { shape, window });
}

/** The values of a max pooling; the positions are the graph's business. */
export function maxPooled(x: Tensor, window: PoolWindow): Tensor {
  if (!x.requiresGrad || !isRecording()) return apply(maxPool2dValuesOp, { x }, window);
  const { y, where } = applyMulti(maxPool2dOp, { x }, window);
  where.dispose();
  return y;
}

/**
 * y = the maximum of each window. x [N, C, H, W] or [C, H, W] float -> [.., OH, OW] with OH = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1
 * (ceil with ceilMode). NaN wins. The gradient goes to the first maximum in row-major order. Throws ShapeError or ArgumentError on sizes that do not fit.
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  checkLive('maxPool2d', 'x', x);
  checkOptions('maxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
  return maxPooled(x, poolWindow('maxPool2d', x.shape, kernelSize, options));
}

/**
 * Maxima of `size` nearly equal parts of each image: part i of n covers floor(i H / n) .. ceil((i + 1) H / n). x [N, C, H, W] or [C, H, W] float ->
 * [.., size]; null keeps an axis. Throws ShapeError or ArgumentError.
 */
export function adaptiveMaxPool2d(x: Tensor, size: number | readonly [number | null, number | null]): Tensor {
  checkLive('adaptiveMaxPool2d', 'x', x);
  return maxPooled(x, adaptiveWindow('adaptiveMaxPool2d', x.shape, size));
}
