import { describe, expect, it } from 'vitest';
import { crossEntropy, fromArray, grad, logSoftmax, mul, softmax, sum, transpose, type Tensor } from '../../src/index.js';

/** Around the sixteen elements of a short row, and around the 2048 and 4096 of blocks. */
const lengths = [1, 2, 8, 15, 16, 17, 33, 1000, 2047, 2048, 2049, 4096, 4097, 8200];
const eps = 2 ** -52;

/** Numbers between -5 and 5 that look random. */
function values(n: number, seed = 0): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => ((i * 7919 + seed * 104729 + 13) % 10007) / 1000.7 - 5);
}
function total(terms: readonly number[]): number {
  return terms.reduce((a, b) => a + b, 0);
}
interface Row {
  readonly softmax: number[];
  readonly logSoftmax: number[];
}
function rowOf(x: readonly number[]): Row {
  const high = x.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = x.map((v) => Math.exp(v - high));
  const all = total(powers);
  return { softmax: powers.map((p) => p / all), logSoftmax: x.map((v) => v - high - Math.log(all)) };
}

function rowsOf(x: Float32Array, n: number): number[][] {
  return Array.from({ length: x.length / n }, (_, r) => [...x.subarray(r * n, (r + 1) * n)]);
}

/** An exponential of at most 10 in size carries that many eps from its argument, a sum of n terms log2(n) in pairs and here sqrt(n) in a row. */
function allowed(n: number): number {
  return (40 + 4 * Math.sqrt(n)) * eps;
}
async function expectClose(got: Tensor, want: readonly number[], scale: (v: number) => number, n: number): Promise<void> {
  const data = await got.data();
  expect(data.length).toBe(want.length);
  want.forEach((w, i) => {
    const error = Math.abs(Number(data[i]) - w);
    if (!(error <= allowed(n) * scale(w))) throw new Error(`element ${i} of rows of ${n}: ${String(data[i])}, expected ${w}`);
  });
}

describe.each([false, true])('rows of every length, %s: along the first axis', (turned) => {
  const rowCount = 19; // two groups of lanes and a rest on every instruction set
  it.each(lengths)('%d elements', async (n) => {
    const x = values(rowCount * n);
    const g = values(rowCount * n, 1);
    const list = Array.from({ length: rowCount }, (_, r) => rowOf([...x.subarray(r * n, (r + 1) * n)]));
    const cotangents = Array.from({ length: rowCount }, (_, r) => [...g.subarray(r * n, (r + 1) * n)]);
    const [a, b] = [x, g].map((data) => {
      const t = fromArray(data, [rowCount, n]);
      return turned ? transpose(t).contiguous() : t;
    }) as [Tensor, Tensor];
    const axis = turned ? 0 : 1;
    const back = (t: Tensor): Tensor => (turned ? transpose(t) : t);

    await expectClose(
      back(softmax(a, axis)),
      list.flatMap((r) => r.softmax),
      Math.abs,
      n,
    );
    await expectClose(
      back(logSoftmax(a, axis)),
      list.flatMap((r) => r.logSoftmax),
      (v) => Math.abs(v) + 10,
      n,
    );
    const dx = grad((t: Tensor) => sum(mul(softmax(t, axis), b)))(a);
    const wantDx = list.flatMap(({ softmax: y }, r) => {
      const dot = total(y.map((v, i) => v * (cotangents[r]?.[i] ?? NaN)));
      return y.map((v, i) => v * ((cotangents[r]?.[i] ?? NaN) - dot));
    });
    await expectClose(back(dx), wantDx, (v) => Math.abs(v) + 10 / n, n);
    const dlog = grad((t: Tensor) => sum(mul(logSoftmax(t, axis), b)))(a);
    const wantLog = list.flatMap(({ softmax: y }, r) => {
      const all = total(cotangents[r] ?? []);
      return y.map((v, i) => (cotangents[r]?.[i] ?? NaN) - v * all);
    });
    await expectClose(back(dlog), wantLog, (v) => Math.abs(v) + 10, n);
  });
});

