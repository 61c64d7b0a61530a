import { checkList, formatShape, type Shape } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';

/** A size for both axes, or one for each: [height, width]. */
export type Pair = number | readonly [number, number];

/** One pooling, as the kernels take it; the first of each pair is the height's. */
export interface PoolWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Output sizes that are not a matter of strides: each output looks at its share of the input. */
  readonly adaptive: boolean;
  /** [OH, OW] */
  readonly out: readonly [number, number];
}

export interface PoolOptions {
  /** Step from window to window; the kernel's size unless said otherwise. */
  readonly stride?: Pair;
  /** Rows and columns added on each side; at most half the kernel. */
  readonly padding?: Pair;
  /** Step inside a window (max pooling only). */
  readonly dilation?: Pair;
  /** Whether a window that reaches over the end counts. */
  readonly ceilMode?: boolean;
}

/** The pooling of x [..., H, W] that the options describe. Throws ArgumentError on sizes that make no sense and ShapeError when nothing is left. */
export function poolWindow(op: string, x: Shape, kernelSize: Pair, options: PoolOptions): PoolWindow {
  const kernel = pairOf(op, 'kernel', kernelSize, 1);
  const stride = pairOf(op, 'stride', options.stride ?? kernelSize, 1);
  const padding = pairOf(op, 'padding', options.padding ?? 0, 0);
  const dilation = pairOf(op, 'dilation', options.dilation ?? 1, 1);
  const [height, width] = imageSize(op, x);
  if (padding[0] > kernel[0] / 2 || padding[1] > kernel[1] / 2)
    throw new ArgumentError(op, `padding ${formatShape(padding)} must be at most half of kernel ${formatShape(kernel)}`);
  const count = (size: number, axis: 0 | 1): number => {
    const span = size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
    const steps = options.ceilMode === true ? Math.ceil(span / stride[axis]) : Math.floor(span / stride[axis]);
    // A last window that would start in the padding behind the end is none.
    return options.ceilMode === true && steps * stride[axis] >= size + padding[axis] ? steps : steps + 1;
  };
  const out: [number, number] = [count(height, 0), count(width, 1)];
  if (out[0] < 1 || out[1] < 1) {
    throw new ShapeError(op, `kernel ${formatShape(kernel)} is larger than x ${formatShape(x)} with padding ${formatShape(padding)}`);
  }
  return { kernel, stride, padding, dilation, adaptive: false, out };
}

/** The pooling of x [..., H, W] to `size`; null keeps an axis as it is. */
export function adaptiveWindow(op: string, x: Shape, size: number | readonly [number | null, number | null]): PoolWindow {
  const [height, width] = imageSize(op, x);
  const wanted = typeof size === 'number' ? [size, size] : checkList(op, 'size', size);
  const out = pairOf(op, 'size', [wanted[0] ?? height, wanted[1] ?? width], 1);
  if (height < 1 || width < 1) throw new ShapeError(op, `x ${formatShape(x)} has no elements to pool`);
  return { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], adaptive: true, out };
}

/** x's shape with the pooled sizes. */
export function pooledShape(x: Shape, { out }: PoolWindow): number[] {
  return [...x.slice(0, -2), ...out];
}

function imageSize(op: string, x: Shape): readonly [number, number] {
  const [height, width] = x.slice(-2);
  if (height === undefined || width === undefined || x.length < 3)
    throw new ShapeError(op, `x ${formatShape(x)} must be [C,H,W] or [N,C,H,W]; add an axis with unsqueeze(0)`);
  return [height, width];
}

function pairOf(op: string, name: string, value: Pair, least: number): readonly [number, number] {
  const [a = NaN, b = NaN] = typeof value === 'number' ? [value, value] : checkList(op, name, value);
  for (const n of [a, b]) {
    if (!Number.isInteger(n) || n < least)
      throw new ArgumentError(
        op,
        `${name} must be a whole number >= ${least} or two of them, got ${Array.isArray(value) ? formatShape(value) : show(value)}`,
      );
  }
  return [a, b];
}
