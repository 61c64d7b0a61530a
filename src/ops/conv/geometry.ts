import { formatShape, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError } from '../../errors.js';
import { floating, sameDType } from '../dtypes.js';

/** One number for both axes, or [height, width]. */
export type Pair = number | readonly [number, number];

export interface Conv2dOptions {
  /** Step of the window. Default 1. */
  readonly stride?: Pair;
  /** Zeros added on every side. Default 0. */
  readonly padding?: Pair;
  /** Distance of the window's elements. Default 1. */
  readonly dilation?: Pair;
  /** Independent groups of channels: output channels of group g see the input channels of group g only. Default 1. */
  readonly groups?: number;
}

/** Kernel parameters, in the order of kConvParams of native/kernels/conv/geometry.h, and the spatial sizes that a gradient restores. */
export interface ConvAttrs {
  readonly params: readonly [number, number, number, number, number, number, number];
  readonly inputSize: readonly [number, number];
  readonly kernelSize: readonly [number, number];
}

export const convParams = ['strideH', 'strideW', 'padH', 'padW', 'dilationH', 'dilationW', 'groups'];

/** kMaxConvParam of the kernels. */
const maxParam = 2 ** 30;

function pair(op: string, name: string, value: Pair, low: number): readonly [number, number] {
  const both: readonly [number, number] = typeof value === 'number' ? [value, value] : value;
  const fits = Array.isArray(both) && both.length === 2 && both.every((n) => Number.isSafeInteger(n) && n >= low && n <= maxParam);
  if (fits) return both;
  throw new ArgumentError(op, `${name} must be a whole number >= ${low} or a pair of them, got ${JSON.stringify(value)}`);
}

/** Options as kernel parameters. Throws ArgumentError on values that make no sense. */
export function convAttrs(op: string, x: Spec, weight: Spec, options: Conv2dOptions): ConvAttrs {
  checkOptions(op, options, ['stride', 'padding', 'dilation', 'groups']);
  const { groups = 1 } = options;
  if (!Number.isSafeInteger(groups) || groups < 1) throw new ArgumentError(op, `groups must be a whole number >= 1, got ${String(groups)}`);
  const stride = pair(op, 'stride', options.stride ?? 1, 1);
  const padding = pair(op, 'padding', options.padding ?? 0, 0);
  const dilation = pair(op, 'dilation', options.dilation ?? 1, 1);
  return {
    params: [...stride, ...padding, ...dilation, groups],
    inputSize: [x.shape[2] ?? 0, x.shape[3] ?? 0],
    kernelSize: [weight.shape[2] ?? 0, weight.shape[3] ?? 0],
  };
}

/** Output pixels along axis 0 (height) or 1 (width). */
function outputSize(op: string, axis: 0 | 1, x: Spec, weight: Spec, attrs: ConvAttrs): number {
  const size = attrs.inputSize[axis];
  const [stride, padding, dilation] = [attrs.params[axis], attrs.params[2 + axis] ?? 0, attrs.params[4 + axis] ?? 1];
  const reach = dilation * (attrs.kernelSize[axis] - 1) + 1;
  if (size + 2 * padding < reach || attrs.kernelSize[axis] < 1) {
    throw new ShapeError(
      op,
      `x ${formatShape(x.shape)} with padding ${padding} is smaller than the window of weight ${formatShape(weight.shape)} with dilation ${dilation} ` +
        `along axis ${2 + axis} (${size + 2 * padding} vs ${reach})`,
    );
  }
  return Math.floor((size + 2 * padding - reach) / stride) + 1;
}

/** Spec of y for x [N, C, H, W] and weight [O, C / groups, KH, KW]. Throws ShapeError or DTypeError when they do not fit. */
export function convSpec(op: string, x: Spec, weight: Spec, attrs: ConvAttrs): Spec {
  floating(op, x);
  const dtype = sameDType(op, x, weight, ['x', 'weight']);
  const groups = attrs.params[6];
  if (x.shape.length !== 4) throw new ShapeError(op, `x ${formatShape(x.shape)} must be [N, C, H, W] or [C, H, W]`);
  if (weight.shape.length !== 4) throw new ShapeError(op, `weight ${formatShape(weight.shape)} must be [O, C / groups, KH, KW]`);
  const [channels, taken, out] = [x.shape[1] ?? 0, weight.shape[1] ?? 0, weight.shape[0] ?? 0];
  if (channels !== taken * groups || taken === 0) {
    throw new ShapeError(
      op,
      `x ${formatShape(x.shape)} has ${channels} channels (axis 1), weight ${formatShape(weight.shape)} with groups ${groups} takes ${taken * groups}`,
    );
  }
  if (out % groups !== 0 || out === 0) {
    throw new ShapeError(op, `weight ${formatShape(weight.shape)} has ${out} output channels (axis 0), not a multiple of groups ${groups}`);
  }
  const shape: Shape = [x.shape[0] ?? 0, out, outputSize(op, 0, x, weight, attrs), outputSize(op, 1, x, weight, attrs)];
  return { shape, dtype };
}

/** Throws ShapeError unless bias has one number for each output channel. */
export function checkBias(op: string, bias: Spec, weight: Spec): void {
  sameDType(op, weight, bias, ['weight', 'bias']);
  if (bias.shape.length === 1 && bias.shape[0] === weight.shape[0]) return;
  throw new ShapeError(
    op,
    `bias ${formatShape(bias.shape)} must be [${weight.shape[0] ?? 0}], one number for each output channel of weight ${formatShape(weight.shape)}`,
  );
}
