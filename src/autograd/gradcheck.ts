import { ArgumentError, checkOptions, DTypeError, GradError } from '../errors.js';
import { formatShape, formatSpec, sizeOf, type Shape } from '../core/shape.js';
import { fromArray } from '../create/tensor.js';
import { scope } from '../runtime/scope.js';
import { enableGrad, noGrad } from '../tensor/mode.js';
import { Tensor } from '../tensor/tensor.js';
import { gradients } from './grad.js';
import { cotangent, probesOf } from './probes.js';

/** A function of tensors with one or several results. */
export type TensorFunction = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

export interface GradcheckOptions {
  /** Half the distance between the two points of a difference quotient. Default 1e-6. */
  readonly eps?: number;
  /** Largest difference that is accepted: atol + rtol * |numerical|. Default 1e-5. */
  readonly atol?: number;
  /** See atol. Default 1e-3. */
  readonly rtol?: number;
  /** Elements of an input to check one by one; of larger inputs so many are picked, and four random directions cover the rest. Default: all. */
  readonly maxElements?: number;
}

export interface GradcheckReport {
  /** Derivatives compared. */
  readonly checked: number;
  /** Largest |analytic - numerical|. */
  readonly maxError: number;
}

interface Settings extends Required<GradcheckOptions> {
  readonly op: string;
}

const known = ['eps', 'atol', 'rtol', 'maxElements'];
/** Evaluations in flight at a time. */
const batch = 128;

/**
 * Compares the gradients of `fn` with central differences (f(x + eps v) - f(x - eps v)) / (2 eps), for every input that requires a gradient and a random
 * cotangent of the results; resolves to what was compared. Inputs must be f64, as f32 differences have three digits at best. fn must be deterministic.
 * Rejects with a GradError that names the input and the element where they differ; points where fn has a kink fail, as they should.
 */
export async function gradcheck(fn: TensorFunction, inputs: readonly Tensor[], options: GradcheckOptions = {}): Promise<GradcheckReport> {
  return check(fn, inputs, settings('gradcheck', options));
}

