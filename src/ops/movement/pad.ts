import { checkList, formatShape } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError } from '../../errors.js';
import { fromArray } from '../../create/tensor.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { indexSelect } from '../index/index-select.js';
import { place, sliceOp, wholeWindow } from './slice.js';
import { checkLive } from '../../runtime/handle.js';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface PadOptions {
  /** What stands in the new places: a value, the elements mirrored at the border, the border's own, or those of the other end. Default: constant. */
  readonly mode?: PadMode;
  /** For constant; 0 unless said otherwise. */
  readonly value?: number;
}

/**
 * x with elements added at the ends of its last axes; `padding` is [before, after] of the last axis, then of the one before it, and so on. Negative numbers
 * cut off. x [.., n] -> [.., before + n + after]. Throws ShapeError or ArgumentError.
 */
export function pad(x: Tensor, padding: readonly number[], options: PadOptions = {}): Tensor {
  checkLive('pad', 'x', x);
  checkOptions('pad', options, ['mode', 'value']);
  const { mode = 'constant', value = 0 } = options;
  checkList('pad', 'padding', padding);
  if (padding.length % 2 !== 0 || padding.length > 2 * x.shape.length || !padding.every(Number.isSafeInteger))
    throw new ArgumentError(
      'pad',
      `padding ${formatShape(padding)} must be two whole numbers for each of the last axes of x ${formatShape(x.shape)}`,
    );
  const sides = x.shape.map((size, axis) => {
    const at = 2 * (x.shape.length - 1 - axis);
    const [before, after] = [padding[at] ?? 0, padding[at + 1] ?? 0];
    if (size + before + after < 0 || -before > size || -after > size)
      throw new ShapeError('pad', `padding ${before}, ${after} cuts off more than axis ${axis} of x ${formatShape(x.shape)} has`);
    return { size, before, after };
  });
  switch (mode) {
    case 'constant':
      return scope(() => padConstant(x, sides, value), 'pad()');
    case 'reflect':
    case 'replicate':
    case 'circular':
      return scope(() => padFrom(x, sides, mode), 'pad()');
    default:
      throw new ArgumentError('pad', `mode must be constant, reflect, replicate or circular, got ${String(mode satisfies never)}`);
  }
}

interface Side {
  readonly size: number;
  readonly before: number;
  readonly after: number;
}

function padConstant(x: Tensor, sides: readonly Side[], value: number): Tensor {
  const cut = wholeWindow(x);
  const window = wholeWindow(x);
  sides.forEach(({ size, before, after }, axis) => {
    const kept = Math.max(0, size + Math.min(before, 0) + Math.min(after, 0));
    cut.starts[axis] = Math.max(0, -before);
    cut.sizes[axis] = kept;
    window.starts[axis] = Math.max(0, before);
    window.sizes[axis] = kept;
  });
  const shape = sides.map(({ size, before, after }) => size + before + after);
  return place(sides.some(({ before, after }) => before < 0 || after < 0) ? sliceOp.apply(x, cut) : x, shape, window, value);
}

function padFrom(x: Tensor, sides: readonly Side[], mode: Exclude<PadMode, 'constant'>): Tensor {
  let y = x;
  sides.forEach(({ size, before, after }, axis) => {
    if (before === 0 && after === 0) return;
    const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : size === 0 ? 0 : Infinity;
    if (before > most || after > most)
      throw new ShapeError(
        'pad',
        `${mode} padding ${before}, ${after} needs more elements than axis ${axis} of x ${formatShape(x.shape)} has`,
      );
    const positions = Array.from({ length: size + before + after }, (_, i) => source(i - before, size, mode));
    y = indexSelect(y, axis, fromArray(positions, [positions.length], { dtype: 'i64' }));
  });
  return y;
}

/** The element that stands at position i, which may lie outside 0..size-1. */
function source(i: number, size: number, mode: Exclude<PadMode, 'constant'>): number {
  if (mode === 'circular') return (i + size) % size;
  if (mode === 'replicate') return Math.min(Math.max(i, 0), size - 1);
  return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}
