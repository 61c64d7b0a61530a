/**
 * Tolerances. A computed result y is accepted when |y - want| <= c * eps(dtype) * scale, elementwise, with c from the row (default 8).
 *
 * Where scale comes from: a backward stable algorithm returns the exact result for inputs changed by a few eps, relatively. So the error to expect is
 *   eps * |want|                      (the result itself is rounded)  +  eps * |J| |x|   (the inputs' changes carried over),
 * and |J| |x| is measured, not guessed: the reference is evaluated again at x (1 + d s), s random signs, d = 2^-26, and |naive(x (1 + d s)) - naive(x)| / d is a
 * sample of it. The largest of a few samples stands for the bound. For a sum of n terms that is about sqrt(n) |x|, as rounding errors too add up; for x - y with
 * x near y it is |x|, not |x - y|; for exp it is |x exp(x)|; and for a function that does not depend on small changes (comparison, index) it is zero.
 * Results that are no floats must be equal. NaN agrees with NaN, and an infinity only with itself.
 */
import type { DType } from '../../src/index.js';
import type { TableCase, TableRow } from '../table/index.js';
import { isFloat, type Drawn } from './draw.js';
import type { Nd } from './nd.js';
import { random } from './random.js';

/** Distance from 1 to the next number. */
export const epsOf: Readonly<Record<'f32' | 'f64', number>> = { f32: 2 ** -23, f64: 2 ** -52 };
/** Smallest positive number: results below it times the row's constant are zero for all purposes. */
const tiniest: Readonly<Record<'f32' | 'f64', number>> = { f32: 2 ** -149, f64: 2 ** -1074 };

const step = 2 ** -26;
const samples = 4;

/** A row's reference as a list of results. */
export function naiveOf(row: TableRow, one: TableCase, xs: readonly Nd[]): readonly Nd[] {
  const result = row.naive(xs, one.attrs);
  return 'data' in result ? [result] : result;
}

/** For each result, the scale of each element, as derived above. */
export function scalesOf(row: TableRow, one: TableCase, xs: readonly Drawn[], want: readonly Nd[]): readonly Float64Array[] {
  const scales = want.map((y) => y.data.map((v) => Math.abs(v)));
  if (!xs.some((x) => isFloat(x.dtype))) return scales;
  const rng = random(`${row.name} perturbation`);
  const changes = want.map((y) => new Float64Array(y.data.length));
  for (let k = 0; k < samples; k++) {
    const moved = xs.map((x) => (isFloat(x.dtype) ? { ...x, data: x.data.map((v) => v * (1 + (rng.next() < 0.5 ? -step : step))) } : x));
    naiveOf(row, one, moved).forEach((y, r) => {
      y.data.forEach((v, i) => {
        const change = Math.abs(v - want[r]!.data[i]!) / step;
        if (Number.isFinite(change)) changes[r]![i] = Math.max(changes[r]![i]!, change);
      });
    });
  }
  return scales.map((scale, r) => scale.map((s, i) => s + changes[r]![i]!));
}

/** The first element outside the tolerance, as text, or null. */
export function mismatch(got: Nd, want: Nd, scale: Float64Array, dtype: DType, c: number): string | null {
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape.join()}], expected [${want.shape.join()}]`;
  for (let i = 0; i < want.data.length; i++) {
    const a = got.data[i]!;
    const b = want.data[i]!;
    if (Object.is(a, b) || a === b) continue;
    const allowed = dtype === 'f32' || dtype === 'f64' ? c * (epsOf[dtype] * scale[i]! + tiniest[dtype]) : 0;
    if (Math.abs(a - b) <= allowed) continue;
    // A reference in f64 may go beyond the largest f32.
    if (dtype === 'f32' && a === Math.fround(b)) continue;
    const units = isFloat(dtype) ? ` (${(Math.abs(a - b) / (allowed / c)).toFixed(1)} units of eps * scale, ${c} allowed)` : '';
    return `element ${i} of [${want.shape.join()}] is ${a}, expected ${b}${units}`;
  }
  return null;
}