/** As gradcheck, for the gradients of the gradients: checks (inputs, cotangents) -> gradients of `fn`, which must be made of differentiable ops. */
export async function gradgradcheck(
  fn: TensorFunction,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<GradcheckReport> {
  const chosen = settings('gradgradcheck', options);
  const wanted = requested('gradgradcheck', inputs);
  const specs = scope(() => differentiable(results('gradgradcheck', fn, inputs)).map(({ shape }) => shape));
  const seeds = specs.map((shape, i) => leaf(cotangent(sizeOf(shape), i + 1), shape));
  const first: TensorFunction = (...all) => {
    const own = all.slice(0, inputs.length);
    const outs = differentiable(results('gradgradcheck', fn, own));
    const at = wanted.map((i) => element(own, i));
    return gradients(outs, at, { gradients: all.slice(inputs.length), createGraph: true });
  };
  return check(first, [...inputs, ...seeds], chosen);
}

/**
 * Central differences of sum(cotangent * fn(...inputs)) with respect to inputs[index]: (f(x + eps e) - f(x - eps e)) / (2 eps) for each element. f64 only.
 * The cotangents default to ones. x [...] f64 -> [...] f64. Throws DTypeError for another dtype.
 */
export async function numericalGrad(
  fn: TensorFunction,
  inputs: readonly Tensor[],
  index = 0,
  { eps = 1e-6, cotangents }: { readonly eps?: number; readonly cotangents?: readonly Tensor[] } = {},
): Promise<Tensor> {
  const x = element(inputs, index);
  requireF64('numericalGrad', x, index);
  const data = Float64Array.from(values(await x.data()));
  const seeds = cotangents === undefined ? null : await Promise.all(cotangents.map(async (c) => values(await c.data())));
  const steps = Array.from(data, (_, i) => (v: Float64Array, h: number) => (v[i] = (v[i] ?? 0) + h));
  const slopes = await differences({ op: 'numericalGrad', fn, inputs, index, data, steps, eps, cotangents: seeds });
  return fromArray(Float64Array.from(slopes), x.shape, { dtype: 'f64' });
}

async function check(fn: TensorFunction, inputs: readonly Tensor[], chosen: Settings): Promise<GradcheckReport> {
  const { op, eps, atol, rtol, maxElements } = chosen;
  const wanted = requested(op, inputs);
  const { grads, seeds } = await analytic(op, fn, inputs, wanted);
  let checked = 0;
  let maxError = 0;
  for (const [k, index] of wanted.entries()) {
    const x = element(inputs, index);
    const g = grads[k] ?? new Float64Array(0);
    const data = Float64Array.from(values(await x.data()));
    const probes = probesOf(data.length, maxElements);
    const steps = probes.map((probe) => probe.move);
    const slopes = await differences({ op, fn, inputs, index, data, steps, eps, cotangents: seeds });
    slopes.forEach((numerical, i) => {
      const probe = probes[i];
      if (probe === undefined) return;
      const exact = probe.project(g);
      const error = Math.abs(exact - numerical);
      checked++;
      if (error > maxError) maxError = error;
      if (error <= atol + rtol * Math.abs(numerical)) return;
      throw new GradError(
        op,
        `input ${index} ${formatShape(x.shape)}, ${probe.name(x.shape)}: the gradient is ${exact}, central differences give ${numerical} ` +
          `(they differ by ${error.toExponential(2)}, accepted are ${atol} + ${rtol} * |${numerical.toPrecision(4)}|)`,
      );
    });
  }
  return { checked, maxError };
}

/** Gradients by the chain rule, and the cotangents used. */
async function analytic(
  op: string,
  fn: TensorFunction,
  inputs: readonly Tensor[],
  wanted: readonly number[],
): Promise<{ grads: readonly Float64Array[]; seeds: readonly (Float64Array | null)[] }> {
  const found = scope(() =>
    enableGrad(() => {
      const own = inputs.map((x, i) => (wanted.includes(i) ? fresh(x) : x));
      const outs = results(op, fn, own);
      const floating = differentiable(outs);
      if (floating.length === 0) throw new GradError(op, 'no result of the function depends on an input that requires a gradient');
      const seeds = outs.map((out, i) => (floating.includes(out) ? cotangent(out.size, i) : null));
      const cotangents = seeds.flatMap((seed, i) => (seed === null ? [] : [fromArray(seed, element(outs, i).shape, { dtype: 'f64' })]));
      const grads = gradients(
        floating,
        wanted.map((i) => element(own, i)),
        { gradients: cotangents },
      );
      grads.forEach((g, k) => {
        const x = element(inputs, wanted[k] ?? 0);
        if (g.dtype !== x.dtype || formatShape(g.shape) !== formatShape(x.shape))
          throw new GradError(op, `the gradient of input ${wanted[k] ?? 0} is ${formatSpec(g)}, the input ${formatSpec(x)}`);
      });
      return { grads: grads.map((g) => g.data()), seeds };
    }),
  );
  const grads = await Promise.all(found.grads);
  return { grads: grads.map((g) => Float64Array.from(values(g))), seeds: found.seeds };
}

interface Quotients {
  readonly op: string;
  readonly fn: TensorFunction;
  readonly inputs: readonly Tensor[];
  readonly index: number;
  readonly data: Float64Array;
  /** Each moves the input by h in its direction. */
  readonly steps: readonly ((v: Float64Array, h: number) => void)[];
  readonly eps: number;
  /** By result; null: it does not count. null as a whole: ones. */
  readonly cotangents: readonly (ArrayLike<number> | null)[] | null;
}

/** One difference quotient for each step. Many evaluations are queued before the first is waited for. */
async function differences(q: Quotients): Promise<number[]> {
  const slopes: number[] = [];
  for (let start = 0; start < q.steps.length; start += batch) {
    const pairs = q.steps.slice(start, start + batch).map((move) => [evaluate(q, move, q.eps), evaluate(q, move, -q.eps)] as const);
    for (const [up, down] of pairs) slopes.push(slope(await Promise.all(up), await Promise.all(down), q));
  }
  return slopes;
}

function evaluate(q: Quotients, move: (v: Float64Array, h: number) => void, h: number): Promise<ArrayLike<number>>[] {
  const moved = q.data.slice();
  move(moved, h);
  const x = element(q.inputs, q.index);
  return scope(() => {
    const own = q.inputs.map((input, i) => (i === q.index ? leaf(moved, x.shape) : input));
    // Recording stays on: the function may itself take gradients.
    const outs = enableGrad(() => results(q.op, q.fn, own));
    return outs.map(async (out) => values(await out.data()));
  });
}

/** Sum of cotangent * (up - down) / 2 eps: differences first, so that what the step does not touch adds no rounding error. */
function slope(up: readonly ArrayLike<number>[], down: readonly ArrayLike<number>[], { cotangents, eps }: Quotients): number {
  let sum = 0;
  up.forEach((high, r) => {
    const c = cotangents === null ? undefined : cotangents[r];
    if (c === null) return;
    const low = down[r];
    for (let i = 0; i < high.length; i++) sum += (c === undefined ? 1 : (c[i] ?? 0)) * ((high[i] ?? 0) - (low?.[i] ?? 0));
  });
  return sum / (2 * eps);
}

function settings(op: string, options: GradcheckOptions): Settings {
  checkOptions(op, options, known);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, maxElements = Infinity } = options;
  if (!(eps > 0)) throw new ArgumentError(op, `eps must be positive, got ${eps}`);
  return { op, eps, atol, rtol, maxElements };
}

/** Positions of the inputs that require a gradient. */
function requested(op: string, inputs: readonly Tensor[]): number[] {
  const wanted = inputs.map((_, i) => i).filter((i) => element(inputs, i).requiresGrad);
  if (wanted.length === 0) throw new GradError(op, 'no input requires a gradient; set requiresGrad on those to check');
  for (const i of wanted) requireF64(op, element(inputs, i), i);
  return wanted;
}

function requireF64(op: string, x: Tensor, index: number): void {
  if (x.dtype !== 'f64')
    throw new DTypeError(op, `input ${index} must be f64, got ${formatSpec(x)}: in f32, difference quotients have three digits at best`);
}

function results(op: string, fn: TensorFunction, inputs: readonly Tensor[]): readonly Tensor[] {
  const result: unknown = fn(...inputs);
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (!list.every((one) => one instanceof Tensor))
    throw new ArgumentError(op, 'the function must return a tensor or an array of tensors (and not a promise)');
  return list;
}

function differentiable(outs: readonly Tensor[]): Tensor[] {
  return outs.filter((out) => out.requiresGrad);
}

/** A leaf with x's values. */
function fresh(x: Tensor): Tensor {
  const own = noGrad(() => x.detach());
  own.requiresGrad = true;
  return own;
}

function leaf(data: Float64Array, shape: Shape): Tensor {
  return fromArray(data, shape, { dtype: 'f64', requiresGrad: true });
}

function values(data: ArrayLike<number> | BigInt64Array): ArrayLike<number> {
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : data;
}

function element(list: readonly Tensor[], i: number): Tensor {
  const found = list[i];
  if (!(found instanceof Tensor)) throw new ArgumentError('gradcheck', `input ${i} must be a tensor`);
  return found;
}
