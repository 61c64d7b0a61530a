import { formatShape, sameShape, sizeOf } from '../core/shape.js';
import { fromArray } from '../create/tensor.js';
import { zeros } from '../create/fill.js';
import { ArgumentError, GradError, ShapeError } from '../errors.js';
import { stack } from '../ops/movement/cat.js';
import { reshape } from '../ops/movement/reshape.js';
import { scope } from '../runtime/scope.js';
import { enableGrad } from '../tensor/mode.js';
import { Tensor } from '../tensor/tensor.js';
import { grad, gradients } from './grad.js';

/** A function of one tensor. */
export type Unary = (x: Tensor) => Tensor;

/**
 * Value of a function and its derivative along `tangents`: J t, where vjp gives J^T g. The pullback is linear in its cotangent, so that its own pullback is J
 * (two reverse passes, whatever the sizes; J. Townsend's observation, 2017). Needs gradients of gradients of the ops in fn.
 * inputs [...], tangents of the same shapes -> value [...], tangent of the value's shape. Throws ShapeError when a tangent does not have its input's shape.
 */
export function jvp(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  tangents: readonly Tensor[],
): { value: Tensor; tangent: Tensor } {
  if (inputs.length !== tangents.length)
    throw new ArgumentError('jvp', `needs a tangent for each of the ${inputs.length} inputs, got ${tangents.length}`);
  tangents.forEach((t, i) => {
    checkLike('jvp', `tangent ${i}`, t, inputs[i]);
  });
  return scope(
    () =>
      enableGrad(() => {
        const own = inputs.map(leaf);
        const value = checkedValue('jvp', fn(...own));
        if (!value.requiresGrad) return { value: value.detach(), tangent: zeros(value.shape, { dtype: value.dtype }) };
        const g = zeros(value.shape, { dtype: value.dtype, requiresGrad: true });
        const pulled = gradients([value], own, { gradients: [g], createGraph: true });
        const through = pulled.map((_, i) => i).filter((i) => pulled[i]?.requiresGrad === true);
        const [tangent = zeros(value.shape, { dtype: value.dtype })] =
          through.length === 0 ? [] : gradients(pick(pulled, through), [g], { gradients: pick(tangents, through) });
        return { value: value.detach(), tangent };
      }),
    'jvp()',
  );
}

/**
 * The Hessian of a function with a scalar result, times v, without the Hessian: d <df/dx, v> / dx (Pearlmutter 1994). x [...], v [...] -> [...].
 * Throws GradError when the result is no scalar or an op in fn has no second derivative.
 */
export function hvp(fn: Unary, x: Tensor, v: Tensor): Tensor {
  checkLike('hvp', 'v', v, x);
  return scope(
    () =>
      enableGrad(() => {
        const own = leaf(x);
        const slope = grad(fn)(own);
        if (!slope.requiresGrad) return zeros(x.shape, { dtype: x.dtype });
        const [product = zeros(x.shape, { dtype: x.dtype })] = gradients([slope], [own], { gradients: [v] });
        return product;
      }),
    'hvp()',
  );
}

/** All derivatives of a function's result: J[i..., j...] = d fn(x)[i...] / d x[j...], one reverse pass for each element of the result. x [...x] -> [...y, ...x]. */
export function jacobian(fn: Unary, x: Tensor): Tensor {
  return scope(
    () =>
      enableGrad(() => {
        const own = leaf(x);
        const value = checkedValue('jacobian', fn(own));
        const shape = [...value.shape, ...x.shape];
        if (!value.requiresGrad || sizeOf(shape) === 0) return zeros(shape, { dtype: x.dtype });
        const rows = Array.from({ length: value.size }, (_, i) => row(value, own, i));
        return reshape(stack(rows), shape);
      }),
    'jacobian()',
  );
}

/** All second derivatives of a function with a scalar result. x [...x] -> [...x, ...x]. Throws GradError when an op in fn has no second derivative. */
export function hessian(fn: Unary, x: Tensor): Tensor {
  return jacobian(grad(fn), x);
}

/** d value[i] / d x, with the graph kept for the other rows. */
function row(value: Tensor, x: Tensor, i: number): Tensor {
  const unit = new Float64Array(value.size);
  unit[i] = 1;
  const [g] = gradients([value], [x], { gradients: [fromArray(unit, value.shape, { dtype: value.dtype })], retainGraph: true });
  if (g === undefined) throw new GradError('jacobian', 'no gradient');
  return g;
}

/** x's values as a place to differentiate at. */
function leaf(x: Tensor): Tensor {
  const own = x.detach();
  own.requiresGrad = true;
  return own;
}

function pick(list: readonly Tensor[], positions: readonly number[]): Tensor[] {
  return list.filter((_, i) => positions.includes(i));
}

function checkedValue(op: string, value: unknown): Tensor {
  if (!(value instanceof Tensor)) throw new ArgumentError(op, 'the function must return a tensor');
  return value;
}

function checkLike(op: string, name: string, t: Tensor, x: Tensor | undefined): void {
  if (x !== undefined && !sameShape(t.shape, x.shape))
    throw new ShapeError(op, `${name} ${formatShape(t.shape)} does not have the shape ${formatShape(x.shape)} of its input`);
}
