import { formatShape } from '../../core/shape.js';
import { checkOptions, ShapeError } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { avgPool2d } from './avg-pool2d.js';
import { maxPool2d } from './max-pool2d.js';

export interface MaxPool1dOptions {
  /** Step from window to window; the kernel's size unless said otherwise. */
  readonly stride?: number;
  /** Places added on both sides, which never win; at most half the kernel. */
  readonly padding?: number;
  /** Distance of the window's elements. Default 1. */
  readonly dilation?: number;
  /** Whether a window that reaches over the end counts. */
  readonly ceilMode?: boolean;
}
export interface AvgPool1dOptions {
  /** Step from window to window; the kernel's size unless said otherwise. */
  readonly stride?: number;
  /** Zeros added on both sides; at most half the kernel. */
  readonly padding?: number;
  /** Whether a window that reaches over the end counts. */
  readonly ceilMode?: boolean;
  /** Whether padding counts in the divisor. Default: true. */
  readonly countIncludePad?: boolean;
}

/** `pool` on x [..., L] as images of height 1. */
function alongRows(op: string, x: Tensor, sizes: Readonly<Record<string, number>>, pool: (image: Tensor) => Tensor): Tensor {
  const { shape } = x;
  if (shape.length !== 2 && shape.length !== 3) throw new ShapeError(op, `x ${formatShape(shape)} must be [N, C, L] or [C, L]`);
  for (const [name, value] of Object.entries(sizes)) checkNumber(op, name, value);
  return scope(() => {
    const y = pool(reshape(x, [...shape.slice(0, -1), 1, shape.at(-1) ?? 0]));
    return reshape(y, [...shape.slice(0, -1), y.shape.at(-1) ?? 0]);
  }, op);
}

/**
 * y = the maximum of each window: maxPool2d of height 1. x [N, C, L] or [C, L] float -> [.., OL] with
 * OL = floor((L + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 (ceil with ceilMode). Throws ShapeError or ArgumentError on sizes that do not fit.
 */
export function maxPool1d(x: Tensor, kernelSize: number, options: MaxPool1dOptions = {}): Tensor {
  checkTensor('maxPool1d', x);
  checkOptions('maxPool1d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
  return alongRows('maxPool1d', x, { kernelSize, stride, padding, dilation }, (image) =>
    maxPool2d(image, [1, kernelSize], { stride: [1, stride], padding: [0, padding], dilation: [1, dilation], ceilMode }),
  );
}

/** y = the mean of each window: avgPool2d of height 1. x [N, C, L] or [C, L] float -> [.., OL], sizes as maxPool1d. Throws as maxPool1d does. */
export function avgPool1d(x: Tensor, kernelSize: number, options: AvgPool1dOptions = {}): Tensor {
  checkTensor('avgPool1d', x);
  checkOptions('avgPool1d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
  const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
  return alongRows('avgPool1d', x, { kernelSize, stride, padding }, (image) =>
    avgPool2d(image, [1, kernelSize], { stride: [1, stride], padding: [0, padding], ceilMode, countIncludePad }),
  );
}
