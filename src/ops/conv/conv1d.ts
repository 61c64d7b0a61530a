import { formatShape } from '../../core/shape.js';
import { ArgumentError, ShapeError } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { describe } from '../elementwise/binary.js';
import { reshape } from '../movement/reshape.js';
import { conv2d } from './conv2d.js';

export interface Conv1dOptions {
  /** Step of the window. Default 1. */
  readonly stride?: number;
  /** Zeros added on both sides. Default 0. */
  readonly padding?: number;
  /** Distance of the window's elements. Default 1. */
  readonly dilation?: number;
  /** Independent groups of channels. Default 1. */
  readonly groups?: number;
}

/**
 * 1-d cross-correlation: conv2d of height 1. x [N, C, L] or [C, L], weight [O, C / groups, K], bias [O] -> [N, O, OL] or [O, OL], with
 * OL = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1. Throws as conv2d does.
 */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv1dOptions = {}): Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError('conv1d', `x must be a tensor, got ${describe(x)}`);
  if (!(weight instanceof Tensor)) throw new ArgumentError('conv1d', `weight must be a tensor, got ${describe(weight)}`);
  if (x.shape.length !== 2 && x.shape.length !== 3) throw new ShapeError('conv1d', `x ${formatShape(x.shape)} must be [N, C, L] or [C, L]`);
  if (weight.shape.length !== 3) throw new ShapeError('conv1d', `weight ${formatShape(weight.shape)} must be [O, C / groups, K]`);
  const { stride = 1, padding = 0, dilation = 1, ...rest } = options;
  const { shape } = x;
  return scope(() => {
    const image = reshape(x, [...shape.slice(0, -1), 1, shape.at(-1) ?? 0]);
    const kernel = reshape(weight, [...weight.shape.slice(0, 2), 1, weight.shape[2] ?? 0]);
    const y = conv2d(image, kernel, bias, { stride: [1, stride], padding: [0, padding], dilation: [1, dilation], ...rest });
    return reshape(y, [...y.shape.slice(0, -2), y.shape.at(-1) ?? 0]);
  }, 'conv1d');
}
