import { formatShape, formatSpec, type Shape, type Spec } from '../../core/shape.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { keepCopy, type Storage } from '../../runtime/storage.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { contiguous } from '../movement/contiguous.js';
import { apply, defineOp } from '../op.js';
import { asRows } from './quantize.js';

const forward = kernel('quantized_linear', [-1, 1]);
const pack = kernel('quantized_pack', [1, 1]);

/** Up to so many rows of x, the kernel reads weights where they lie. */
const fewRows = 4;

/**
 * The weight in the order in which the kernel's tiles read it, for x of many rows: made once and kept with the weight's memory. Panels of up to 32 columns, k
 * in fours; which instruction set packs is the addon's affair, the room suffices for all.
 */
function packed(x: Handle, weight: Tensor): Handle {
  const { storage, shape, strides, offset } = weight;
  const [n = 0, k = 0] = shape;
  if ((x.shape[0] ?? 0) <= fewRows) return weight;
  const bytes = Math.ceil(n / 32) * 32 * Math.ceil(k / 4) * 4;
  const handle = (copy: Storage): Handle => new Handle(copy, 'i8', [bytes], [1], 0);
  return handle(keepCopy(storage, `panels ${shape.join()} ${strides.join()} ${offset}`, bytes, (copy) => pack([weight], [handle(copy)])));
}

/** Sums of products of 127 by 128 stay below 2^31 up to here. */
const maxFeatures = 1 << 17;

export const quantizedLinearOp = defineOp({
  name: 'quantizedLinear',
  inputs: ['x', 'weight', 'scale', 'bias'],
  infer: ({ x, weight, scale, bias }) => {
    channel('bias', bias, weight);
    return quantizedSpec(x, weight, scale);
  },
  forward: ({ x, weight, scale, bias }, out) => {
    const rows = asRows(x);
    forward([rows, weight, packed(rows, weight), scale, bias], [asRows(out)]);
  },
  saves: [],
  vjp: null,
});

export const quantizedLinearNoBiasOp = defineOp({
  name: 'quantizedLinearNoBias',
  inputs: ['x', 'weight', 'scale'],
  infer: ({ x, weight, scale }) => quantizedSpec(x, weight, scale),
  forward: ({ x, weight, scale }, out) => {
    const rows = asRows(x);
    forward([rows, weight, packed(rows, weight), scale], [asRows(out)]);
  },
  saves: [],
  vjp: null,
});

function quantizedSpec(x: Spec, weight: Spec, scale: Spec): Spec {
  const op = 'quantizedLinear';
  if (x.dtype !== 'f32') throw new DTypeError(op, `x must be f32, got ${formatSpec(x)}; convert it with to('f32')`);
  if (weight.dtype !== 'i8') throw new DTypeError(op, `weight must be i8, got ${formatSpec(weight)}; make it with quantize(weight)`);
  if (weight.shape.length !== 2) throw new ShapeError(op, `weight ${formatShape(weight.shape)} must be [out, in]`);
  channel('scale', scale, weight);
  const [out = 0, features = 0] = weight.shape;
  if (x.shape.at(-1) !== features)
    throw new ShapeError(
      op,
      `x ${formatShape(x.shape)} and weight ${formatShape(weight.shape)} do not agree on in (${x.shape.at(-1) ?? 'x is a scalar'} vs ${features})`,
    );
  if (features > maxFeatures) throw new ShapeError(op, `weight ${formatShape(weight.shape)}: in may be ${maxFeatures} at most`);
  return { shape: [...x.shape.slice(0, -1), out], dtype: 'f32' };
}

/** Throws unless `t` has one f32 for each output channel. */
function channel(name: string, t: Spec, weight: { readonly shape: Shape }): void {
  if (t.dtype === 'f32' && t.shape.length === 1 && t.shape[0] === weight.shape[0]) return;
  const message = `${name} ${formatSpec(t)} must be f32 [${weight.shape[0] ?? 0}], one number for each row of weight ${formatShape(weight.shape)}`;
  throw t.dtype === 'f32' ? new ShapeError('quantizedLinear', message) : new DTypeError('quantizedLinear', message);
}

/**
 * Affine map with int8 weights and activations quantised on the fly: each row of x becomes q = round(127 x / max |x|), halves to even, and
 * y = (q . weight) (max |x| / 127) scale + bias with the sum in 32-bit integers, exactly. Weight and scale come from quantize(). x [..., in] f32,
 * weight [out, in] i8, scale [out] f32, bias [out] f32 -> [..., out] f32. Of each product, at most half a step of x and of the weight are lost. A row of x with
 * NaN or infinity gives NaN. Not differentiable: for inference. Throws ShapeError (also for in > 2^17), DTypeError. O(m n k), memory-bound for few rows: int8
 * weights are a quarter of the traffic. With more than 4 rows, a second copy of the weight, in the order of the products, is made once and kept while the weight
 * lives.
 */
export function quantizedLinear(x: Tensor, weight: Tensor, scale: Tensor, bias?: Tensor | null): Tensor {
  checkTensor('quantizedLinear', x);
  checkTensor('quantizedLinear', weight, 'weight');
  checkTensor('quantizedLinear', scale, 'scale');
  return scope(() => {
    const inputs = { x: contiguous(x), weight: contiguous(weight), scale };
    if (bias === undefined || bias === null) return apply(quantizedLinearNoBiasOp, inputs, {});
    checkTensor('quantizedLinear', bias, 'bias');
    return apply(quantizedLinearOp, { ...inputs, bias }, {});
  }, 'quantizedLinear');
}
