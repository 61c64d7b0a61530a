import { checkOptions } from '../../errors.js';
import type { Shape } from '../../core/shape.js';
import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { mean } from '../reduce/mean.js';
import { adaptiveWindow, pooledShape, poolWindow, type Pair, type PoolOptions, type PoolWindow } from './window.js';
import { checkLive } from '../../runtime/handle.js';

const params = ['kernelH', 'kernelW', 'strideH', 'strideW', 'padH', 'padW', 'includePad', 'adaptive'];
const forward = kernel('avg_pool2d', [1, 1], params);
const backward = kernel('avg_pool2d_grad', [1, 1], params);

interface AvgAttrs {
  readonly window: PoolWindow;
  readonly countIncludePad: boolean;
}

function numbers({ window: { kernel: k, stride, padding, adaptive }, countIncludePad }: AvgAttrs): readonly number[] {
  return [...k, ...stride, ...padding, countIncludePad ? 1 : 0, adaptive ? 1 : 0];
}

export const avgPool2dOp = defineOp({
  name: 'avgPool2d',
  inputs: ['x'],
  infer: ({ x }, { window }: AvgAttrs) => ({ shape: pooledShape(x.shape, window), dtype: floating('avgPool2d', x).dtype }),
  forward: ({ x }, out, attrs) => forward([x], [out], numbers(attrs)),
  saves: [],
  vjp: (g, _saved, attrs, { x }) => ({ x: () => apply(avgPool2dGradOp, { g }, { ...attrs, shape: x.shape }) }),
});

/** Each cotangent spread evenly over its window. It is the transpose of a linear map, so its own gradient is the pooling again. */
export const avgPool2dGradOp = defineOp({
  name: 'avgPool2dGrad',
  inputs: ['g'],
  infer: ({ g }, { shape }: AvgAttrs & { shape: Shape }) => ({ shape, dtype: g.dtype }),
  forward: ({ g }, out, attrs) => backward([g], [out], numbers(attrs)),
  saves: [],
  vjp: (g, _saved, { window, countIncludePad }) => ({ g: () => averaged(g, { window, countIncludePad }) }),
});

function averaged(x: Tensor, attrs: AvgAttrs): Tensor {
  return apply(avgPool2dOp, { x }, attrs);
}

export interface AvgPoolOptions {
  /** Step from window to window; the kernel's size unless said otherwise. */
  readonly stride?: Pair;
  /** Rows and columns of zeros added on each side; at most half the kernel. */
  readonly padding?: Pair;
  /** Whether a window that reaches over the end counts. */
  readonly ceilMode?: boolean;
  /** Whether padding counts in the divisor. Default: true. */
  readonly countIncludePad?: boolean;
}

/**
 * y = the mean of each window. x [N, C, H, W] or [C, H, W] float -> [.., OH, OW], sizes as maxPool2d. Throws ShapeError or ArgumentError on sizes that do not
 * fit.
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPoolOptions = {}): Tensor {
  checkLive('avgPool2d', 'x', x);
  checkOptions('avgPool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
  const { countIncludePad = true, ...rest } = options;
  const window: PoolOptions = rest;
  return averaged(x, { window: poolWindow('avgPool2d', x.shape, kernelSize, window), countIncludePad });
}

/**
 * Means of `size` nearly equal parts of each image: part i of n covers floor(i H / n) .. ceil((i + 1) H / n); 1 is the global mean. x [N, C, H, W] or
 * [C, H, W] float -> [.., size]; null keeps an axis. Throws ShapeError or ArgumentError.
 */
export function adaptiveAvgPool2d(x: Tensor, size: number | readonly [number | null, number | null]): Tensor {
  checkLive('adaptiveAvgPool2d', 'x', x);
  const window = adaptiveWindow('adaptiveAvgPool2d', x.shape, size);
  if (window.out.every((n) => n === 1) && (x.dtype === 'f32' || x.dtype === 'f64')) return mean(x, { axis: [-2, -1], keepdims: true });
  return averaged(x, { window, countIncludePad: false });
}
