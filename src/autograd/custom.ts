import { formatShape, formatSpec, sameShape, type Spec } from '../core/shape.js';
import { ArgumentError, DTypeError, GradError, ShapeError } from '../errors.js';
import { checkLive } from '../runtime/handle.js';
import { scope } from '../runtime/scope.js';
import { record } from '../tensor/graph.js';
import { noGrad } from '../tensor/mode.js';
import { Tensor } from '../tensor/tensor.js';

const op = 'customGrad';

/** The gradient rule of a customGrad function: cotangent of the result, the inputs and the result -> a cotangent for each input (null: no gradient flows). */
export type CustomVjp = (g: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | null)[];

/**
 * A function with a gradient rule of its own, instead of the one that follows from the ops in it. `forward` runs without recording; `vjp` is written with ops, so
 * that the gradient can be differentiated again. As torch.autograd.Function.
 *
 * The result throws ArgumentError when forward returns no tensor (or a promise), and its backward pass GradError, ShapeError or DTypeError when vjp does not
 * return one cotangent for each input, with the input's shape and dtype.
 */
export function customGrad(forward: (...inputs: Tensor[]) => Tensor, vjp: CustomVjp): (...inputs: Tensor[]) => Tensor {
  if (typeof forward !== 'function' || typeof vjp !== 'function')
    throw new ArgumentError(op, 'takes two functions: forward(...inputs) and vjp(g, inputs, output)');
  return (...inputs) => {
    inputs.forEach((x, i) => {
      if (!(x instanceof Tensor)) throw new ArgumentError(op, `input ${i} must be a tensor, got ${typeof x}`);
      checkLive(op, `input ${i}`, x);
    });
    return scope(() => {
      const value: unknown = noGrad(() => forward(...inputs.map((x) => x.detach())));
      if (!(value instanceof Tensor)) throw new ArgumentError(op, `forward must return a tensor, got ${nameOf(value)}`);
      const out = value.detach();
      record(op, inputs, out, (g, saved, specs) => {
        const own = saved.slice(0, inputs.length);
        const [output = out] = saved.slice(inputs.length);
        return checkedCotangents(vjp(g, own, output), specs);
      });
      return out;
    }, 'customGrad()');
  };
}

function checkedCotangents(result: unknown, specs: readonly Spec[]): readonly (Tensor | null)[] {
  if (!Array.isArray(result)) throw new GradError(op, `vjp must return an array with a cotangent for each input, got ${nameOf(result)}`);
  const grads: readonly unknown[] = result;
  if (grads.length !== specs.length)
    throw new GradError(op, `vjp must return ${specs.length} cotangents, one for each input, got ${grads.length}`);
  return specs.map((spec, i) => {
    const g = grads[i];
    if (g === null) return null;
    if (!(g instanceof Tensor)) throw new GradError(op, `vjp's cotangent ${i} must be a tensor or null, got ${nameOf(g)}`);
    if (!sameShape(g.shape, spec.shape))
      throw new ShapeError(op, `vjp's cotangent ${i} has shape ${formatShape(g.shape)}, the input ${formatShape(spec.shape)}`);
    if (g.dtype !== spec.dtype) throw new DTypeError(op, `vjp's cotangent ${i} is ${formatSpec(g)}, the input ${formatSpec(spec)}`);
    return g;
  });
}

function nameOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise: it must not be asynchronous';
  return value === null ? 'null' : typeof value;
}
