import { afterAll, describe, expect, it } from 'vitest';
import {
  backward,
  engine,
  fromArray,
  linear,
  mul,
  quantize,
  quantizedLinear,
  scope,
  tensor,
  to,
  transpose,
  zeros,
} from '../../src/index.js';
import { Integers } from '../helpers/integers.js';
import { arrayOf } from '../helpers/values.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

/** x whose rows are whole numbers with 127 among them: quantising them loses nothing. */
function wholeRows(draw: Integers, m: number, k: number): Float32Array {
  const x = new Float32Array(m * k);
  for (let i = 0; i < m; i++) {
    for (let q = 0; q < k; q++) x[i * k + q] = draw.next(-127, 127);
    if (k > 0) x[i * k + draw.next(0, k - 1)] = draw.next(0, 1) === 0 ? 127 : -127;
  }
  return x;
}

/** Compares with loops over integers, rounded as documented; '' or the first difference. */
function compare(draw: Integers, m: number, n: number, k: number, withBias: boolean): string {
  return scope(() => {
    const x = wholeRows(draw, m, k);
    const w = Int8Array.from({ length: n * k }, () => draw.next(-128, 127));
    const scale = Float32Array.from({ length: n }, () => draw.next(1, 1000) / 512);
    const bias = Float32Array.from({ length: n }, () => draw.next(-1000, 1000) / 64);
    const y = quantizedLinear(
      fromArray(x, [m, k]),
      fromArray(w, [n, k]),
      fromArray(scale, [n]),
      withBias ? fromArray(bias, [n]) : null,
    ).dataSync();
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let q = 0; q < k; q++) sum += (x[i * k + q] ?? NaN) * (w[j * k + q] ?? NaN);
        const product = Math.fround(Math.fround(sum) * (k === 0 ? 0 : (scale[j] ?? NaN)));
        const want = withBias ? Math.fround(product + (bias[j] ?? NaN)) : product;
        if (y[i * n + j] !== want) return `${m}x${k}x${n} at ${i} ${j}: ${String(y[i * n + j])} for ${want}`;
      }
    }
    return '';
  });
}

