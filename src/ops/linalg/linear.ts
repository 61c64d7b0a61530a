import { isHalf, promote } from '../../core/dtype.js';
import { contiguousStrides, formatShape, formatSpec, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { Tensor } from '../../tensor/tensor.js';
import { scope } from '../../runtime/scope.js';
import { describe } from '../elementwise/binary.js';
import { to } from '../elementwise/cast.js';
import { transpose } from '../movement/permute.js';
import { reshape } from '../movement/reshape.js';
import { floating, sameDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { sumTo } from '../reduce/sum-to.js';
import { matmul, product, rows } from './matmul.js';

const forward = kernel('linear', [3, 1]);
const forwardHalf = kernel('linear_half', [3, 1]);
const multiply = kernel('matmul', [2, 1]);

/** The kernel alone, for ops that begin with a linear map: out = x weight^T + bias. Nothing is checked or recorded. */
export function linearInto(x: Handle, weight: Handle, bias: Handle, out: Handle): void {
  forward([x, weight, bias], [out]);
}

export const linearOp = defineOp({
  name: 'linear',
  inputs: ['x', 'weight', 'bias'],
  infer: ({ x, weight, bias }) => {
    const out = linearSpec(x, weight);
    sameDType('linear', x, bias, ['x', 'bias']);
    checkBias(bias, weight);
    return out;
  },
  forward: ({ x, weight, bias }, out) => forward([x, weight, bias], [out]),
  saves: ['x', 'weight'],
  vjp: (g, { x, weight }, _attrs, specs) => ({ ...linearRule(g, x, weight), bias: () => sumTo(g, specs.bias.shape) }),
});

export const linearNoBiasOp = defineOp({
  name: 'linearNoBias',
  inputs: ['x', 'weight'],
  infer: ({ x, weight }) => linearSpec(x, weight),
  forward: ({ x, weight }, out) => {
    const { storage, dtype, shape, strides, offset } = weight;
    const turned = new Handle(storage, dtype, [...shape].reverse(), [...strides].reverse(), offset);
    multiply([asMatrix(x), turned], [asMatrix(out)]);
  },
  saves: ['x', 'weight'],
  vjp: (g, { x, weight }) => linearRule(g, x, weight),
});

/** f32, bf16 and f16 in any mixture, summed in f32 and rounded once. Without bias, it is matmul. */
export const linearHalfOp = defineOp({
  name: 'linearHalf',
  inputs: ['x', 'weight', 'bias'],
  infer: ({ x, weight, bias }) => {
    floating('linear', bias, 'bias');
    checkBias(bias, weight);
    return { shape: linearShape(x, weight), dtype: promote(x.dtype, weight.dtype) };
  },
  forward: ({ x, weight, bias }, out) => forwardHalf([x, weight, bias], [out]),
  saves: ['x', 'weight'],
  vjp: (g, { x, weight }, _attrs, specs) => ({
    x: () => reshape(product(atLeast2d(g), weight, x.dtype), x.shape),
    weight: () => product(transpose(atLeast2d(g)), atLeast2d(x), weight.dtype),
    bias: () => to(sumTo(to(g, 'f32'), specs.bias.shape), specs.bias.dtype),
  }),
});

/** y = x W^T + b: dL/dx = g W, dL/dW = g^T x summed over all leading axes. */
function linearRule(g: Tensor, x: Tensor, weight: Tensor): { x: () => Tensor; weight: () => Tensor } {
  return {
    x: () => matmul(g, weight),
    weight: () => matmul(transpose(atLeast2d(g)), atLeast2d(x)),
  };
}

function atLeast2d(x: Tensor): Tensor {
  return x.shape.length === 1 ? reshape(x, [1, x.size]) : rows(x);
}

/** A vector as a matrix of one row, for the kernel alone. */
function asMatrix(x: Tensor): Handle {
  if (x.shape.length > 1) return x;
  const shape = [1, ...x.shape];
  return new Handle(x.storage, x.dtype, shape, [contiguousStrides(shape)[0] ?? 1, ...x.strides], x.offset);
}

function linearSpec(x: Spec, weight: Spec): Spec {
  floating('linear', x);
  sameDType('linear', x, weight, ['x', 'weight']);
  return { shape: linearShape(x, weight), dtype: x.dtype };
}

function checkBias(bias: Spec, weight: Spec): void {
  if (bias.shape.length === 1 && bias.shape[0] === weight.shape[0]) return;
  throw new ShapeError(
    'linear',
    `bias ${formatShape(bias.shape)} must be [${weight.shape[0] ?? 0}], one number for each row of weight ${formatShape(weight.shape)}`,
  );
}

function linearShape(x: Spec, weight: Spec): Shape {
  const features = x.shape.at(-1);
  if (weight.shape.length !== 2) throw new ShapeError('linear', `weight ${formatShape(weight.shape)} must be [out, in]`);
  if (features === undefined || features !== weight.shape[1]) {
    const cure = features === weight.shape[0] ? '; weight is stored as [out, in]: did you mean weight.transpose()?' : '';
    throw new ShapeError(
      'linear',
      `x ${formatShape(x.shape)} and weight ${formatShape(weight.shape)} do not agree on in (${features ?? 'x is a scalar'} vs ${weight.shape[1] ?? 0})${cure}`,
    );
  }
  return [...x.shape.slice(0, -1), weight.shape[0] ?? 0];
}

/**
 * Affine map y = x weight^T + bias. x [..., in], weight [out, in], bias [out] -> [..., out]; f32 or f64. bf16 and f16,
 * also next to f32, are multiplied and summed in f32 and rounded once, to the common dtype of x and weight. Throws ShapeError when the shapes do not agree,
 * DTypeError when the dtypes differ.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError('linear', `x must be a tensor, got ${describe(x)}`);
  if (!(weight instanceof Tensor)) throw new ArgumentError('linear', `weight must be a tensor, got ${describe(weight)}`);
  if (isHalf(x.dtype) || isHalf(weight.dtype) || (bias instanceof Tensor && isHalf(bias.dtype))) return linearHalf(x, weight, bias ?? null);
  if (bias === undefined || bias === null) return apply(linearNoBiasOp, { x, weight }, {});
  return apply(linearOp, { x, weight, bias }, {});
}

function linearHalf(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  for (const [name, t] of Object.entries({ x, weight, ...(bias === null ? {} : { bias }) })) {
    if (t.dtype !== 'f32' && !isHalf(t.dtype))
      throw new DTypeError('linear', `${name} must be f32, bf16 or f16 next to them, got ${formatSpec(t)}`);
  }
  if (bias !== null) return apply(linearHalfOp, { x, weight, bias }, {});
  linearShape(x, weight);
  return scope(() => matmul(x, transpose(weight)), 'linear');
}
