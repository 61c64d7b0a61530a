import { checkDType, type DType } from '../core/dtype.js';
import { checkShape } from '../core/shape.js';
import { ArgumentError, DTypeError } from '../errors.js';
import { Handle } from '../runtime/handle.js';
import { kernel } from '../runtime/kernel.js';
import { noteBounds } from '../runtime/known-range.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';
import { zeros, type CreateOptions } from './fill.js';

const range = kernel('range', [0, 1], ['start', 'step', 'end']);
const fill = kernel('fill', [0, 1], ['value']);

/**
 * start, start + step, ... below stop (above it for a negative step); with one argument 0, 1, ... below it. -> [n], f32 unless said otherwise.
 * Throws ArgumentError on a step of 0 or numbers that are not finite.
 */
export function arange(start: number, stop?: number, step = 1, options: CreateOptions = {}): Tensor {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (![from, to, step].every(Number.isFinite) || step === 0)
    throw new ArgumentError('arange', `start ${from}, stop ${to} and step ${step} must be finite, and step not 0`);
  return evenly('arange', Math.max(0, Math.ceil((to - from) / step)), from, step, NaN, options);
}

/** `count` numbers from start to stop, both included. -> [count], f32 unless said otherwise. Throws ArgumentError unless count is a whole number >= 1. */
export function linspace(start: number, stop: number, count: number, options: CreateOptions = {}): Tensor {
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isFinite(start) || !Number.isFinite(stop))
    throw new ArgumentError('linspace', `start ${start} and stop ${stop} must be finite and count ${count} a whole number >= 1`);
  return count === 1
    ? evenly('linspace', 1, start, 0, NaN, options)
    : evenly('linspace', count, start, (stop - start) / (count - 1), stop, options);
}

function evenly(op: string, count: number, start: number, step: number, end: number, options: CreateOptions): Tensor {
  const dtype: DType = options.dtype ?? 'f32';
  checkShape(op, [count]);
  checkDType(op, dtype);
  if (dtype === 'bool') throw new DTypeError(op, 'bool has no numbers; compare the result instead');
  const out = emptyTensor([count], dtype);
  if (count > 0) range([], [out], [start, step, end]);
  if (step > 0) noteBounds(out, start, start + (count - 1) * step);
  if (options.requiresGrad === true) out.requiresGrad = true;
  return out;
}

/** The identity matrix, or ones on the diagonal of a matrix that is not square. -> [rows, columns], f32 unless said otherwise. Throws ShapeError. */
export function eye(rows: number, columns = rows, options: CreateOptions = {}): Tensor {
  const out = zeros([rows, columns], options);
  const n = Math.min(rows, columns);
  if (n > 0) fill([], [new Handle(out.storage, out.dtype, [n], [columns + 1], out.offset)], [1]);
  return out;
}