describe('quantizedLinear', () => {
  it('equals loops over integers at all edges of its tiles', () => {
    const draw = new Integers(1);
    for (let m = 1; m <= 27; m++) {
      for (const n of [1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 50, 65]) expect(compare(draw, m, n, draw.next(1, 140), m % 2 === 0)).toBe('');
    }
    for (const k of [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129]) {
      for (const m of [1, 2, 3, 4, 5, 13]) expect(compare(draw, m, draw.next(1, 70), k, true)).toBe('');
    }
  });

  it('equals loops over integers beyond a unit of work, for 1 and 3 threads', () => {
    const draw = new Integers(2);
    for (const count of [1, 3]) {
      engine.setThreads(count);
      expect(compare(draw, 130, 300, 400, true)).toBe('');
      expect(compare(draw, 700, 40, 260, false)).toBe('');
      expect(compare(draw, 1, 900, 700, true)).toBe('');
      expect(compare(draw, 4, 500, 1030, true)).toBe('');
      expect(compare(draw, 20, 100, 9000, false)).toBe('');
    }
  });

  it('sums up to the largest k that it takes without overflow', () => {
    const k = 1 << 17;
    const x = fromArray(new Float32Array(k).fill(127), [1, k]);
    for (const w of [127, -128]) {
      const y = quantizedLinear(x, fromArray(new Int8Array(k).fill(w), [1, k]), tensor([1]));
      expect(arrayOf(y)).toEqual([Math.fround(127 * w * k)]);
    }
    expect(() => quantizedLinear(zeros([1, k + 1]), zeros([1, k + 1], { dtype: 'i8' }), zeros([1]))).toThrow(/may be 131072 at most/);
  });

  it('stays as close to the product in f32 as half a step of x and of the weight allow', () => {
    const [m, n, k] = [17, 50, 300];
    const draw = new Integers(3);
    const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => draw.next(-10000, 10000) / 7000);
    const [a, b] = [numbers(m * k), numbers(n * k)];
    const [x, w] = [fromArray(a, [m, k]), fromArray(b, [n, k])];
    const { values, scale } = quantize(w);
    const [got, exact] = [arrayOf(quantizedLinear(x, values, scale)), arrayOf(linear(to(x, 'f64'), to(w, 'f64')))];
    const steps = arrayOf(scale);
    got.forEach((v, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      const row = a.subarray(i * k, i * k + k);
      const step = Math.max(...row.map(Math.abs)) / 127;
      // |x w - q step v scale| <= step/2 |w| + scale/2 |x| + step scale / 4, summed over k
      let bound = 0;
      for (let q = 0; q < k; q++)
        bound += (step / 2) * Math.abs(b[j * k + q] ?? 0) + ((steps[j] ?? 0) / 2) * Math.abs(row[q] ?? 0) + (step * (steps[j] ?? 0)) / 4;
      expect(Math.abs(v - (exact[at] ?? NaN))).toBeLessThanOrEqual(bound * (1 + 1e-5));
    });
  });

  it('gives NaN for rows with NaN or infinity, and the bias for rows of zeros', () => {
    const x = tensor([
      [1, NaN, 2],
      [1, Infinity, 2],
      [0, 0, 0],
      [1e-40, 0, 0],
    ]);
    const y = quantizedLinear(x, fromArray(new Int8Array([1, 2, 3]), [1, 3]), tensor([1]), tensor([5]));
    expect(arrayOf(y)).toEqual([NaN, NaN, 5, 5]);
  });

  it('takes strided inputs', () => {
    const draw = new Integers(4);
    const x = fromArray(wholeRows(draw, 6, 5), [6, 5]);
    const w = fromArray(
      Int8Array.from({ length: 35 }, () => draw.next(-127, 127)),
      [5, 7],
    );
    const turned = quantizedLinear(x, transpose(w), zeros([7]).add(1));
    expect(arrayOf(turned)).toEqual(
      arrayOf(quantizedLinear(x, fromArray(arrayOf(transpose(w)), [7, 5], { dtype: 'i8' }), zeros([7]).add(1))),
    );
  });

  it('keeps the packed weight, packs again what was changed in place, and lets go with the weight', () => {
    const before = engine.stats();
    const [x, w, scale] = [
      fromArray(new Float32Array(6 * 40).fill(127), [6, 40]),
      fromArray(new Int8Array(9 * 40).fill(3), [9, 40]),
      zeros([9]).add(1),
    ];
    const sums = (): number[] => [...new Set(scope(() => arrayOf(quantizedLinear(x, w, scale))))];
    expect(sums()).toEqual([127 * 40 * 3]);
    const held = engine.stats().liveBytes;
    expect(sums()).toEqual([127 * 40 * 3]);
    expect(engine.stats().liveBytes).toBe(held);
    w.setData(new Int8Array(9 * 40).fill(-2));
    expect(sums()).toEqual([127 * 40 * -2]);
    const part = w.slice([
      [0, 5],
      [0, 40],
    ]);
    expect(arrayOf(quantizedLinear(x, part, zeros([5]).add(1))).length).toBe(30);
    expect(sums()).toEqual([127 * 40 * -2]);
    for (const t of [x, w, scale, part]) t.dispose();
    expect(engine.stats().liveBytes).toBeLessThan(before.liveBytes + 9 * 40);
  });

  it('says that it has no gradient', () => {
    const x = tensor([[1, 2]], { requiresGrad: true });
    const y = quantizedLinear(x, fromArray(new Int8Array([1, 2]), [1, 2]), tensor([1]));
    expect(() => backward(y.sum())).toThrow(/quantizedLinear/);
  });
});

describe('quantize', () => {
  it('rounds halves to even and reaches 127 on both sides', () => {
    const { values, scale } = quantize(tensor([[127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, 0.49]]));
    expect(arrayOf(values)).toEqual([127, -127, 0, 2, 2, 0, -2, 0]);
    expect(arrayOf(scale)).toEqual([1]);
    expect(values.dtype).toBe('i8');
  });

  it('comes back within half a step', () => {
    const draw = new Integers(5);
    const x = Float32Array.from({ length: 40 * 33 }, () => draw.next(-10000, 10000) / 300);
    const { values, scale } = quantize(fromArray(x, [40, 33]));
    const back = arrayOf(mul(to(values, 'f32'), scale.reshape([40, 1])));
    const steps = arrayOf(scale);
    back.forEach((v, i) =>
      expect(Math.abs(v - (x[i] ?? NaN))).toBeLessThanOrEqual((steps[Math.floor(i / 33)] ?? 0) * (0.5 + 127 * 2 ** -22)),
    );
  });
});
