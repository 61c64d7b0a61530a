import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromArray, pow, type Tensor } from '../../src/index.js';
import { errorF32, functions, ulpOf, worstF32 } from '../helpers/accuracy.js';

interface Values {
  readonly x: readonly number[];
  readonly y?: readonly number[];
  /** The true value is high + low. */
  readonly high: readonly number[];
  readonly low: readonly number[];
}
const f64Values = JSON.parse(gunzipSync(readFileSync(new URL('../fixtures/math.json.gz', import.meta.url))).toString()) as Readonly<
  Record<string, Values>
>;

/** The largest error in ULP of f64 against values with twice the precision. */
function worstF64(got: ArrayLike<number | bigint>, { x, high, low }: Values): { ulp: number; x: number } {
  let worst = { ulp: 0, x: NaN };
  high.forEach((h, i) => {
    const error = Number(got[i]) === h ? Math.abs(low[i]!) : Math.abs(Number(got[i]) - h - low[i]!);
    const ulp = error / ulpOf(h, 52);
    if (!(ulp <= worst.ulp)) worst = { ulp, x: x[i]! };
  });
  return worst;
}

const f64 = (values: readonly number[]): Tensor => fromArray(Float64Array.from(values), [values.length], { dtype: 'f64' });

describe('the promised accuracy holds', () => {
  it.each(functions)('$name in f32, every 60013th float', (f) => {
    const worst = worstF32(f, 60013);
    expect(worst.ulp, `at ${worst.x}`).toBeLessThanOrEqual(f.bound);
  });

  it.each(functions.filter(({ name }) => name in f64Values))('$name in f64, against mpmath', ({ name, op, bound, bound64 = bound }) => {
    const values = f64Values[name]!;
    const worst = worstF64(op(f64(values.x)).dataSync(), values);
    expect(worst.ulp, `at ${worst.x}`).toBeLessThanOrEqual(bound64);
  });

  it('pow in f64, against mpmath', () => {
    const values = f64Values.pow!;
    const worst = worstF64(pow(f64(values.x), f64(values.y!)).dataSync(), values);
    expect(worst.ulp, `at ${worst.x}`).toBeLessThanOrEqual(2);
  });

  it('pow in f32, on a grid of sizes', () => {
    const sizes = Array.from({ length: 300 }, (_, i) => Math.fround(1.0007 ** ((i - 150) ** 3 / 100)));
    const powers = Array.from({ length: 301 }, (_, i) => Math.fround((i - 150) / 7));
    const got = pow(fromArray(Float32Array.from(sizes), [300, 1]), fromArray(Float32Array.from(powers), [301])).dataSync();
    let worst = 0;
    sizes.forEach((x, i) => powers.forEach((y, j) => (worst = Math.max(worst, errorF32(Number(got[i * 301 + j]), x ** y)))));
    expect(worst).toBeLessThanOrEqual(2);
  });
});
