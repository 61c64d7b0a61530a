import { describe, expect, it } from 'vitest';
import { argmax, argmin, cat, fromArray, max, mean, prod, sum, variance, type Tensor } from '../../src/index.js';
import { random } from '../helpers/random.js';

/** Small whole numbers: sums are exact, and equal elements are many. */
function numbers(shape: readonly number[], seed: string): { readonly x: Tensor; readonly values: Float32Array } {
  const draw = random(seed);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw.below(2001) - 1000);
  return { x: fromArray(values, shape), values };
}

/** The elements of x [outer, n, inner] along its middle axis, for each of the others. */
function lines(values: Float32Array, outer: number, n: number, inner: number): number[][] {
  return Array.from({ length: outer * inner }, (_, i) => {
    const first = Math.floor(i / inner) * n * inner + (i % inner);
    return Array.from({ length: n }, (_, k) => values[first + k * inner] ?? NaN);
  });
}

const widths = [1, 2, 3, 7, 10, 15, 16, 17, 33, 63, 64, 65, 128, 256, 272, 511, 513, 2047, 2049];
const shapes: [number, number, number][] = [
  ...widths.map((inner): [number, number, number] => [1, 300, inner]),
  ...widths.slice(0, 11).map((inner): [number, number, number] => [3, 41, inner]),
  [1, 5000, 10],
  [2, 4095, 3],
  [3, 4097, 1],
  [1, 140000, 1],
  [2, 1, 9],
  [70, 10, 1],
  [37, 16, 1],
  [33, 17, 1],
  [3, 9, 19],
];

describe('reductions along a middle axis, for sizes around the thresholds', () => {
  it.each(shapes)('[%i, %i, %i]', async (outer, n, inner) => {
    const { x, values } = numbers([outer, n, inner], `${outer},${n},${inner}`);
    const each = lines(values, outer, n, inner);
    const highest = each.map((line) => line.reduce((a, b) => Math.max(a, b)));
    const lowest = each.map((line) => line.reduce((a, b) => Math.min(a, b)));
    // The same elements in another order in memory: the axis innermost, and every other element of a wider tensor.
    const turned = x.permute([0, 2, 1]).contiguous().permute([0, 2, 1]);
    const wide = fromArray(
      Float32Array.from({ length: 2 * values.length }, (_, i) => values[i >> 1] ?? NaN),
      [outer, n, 2 * inner],
    ).slice([null, null, [null, null, 2]]);
    for (const layout of [x, turned, wide]) {
      expect([...(await sum(layout, { axis: 1 }).data())]).toEqual(each.map((line) => line.reduce((a, b) => a + b)));
      expect([...(await max(layout, { axis: 1 }).data())]).toEqual(highest);
      expect([...(await argmax(layout, { axis: 1 }).data())].map(Number)).toEqual(each.map((line, i) => line.indexOf(highest[i] ?? NaN)));
      expect([...(await argmin(layout, { axis: 1 }).data())].map(Number)).toEqual(each.map((line, i) => line.indexOf(lowest[i] ?? NaN)));
    }
  });

  it('adds bytes of the largest value without overflow, whatever their number', async () => {
    for (const [outer, n, inner] of [...shapes, ...[31, 40, 129, 333, 4096, 10000].map((n): [number, number, number] => [3, n, 1])]) {
      const x = fromArray(new Uint8Array(outer * n * inner).fill(255), [outer, n, inner], { dtype: 'u8' });
      const added = await sum(x, { axis: 1 }).data();
      expect([...new Set([...added].map(Number))]).toEqual([255 * n]);
      expect(added).toHaveLength(outer * inner);
      expect((await sum(x).data())[0]).toBe(BigInt(255 * outer * n * inner));
    }
  });

  it('adds bytes as numbers are added one by one', async () => {
    for (const [outer, n, inner] of shapes) {
      const draw = random(`bytes ${outer},${n},${inner}`);
      const bytes = Float32Array.from({ length: outer * n * inner }, () => draw.below(256));
      const x = fromArray(Uint8Array.from(bytes), [outer, n, inner], { dtype: 'u8' });
      const each = lines(bytes, outer, n, inner).map((line) => line.reduce((a, b) => a + b));
      expect([...(await sum(x, { axis: 1 }).data())].map(Number)).toEqual(each);
    }
  });

  it.each([1, 2, 5, 8, 9, 10, 15, 16, 17, 24, 64, 100])(
    'has the same bits for rows of %i among others, alone and from other layouts',
    async (n) => {
      const draw = random(`rows of ${n}`);
      const x = fromArray(
        Float32Array.from({ length: 37 * n }, () => 2 * draw.next() - 1),
        [37, n],
      );
      for (const reduce of [sum, max, mean, prod, variance]) {
        const together = [...(await reduce(x, { axis: 1 }).data())];
        const alone = await Promise.all(together.map((_, r) => reduce(x.slice([[r, r + 1]]), { axis: 1 }).data()));
        expect(alone.map(([value]) => value)).toEqual(together);
        expect([...(await reduce(x.permute([1, 0]).contiguous().permute([1, 0]), { axis: 1 }).data())]).toEqual(together);
        const spaced = cat([x, x], 1).slice([null, [0, n]]);
        expect([...(await reduce(spaced, { axis: 1 }).data())]).toEqual(together);
        const half = x.slice([[0, 18]]).reshape([2, 9, n]);
        const apart = cat([half, half], 1).slice([null, [0, 9]]); // rows that are not all equally far from each other
        expect([...(await reduce(apart, { axis: 2 }).data())]).toEqual(together.slice(0, 18));
      }
    },
  );

  it.each([
    [9000, 1],
    [300, 20],
  ])('finds the first NaN among [%i, %i]', async (n, inner) => {
    const { x, values } = numbers([1, n, inner], 'nan');
    for (let i = 0; i < inner; i++) for (const at of [n - 1, n - 2, (n >> 1) + i]) values[at * inner + i] = NaN;
    const y = fromArray(values, x.shape);
    const want = Array.from({ length: inner }, (_, i) => (n >> 1) + i);
    expect([...(await argmax(y, { axis: 1 }).data())].map(Number)).toEqual(want);
    expect([...(await argmin(y, { axis: 1 }).data())].map(Number)).toEqual(want);
    expect([...(await max(y, { axis: 1 }).data())]).toEqual(want.map(() => NaN));
  });
});

describe('reductions of planes', () => {
  it.each([127, 128, 784, 4096, 4097, 9000])(
    'have the same bits for planes of %i in the order of memory and from other layouts',
    async (n) => {
      const draw = random(`planes of ${n}`);
      const x = fromArray(
        Float32Array.from({ length: 5 * 3 * n }, () => 2 * draw.next() - 1),
        [5, 3, n],
      );
      const channels = x.permute([1, 0, 2]).contiguous().permute([1, 0, 2]); // a channel's planes lie side by side
      const turned = x.permute([2, 1, 0]).contiguous().permute([2, 1, 0]);
      for (const reduced of [sum, mean, max, variance]) {
        const expected = await reduced(x, { axis: [0, 2] }).data();
        for (const layout of [channels, turned]) expect(await reduced(layout, { axis: [0, 2] }).data()).toEqual(expected);
      }
      const each = await cat(Array.from({ length: 3 }, (_, c) => sum(x.slice([null, [c, c + 1], null])).reshape([1]))).data();
      (await sum(x, { axis: [0, 2] }).data()).forEach((value, c) => expect(value).toBeCloseTo(Number(each[c]), 2));
    },
  );
});
