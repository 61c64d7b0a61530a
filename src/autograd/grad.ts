import { formatShape } from '../core/shape.js';
import { ArgumentError, GradError } from '../errors.js';
import { ones, zeros } from '../create/fill.js';
import { alias } from '../ops/movement/alias.js';
import { scope } from '../runtime/scope.js';
import { sourceOf } from '../tensor/graph.js';
import { enableGrad, isRecording } from '../tensor/mode.js';
import { Tensor } from '../tensor/tensor.js';
import { checkSeed, targetOf, walk } from './walk.js';

export interface GradientsOptions {
  /** Cotangents of the outputs; ones for scalars. */
  readonly gradients?: readonly Tensor[];
  readonly retainGraph?: boolean;
  readonly createGraph?: boolean;
}

/** d (sum of outputs) / d input, for each input; zeros where nothing flows. Leaves `.grad` alone. As torch.autograd.grad. */
export function gradients(outputs: readonly Tensor[], inputs: readonly Tensor[], options: GradientsOptions = {}): Tensor[] {
  const { gradients: seeds, createGraph = false, retainGraph = createGraph } = options;
  outputs.forEach((output, i) => checkSeed('gradients', output, seeds?.[i]));
  return scope(() => {
    const cotangents = outputs.map((output, i) => seeds?.[i] ?? ones(output.shape, { dtype: output.dtype }));
    const found = walk(outputs, cotangents, inputs.map(targetOf), () => undefined, { retainGraph, createGraph });
    return inputs.map((input, i) => found[i] ?? zeros(input.shape, { dtype: input.dtype }));
  }, 'gradients()');
}

type ScalarFunction = (...inputs: Tensor[]) => Tensor;

/** Value and gradients (one for each argument) of a function with a scalar result. Nests for higher order. Throws GradError when the result is no scalar. */
export function valueAndGrad(fn: ScalarFunction): (...inputs: Tensor[]) => { value: Tensor; grads: Tensor[] } {
  return (...inputs) => {
    const nested = isRecording() && inputs.some((x) => x.requiresGrad);
    return scope(() => {
      const own = inputs.map(independent);
      const value = enableGrad(() => fn(...own));
      if (!(value instanceof Tensor)) throw new ArgumentError('grad', 'the function must return a tensor');
      if (value.size !== 1)
        throw new GradError('grad', `the function must return a scalar, got ${formatShape(value.shape)}; reduce it with sum() or mean()`);
      if (sourceOf(value) === null) return { value, grads: own.map((x) => zeros(x.shape, { dtype: x.dtype })) };
      const grads = gradients([value], own, { createGraph: nested });
      return { value: nested ? value : value.detach(), grads };
    }, 'grad()');
  };
}

/** The derivative of a function with a scalar result with respect to its first argument: grad(f)(x) = df/dx. Nests: grad(x => grad(f)(x).sum()). */
export function grad(fn: ScalarFunction): (...inputs: Tensor[]) => Tensor {
  const both = valueAndGrad(fn);
  return (...inputs) =>
    scope(() => {
      const [first] = both(...inputs).grads;
      if (first === undefined) throw new ArgumentError('grad', 'call the result with at least one tensor');
      return first;
    }, 'grad()');
}

/** Value of a function and its pullback: the cotangent of the result -> cotangents of the arguments. The pullback can be called once. */
export function vjp(fn: ScalarFunction, ...inputs: Tensor[]): { value: Tensor; pullback: (g: Tensor) => Tensor[] } {
  const own = inputs.map(independent);
  const value = enableGrad(() => fn(...own));
  return { value, pullback: (g) => gradients([value], own, { gradients: [g] }) };
}

/** A handle that gradients can be taken at: part of an outer graph where there is one, a leaf otherwise. */
function independent(x: Tensor): Tensor {
  if (isRecording() && x.requiresGrad) return alias(x);
  const leaf = x.detach();
  leaf.requiresGrad = true;
  return leaf;
}
