/** Error of the vector functions in units in the last place, against references that share nothing with them. */
import {
  cos,
  elu,
  erf,
  exp,
  expm1,
  fromArray,
  gelu,
  log,
  log1p,
  log2,
  mish,
  reciprocal,
  rsqrt,
  sigmoid,
  silu,
  sin,
  softplus,
  sqrt,
  tanh,
  type Tensor,
} from '../../src/index.js';
import * as special from './special.js';

export interface Measured {
  readonly name: string;
  readonly op: (x: Tensor) => Tensor;
  /** In f64, good to a few 2^-53: ample for f32. */
  readonly exact: (x: number) => number;
  /** Largest error promised, in ULP. */
  readonly bound: number;
  /** In f64, if another. */
  readonly bound64?: number;
}

const logistic = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
/** An infinite x times a factor that has long been 0. */
const product = (x: number, factor: number): number => (factor === 0 ? 0 : x * factor);

/** tanh(softplus(x)) without cancellation. */
function mishFactor(x: number): number {
  const e = Math.exp(Math.min(x, 40));
  return (e * (e + 2)) / (e * (e + 2) + 2);
}

const geluExponent = (x: number): number => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

export const functions: readonly Measured[] = [
  { name: 'exp', op: exp, exact: Math.exp, bound: 1 },
  { name: 'expm1', op: expm1, exact: Math.expm1, bound: 2 },
  { name: 'elu', op: (x) => elu(x), exact: (x) => (x > 0 ? x : Math.expm1(x)), bound: 2 },
  { name: 'log', op: log, exact: Math.log, bound: 1 },
  { name: 'log1p', op: log1p, exact: Math.log1p, bound: 2 },
  { name: 'log2', op: log2, exact: Math.log2, bound: 1 },
  { name: 'sin', op: sin, exact: Math.sin, bound: 2 },
  { name: 'cos', op: cos, exact: Math.cos, bound: 2 },
  { name: 'tanh', op: tanh, exact: Math.tanh, bound: 2 },
  { name: 'sigmoid', op: sigmoid, exact: logistic, bound: 2 },
  { name: 'erf', op: erf, exact: special.erf, bound: 2 },
  { name: 'sqrt', op: sqrt, exact: Math.sqrt, bound: 0.5 },
  { name: 'rsqrt', op: rsqrt, exact: (x) => 1 / Math.sqrt(x), bound: 1.5 },
  { name: 'reciprocal', op: reciprocal, exact: (x) => 1 / x, bound: 0.5 },
  { name: 'softplus', op: (x) => softplus(x), exact: (x) => (x > 20 ? x : Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))), bound: 2 },
  { name: 'gelu', op: (x) => gelu(x), exact: (x) => product(x, special.normal(x)), bound: 2, bound64: 2.5 },
  { name: 'geluTanh', op: (x) => gelu(x, { approximate: 'tanh' }), exact: (x) => product(x, logistic(geluExponent(x))), bound: 2 },
  { name: 'silu', op: silu, exact: (x) => product(x, logistic(x)), bound: 2 },
  { name: 'mish', op: mish, exact: (x) => product(x, mishFactor(x)), bound: 2 },
];

const bits = new DataView(new ArrayBuffer(8));

/** Distance between neighbours at |x|, in f32 (23 bits of fraction) or f64 (52). */
export function ulpOf(x: number, fraction: 23 | 52): number {
  bits.setFloat64(0, x);
  const lowest = fraction === 23 ? -126 : -1022;
  const exponent = Math.max(((bits.getUint32(0) >>> 20) & 2047) - 1023, lowest);
  return exponent - fraction < -1074 ? 2 ** -1074 : 2 ** (exponent - fraction);
}

/** |got - want| in ULP of f32; 0 where both are NaN, or where both are beyond the largest number. */
export function errorF32(got: number, want: number): number {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return 0;
  // The midpoint between the largest f32 and the next power of two rounds to infinity; half an ULP on either side is fair.
  if (!Number.isFinite(got) || !Number.isFinite(want)) {
    return Math.fround(want) === got || (Math.abs(want) >= 3.402823364973241e38 && Math.sign(want) === Math.sign(got)) ? 0 : Infinity;
  }
  return Math.abs(got - want) / ulpOf(want, 23);
}

export interface Worst {
  readonly ulp: number;
  readonly x: number;
}

const chunk = 1 << 18;

/** The largest error of f over every `stride`-th of the 2^32 floats, or of those with bit patterns from `start` up to `end`. */
export function worstF32({ op, exact }: Measured, stride: number, start = 0, end = 2 ** 32): Worst {
  let worst: Worst = { ulp: 0, x: NaN };
  for (let first = start; first < end; first += stride * chunk) {
    const count = Math.min(chunk, Math.ceil((end - first) / stride));
    const patterns = new Uint32Array(count);
    for (let i = 0; i < count; i++) patterns[i] = first + i * stride;
    const x = new Float32Array(patterns.buffer);
    const input = fromArray(x, [count]);
    const output = op(input);
    const y = output.dataSync() as Float32Array;
    for (let i = 0; i < count; i++) {
      const want = exact(x[i]!);
      // A unit is more than 2^-24 of a number: most errors need no division.
      if (Math.abs(y[i]! - want) < Math.abs(want) * 2 ** -24 * worst.ulp) continue;
      const error = errorF32(y[i]!, want);
      if (error > worst.ulp) worst = { ulp: error, x: x[i]! };
    }
    input.dispose();
    output.dispose();
  }
  return worst;
}
