import { checkDType, isFloating, type DType } from '../core/dtype.js';
import { checkShape, formatShape, type Shape } from '../core/shape.js';
import { ArgumentError, DTypeError, show } from '../errors.js';
import { kernel } from '../runtime/kernel.js';
import { noteBounds } from '../runtime/known-range.js';
import { nextStream } from '../runtime/random.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';
import type { CreateOptions } from './fill.js';

const uniformKernel = kernel('random_uniform', [0, 1], ['seed', 'stream', 'low', 'high']);
const normalKernel = kernel('random_normal', [0, 1], ['seed', 'stream', 'mean', 'std']);
const integerKernel = kernel('random_integer', [0, 1], ['seed', 'stream', 'low', 'range']);
const permutationKernel = kernel('random_permutation', [0, 1], ['seed', 'stream']);

/** Overwrites the values of a row-major tensor with draws from [low, high). Not recorded. */
export function drawUniform(out: Tensor, low: number, high: number): void {
  const { seed, stream } = nextStream();
  if (out.size > 0) uniformKernel([], [out], [seed, stream, low, high]);
}

/** Overwrites the values of a row-major tensor with normal draws. Not recorded. */
export function drawNormal(out: Tensor, mean: number, std: number): void {
  const { seed, stream } = nextStream();
  if (out.size > 0) normalKernel([], [out], [seed, stream, mean, std]);
}

export interface UniformOptions extends CreateOptions {
  /** Smallest value; 0 unless said otherwise. */
  readonly low?: number;
  /** All values are below it; 1 unless said otherwise. */
  readonly high?: number;
}

/** Numbers uniform in [low, high), from the seed of manualSeed(). shape -> [...shape] f32 or f64. Throws ArgumentError when low > high. */
export function rand(shape: Shape, { low = 0, high = 1, ...options }: UniformOptions = {}): Tensor {
  checkRange('rand', low, high);
  const out = floatingTensor('rand', shape, options);
  drawUniform(out, low, high);
  return out;
}

export interface NormalOptions extends CreateOptions {
  /** 0 unless said otherwise. */
  readonly mean?: number;
  /** Standard deviation; 1 unless said otherwise. */
  readonly std?: number;
}

/** Normally distributed numbers, from the seed of manualSeed(). shape -> [...shape] f32 or f64. Throws ArgumentError when std < 0. */
export function randn(shape: Shape, { mean = 0, std = 1, ...options }: NormalOptions = {}): Tensor {
  checkDeviation('randn', mean, std);
  const out = floatingTensor('randn', shape, options);
  drawNormal(out, mean, std);
  return out;
}

/** Whole numbers uniform in [low, high). shape -> [...shape], i64 unless said otherwise. Throws ArgumentError when there is none between low and high. */
export function randint(low: number, high: number, shape: Shape, { dtype = 'i64', requiresGrad = false }: CreateOptions = {}): Tensor {
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high || !Number.isSafeInteger(high - low))
    throw new ArgumentError('randint', `low ${low} and high ${high} must be whole numbers with low < high`);
  checkShape('randint', shape);
  checkDType('randint', dtype);
  if (dtype === 'bool') throw new DTypeError('randint', 'bool has no whole numbers; compare the result of rand() instead');
  const out = emptyTensor([...shape], dtype);
  const { seed, stream } = nextStream();
  if (out.size > 0) integerKernel([], [out], [seed, stream, low, high - low]);
  noteBounds(out, low, high - 1);
  if (requiresGrad) out.requiresGrad = true;
  return out;
}

/** The numbers 0..n-1 in random order. n -> [n] i64 (or i32). Throws ArgumentError unless n is a whole number >= 0. */
export function randperm(n: number, { dtype = 'i64' }: { readonly dtype?: 'i32' | 'i64' } = {}): Tensor {
  if (!Number.isSafeInteger(n) || n < 0) throw new ArgumentError('randperm', `n must be a whole number >= 0, got ${n}`);
  const integer: DType = dtype;
  if (integer !== 'i32' && integer !== 'i64') throw new DTypeError('randperm', `dtype must be i32 or i64, got ${String(integer)}`);
  const out = emptyTensor([n], dtype);
  const { seed, stream } = nextStream();
  if (n > 0) permutationKernel([], [out], [seed, stream]);
  noteBounds(out, 0, n - 1);
  return out;
}

/** Throws unless low <= high and both are finite. */
export function checkRange(op: string, low: number, high: number): void {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high)
    throw new ArgumentError(op, `low ${show(low)} and high ${show(high)} must be finite with low <= high`);
}

/** Throws unless mean is finite and std finite and >= 0. */
export function checkDeviation(op: string, mean: number, std: number): void {
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std < 0)
    throw new ArgumentError(op, `mean ${show(mean)} and std ${show(std)} must be finite with std >= 0`);
}

function floatingTensor(op: string, shape: Shape, { dtype = 'f32', requiresGrad = false }: CreateOptions): Tensor {
  checkShape(op, shape);
  checkDType(op, dtype);
  if (!isFloating(dtype)) throw new DTypeError(op, `${formatShape(shape)} must be f32 or f64, got ${dtype}; randint() makes whole numbers`);
  const out = emptyTensor([...shape], dtype);
  if (requiresGrad) out.requiresGrad = true;
  return out;
}
