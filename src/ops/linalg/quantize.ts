import { formatSpec } from '../../core/shape.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { contiguous } from '../movement/contiguous.js';
import { applyMulti, defineMultiOp } from '../op.js';

const forward = kernel('quantize', [1, 2]);

export const quantizeOp = defineMultiOp({
  name: 'quantize',
  inputs: ['x'],
  outputs: ['values', 'scale'],
  infer: ({ x }) => {
    if (x.dtype !== 'f32') throw new DTypeError('quantize', `x must be f32, got ${formatSpec(x)}; convert it with to('f32')`);
    if (x.shape.length === 0) throw new ShapeError('quantize', 'x [] must have at least one axis');
    return { values: { shape: x.shape, dtype: 'i8' }, scale: { shape: x.shape.slice(0, -1), dtype: 'f32' } };
  },
  forward: ({ x }, { values, scale }) => forward([asRows(x)], [asRows(values), asLine(scale)]),
  saves: [],
  vjp: null,
});

/** A contiguous [..., k] as [rows, k], for a kernel alone. */
export function asRows(x: Handle): Handle {
  const k = x.shape.at(-1) ?? 1;
  const rows = x.shape.slice(0, -1).reduce((a, b) => a * b, 1);
  return new Handle(x.storage, x.dtype, [rows, k], [k, 1], x.offset);
}

function asLine(x: Handle): Handle {
  const size = x.shape.reduce((a, b) => a * b, 1);
  return new Handle(x.storage, x.dtype, [size], [1], x.offset);
}

/** Whole numbers and what they are multiples of: x ~ values scale. */
export interface Quantized {
  readonly values: Tensor;
  readonly scale: Tensor;
}

/**
 * Symmetric int8 quantisation along the last axis: scale = max |x| / 127, values = x / scale rounded to the nearest, halves to even, in -127 .. 127, so that
 * |x - values scale| <= scale / 2, up to rounding. For a weight [out, in] that is one scale for each output channel. A row with NaN or infinity gets the scale
 * NaN, a row below 1e-36 the scale 0. x [..., k] f32 -> values [..., k] i8, scale [...] f32. Not differentiable. Throws DTypeError, ShapeError.
 */
export function quantize(x: Tensor): Quantized {
  checkTensor('quantize', x);
  return scope(() => applyMulti(quantizeOp, { x: contiguous(x) }, {}), 'quantize');
}
