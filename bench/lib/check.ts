/** Whether two engines computed the same thing. */
import { sizeOf, type Case } from './case.js';
import { short } from './stats.js';

/** Distance of neighbouring f32 numbers at 1. */
const single = 2 ** -23;

export interface Agreement {
  readonly ok: boolean;
  /** Largest error as a multiple of what is allowed there; above 1 the results differ. */
  readonly worst: number;
  readonly message: string;
}

/**
 * What rounding may do to one number y of a result whose numbers have the root mean square `scale` and are sums of n terms: each partial sum is rounded, which
 * makes a random walk of n steps of eps times the partial sum; its deviation is below eps sqrt(n) scale. Factor 16: two engines, the largest of millions, and
 * functions that are exact to a few units in the last place.
 */
export function allowed(y: number, scale: number, n: number, eps = single): number {
  return 16 * eps * (Math.sqrt(n) * scale + Math.abs(y));
}

function rootMeanSquare(values: Float32Array): number {
  let sum = 0;
  for (const v of values) if (Number.isFinite(v)) sum += v * v;
  return Math.sqrt(sum / Math.max(1, values.length));
}

/** Sizes of the tensors that a result consists of: gradients differ in scale. */
function parts({ mode, wrt, inputs }: Case, total: number): number[] {
  if (mode === 'forward') return [total];
  return wrt.map((i) => sizeOf(inputs[i]?.shape ?? []));
}

/** Compares a peer's result with ours. */
export function compare(one: Case, ours: Float32Array, theirs: Float32Array): Agreement {
  if (ours.length !== theirs.length) return disagree(Infinity, `${theirs.length} numbers where chainrule has ${ours.length}`);
  if (one.check === 'shape') return { ok: true, worst: 0, message: '' };
  if (one.check === 'moments') return compareMoments(ours, theirs);
  let [worst, at, start] = [0, 0, 0];
  for (const size of parts(one, ours.length)) {
    const scale = rootMeanSquare(ours.subarray(start, start + size));
    for (let i = start; i < start + size; i++) {
      const [a, b] = [ours[i] ?? NaN, theirs[i] ?? NaN];
      if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
      const error = Math.abs(a - b) / allowed(a, scale, one.sums, one.eps);
      if (!(error <= worst)) [worst, at] = [Number.isNaN(error) ? Infinity : error, i];
    }
    start += size;
  }
  if (worst <= 1) return { ok: true, worst, message: '' };
  return disagree(
    worst,
    `number ${at} is ${String(theirs[at])}, chainrule has ${String(ours[at])} (${short(worst)} times what rounding explains)`,
  );
}

function disagree(worst: number, message: string): Agreement {
  return { ok: false, worst, message };
}

/** Mean and variance of n independent numbers scatter by about 1 / sqrt(n) of the spread; six times that is never seen by chance. */
function compareMoments(ours: Float32Array, theirs: Float32Array): Agreement {
  const [a, b] = [moments(ours), moments(theirs)];
  const allow = (6 * 2) / Math.sqrt(ours.length);
  const worst = Math.max(Math.abs(a.mean - b.mean) / Math.sqrt(a.variance), Math.abs(a.variance / b.variance - 1)) / allow;
  if (worst <= 1) return { ok: true, worst, message: '' };
  return disagree(worst, `mean ${short(b.mean)}, variance ${short(b.variance)}; chainrule has ${short(a.mean)}, ${short(a.variance)}`);
}

function moments(values: Float32Array): { mean: number; variance: number } {
  let [sum, squares] = [0, 0];
  for (const v of values) {
    sum += v;
    squares += v * v;
  }
  const mean = sum / values.length;
  return { mean, variance: squares / values.length - mean * mean };
}
