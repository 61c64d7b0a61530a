/** The values that a row's inputs take in a case: seeded by names, and spread so that no two elements of an input are close to each other. */
import { fromArray, type DType, type Tensor } from '../../src/index.js';
import { drawOf, type TableCase, type TableRow } from '../table/index.js';
import { size, type Nd } from './nd.js';
import { random, type Random } from './random.js';

export interface Drawn extends Nd {
  readonly dtype: DType;
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f64';
}

/** The inputs of a case when the row runs with `dtype`. */
export function drawInputs(row: TableRow, one: TableCase, dtype: DType): Drawn[] {
  const position = row.cases.indexOf(one);
  return one.shapes.map((shape, i) => {
    const draw = drawOf(row, i);
    const own = draw.dtype ?? dtype;
    // Floating inputs are the same numbers for f32 and f64, rounded to f32 where that is what the op gets.
    const rng = random(`${row.name} ${position} ${i} ${isFloat(own) ? 'float' : own}`);
    const data = isFloat(own)
      ? floats(rng, size(shape), draw.low, draw.high, own, row.kink)
      : wholes(rng, size(shape), draw.low, draw.high, own);
    return { shape, data, dtype: own };
  });
}

/** Numbers in [0, 1) that look random enough: multiples of the golden ratio, modulo 1 (Knuth, TAOCP 3, 6.4). */
function scattered(i: number): number {
  return (Math.imul(i + 1, 0x9e3779b1) >>> 0) / 2 ** 32;
}

/** Above this, inputs serve threads and instruction sets alone: they are drawn quickly, in f32, and not spread. */
const large = 1 << 14;

/**
 * n numbers in [low, high), one from the middle part of each of n equal strata, shuffled: they cover the range, and lie at least 0.2 (high - low) / n apart, so
 * that max, sort and the like have no ties within the step of a finite difference.
 */
function floats(rng: Random, n: number, low: number, high: number, dtype: DType, kink?: (v: number) => boolean): Float64Array {
  const data = new Float64Array(n);
  if (n > large) return data.map((_, i) => Math.fround(low + (high - low) * scattered(i)));
  for (let i = 0; i < n; i++) {
    for (let attempt = 0; ; attempt++) {
      // An element whose stratum is all kink goes anywhere else.
      const place = attempt < 20 ? (i + 0.1 + 0.8 * rng.next()) / n : rng.next();
      const value = low + (high - low) * place;
      data[i] = dtype === 'f32' ? Math.fround(value) : value;
      if (!kink?.(value)) break;
      if (attempt > 1000) throw new Error(`no number in [${low}, ${high}) that is not a kink`);
    }
  }
  shuffle(rng, data);
  return data;
}

function wholes(rng: Random, n: number, low: number, high: number, dtype: DType): Float64Array {
  const from = dtype === 'bool' ? 0 : dtype === 'u8' ? Math.max(0, Math.ceil(low)) : Math.ceil(low);
  const to = dtype === 'bool' ? 2 : Math.max(from + 1, Math.ceil(high));
  return Float64Array.from({ length: n }, () => from + rng.below(to - from));
}

function shuffle(rng: Random, data: Float64Array): void {
  for (let i = data.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const held = data[i]!;
    data[i] = data[j]!;
    data[j] = held;
  }
}

/** A cotangent for a result: random, never near zero, the same for every dtype. */
export function drawCotangent(name: string, shape: readonly number[]): Nd {
  const rng = random(`${name} cotangent`);
  const data = new Float64Array(size(shape));
  if (data.length > large) return { shape, data: data.map((_, i) => Math.fround(scattered(i) - 0.5)) };
  return { shape, data: data.map(() => (rng.next() < 0.5 ? -1 : 1) * Math.fround(0.5 + rng.next())) };
}

/** A contiguous tensor of these values. */
export function toTensor(x: Nd, dtype: DType): Tensor {
  return fromArray(dtype === 'f32' ? new Float32Array(x.data) : x.data, x.shape, { dtype });
}

export function toTensors(xs: readonly Drawn[]): Tensor[] {
  return xs.map((x) => toTensor(x, x.dtype));
}

/** Values read back, as f64. */
export function toNd(t: Tensor): Nd {
  const values = t.dataSync();
  // The constructor copies at memory speed, `from` calls a function for each element.
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  return { shape: t.shape, data: wide ? Float64Array.from(values, Number) : new Float64Array(values) };
}