describe('results too large for the caches', () => {
  // 16 MiB of f32 in rows that are no whole cache lines: their ends go the ordinary way.
  const [rowCount, n] = [4200, 1003];
  const x = Float32Array.from(values(rowCount * n));
  const checked = [0, 1, 2, 2099, 4199];
  const rowAt = (r: number): Row => rowOf([...x.subarray(r * n, (r + 1) * n)]);
  const close = (got: ArrayLike<unknown>, r: number, want: readonly number[], scale: number): void => {
    want.forEach((w, i) => {
      expect(Math.abs(Number(got[r * n + i]) - w)).toBeLessThanOrEqual((2 ** -23 / eps) * allowed(16) * (Math.abs(w) + scale));
    });
  };

  it('softmax and logSoftmax', async () => {
    const t = fromArray(x, [rowCount, n]);
    const [y, z] = [await softmax(t).data(), await logSoftmax(t).data()];
    for (const r of checked) {
      close(y, r, rowAt(r).softmax, 0);
      close(z, r, rowAt(r).logSoftmax, 10);
    }
  });

  it('the gradient of cross entropy, where a label is ignored too', async () => {
    const labels = Int32Array.from({ length: rowCount }, (_, r) => (r === 2099 ? -100 : (r * 31) % n));
    const loss = (t: Tensor): Tensor => crossEntropy(t, fromArray(labels, [rowCount]), { reduction: 'sum' });
    const dx = await grad(loss)(fromArray(x, [rowCount, n])).data();
    for (const r of checked) {
      const want = rowAt(r).softmax.map((p, i) => (labels[r] === -100 ? 0 : p - (i === labels[r] ? 1 : 0)));
      close(dx, r, want, 1e-3);
    }
  });
});

describe('blocks of a long row', () => {
  const n = 9000;
  const long = (change: (i: number, v: number) => number): Float64Array => values(n).map((v, i) => change(i, v));
  const loss = async (x: Float64Array): Promise<number> =>
    crossEntropy(fromArray(x, [1, n]), fromArray(Int32Array.from([8500]), [1])).item();

  it('may be masked as a whole', async () => {
    const x = long((i, v) => (i < 5000 ? -Infinity : v));
    expect(Math.abs((await loss(x)) + (rowOf([...x]).logSoftmax[8500] ?? NaN))).toBeLessThan(allowed(n) * 20);
  });
  it('may hold the largest element anywhere', async () => {
    for (const at of [0, 2048, 8999]) {
      const x = long((i, v) => (i === at ? 300 : v));
      expect(Math.abs((await loss(x)) + (rowOf([...x]).logSoftmax[8500] ?? NaN))).toBeLessThan(allowed(n) * 600);
    }
  });
  it('give NaN for NaN, for infinity and for nothing but minus infinity', async () => {
    for (const at of [0, 4100, 8999]) expect(await loss(long((i, v) => (i === at ? NaN : v)))).toBeNaN();
    expect(await loss(long((i, v) => (i === 4100 ? Infinity : v)))).toBeNaN();
    expect(await loss(long(() => -Infinity))).toBeNaN();
  });
});

describe('exponentials in f32', () => {
  /** Elements from 0 down to -103, an element of 1 among them: their sum is known, so results are the exponentials but for one division. */
  it('are right to the last denormal', async () => {
    const x = Float32Array.from({ length: 4000 }, (_, i) => (-103 * i) / 4000);
    const high = x.map((v, i) => (i % 40 === 0 ? 0 : v));
    const want = rowsOf(high, 40).flatMap((row) => rowOf(row).softmax);
    const got = Float64Array.from(await softmax(fromArray(high, [100, 40]), -1).data(), Number);
    // The exponential 1.5 units in the last place, the sum of 40 positive terms as much as its six levels, reciprocal and product one each.
    const unit = 2 ** -23;
    want.forEach((w, i) => expect(Math.abs((got[i] ?? NaN) - w)).toBeLessThanOrEqual((1.5 + 6 / 2 + 2) * unit * w + 2 ** -149));
  });

  it('do not depend on how far below their neighbours are', async () => {
    const row = Float32Array.from({ length: 48 }, (_, i) => (i === 0 ? 0 : -25 - i / 4));
    const low = row.map((v, i) => (i % 5 === 4 ? -70 - i / 2 : v));
    const [near, far] = [await softmax(fromArray(row, [48]), -1).data(), await softmax(fromArray(low, [48]), -1).data()];
    const kept = (values: Float32Array): number[] => [...values].filter((_, i) => i % 5 !== 4);
    expect(kept(Float32Array.from(far, Number))).toEqual(kept(Float32Array.from(near, Number)));
  });
});
