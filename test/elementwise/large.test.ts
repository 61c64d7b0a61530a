import { describe, expect, it } from 'vitest';
import { add, engine, exp, fromArray, mul, narrow, neg, scope, slice, sub, transpose } from '../../src/index.js';

/** Results of 16 MB and more bypass the caches: rows of 1003 floats begin anywhere in the pieces that are sent to memory. */
const [rows, columns] = [4300, 1003];

function ramp(n: number, step: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => ((i * step) % 1013) - 500);
}
function firstDifference(got: ArrayLike<number | bigint>, want: (i: number) => number): number {
  for (let i = 0; i < got.length; i++) if (got[i] !== want(i)) return i;
  return -1;
}

describe('work that is cut', () => {
  // Units of at most 32768 elements: 1, 2, 3 and 4, 5 and 8, 9 and 16 of them.
  it.each([1, 2, 3])('covers each element once (%i threads)', (threads) => {
    engine.setThreads(threads);
    for (const n of [32768, 32769, 65536, 65537, 98304, 98305, 131073, 163841, 262145]) {
      const x = ramp(n, 7919);
      const row = ramp(5, 3);
      scope(() => {
        expect(firstDifference(neg(fromArray(x, [n])).dataSync(), (i) => -(x[i] ?? 0))).toBe(-1);
        const inRows = fromArray(x, [n])
          .narrow(0, 0, n - (n % 5))
          .reshape([-1, 5]);
        expect(firstDifference(add(inRows, fromArray(row, [5])).dataSync(), (i) => (x[i] ?? 0) + (row[i % 5] ?? 0))).toBe(-1);
      });
    }
  });
});

describe('large results', () => {
  const x = ramp(rows * columns, 7919);
  const row = ramp(columns, 31);
  const column = ramp(rows, 17);

  it.each([1, 3])('equal plain loops with every kind of broadcasting (%i threads)', (threads) => {
    engine.setThreads(threads);
    scope(() => {
      const [tx, tr, tc] = [fromArray(x, [rows, columns]), fromArray(row, [columns]), fromArray(column, [rows, 1])];
      expect(firstDifference(neg(tx).dataSync(), (i) => -(x[i] ?? 0))).toBe(-1);
      expect(firstDifference(add(tx, tr).dataSync(), (i) => (x[i] ?? 0) + (row[i % columns] ?? 0))).toBe(-1);
      expect(firstDifference(add(tx, tc).dataSync(), (i) => (x[i] ?? 0) + (column[Math.floor(i / columns)] ?? 0))).toBe(-1);
      expect(firstDifference(mul(tr, tc).dataSync(), (i) => (row[i % columns] ?? 0) * (column[Math.floor(i / columns)] ?? 0))).toBe(-1);
      const inner = narrow(tx, 1, 1, columns - 2);
      expect(
        firstDifference(mul(inner, 2).dataSync(), (i) => 2 * (x[Math.floor(i / (columns - 2)) * columns + 1 + (i % (columns - 2))] ?? 0)),
      ).toBe(-1);
    });
  });

  it('of short rows, many at a time', () => {
    const [width, height] = [100, 43_007];
    const image = ramp(width * height, 7919);
    const [bias, level] = [ramp(width, 31), ramp(height, 17)];
    scope(() => {
      const [ti, tb, tl] = [fromArray(image, [height, width]), fromArray(bias, [width]), fromArray(level, [height, 1])];
      expect(firstDifference(add(ti, tb).dataSync(), (i) => (image[i] ?? 0) + (bias[i % width] ?? 0))).toBe(-1);
      expect(firstDifference(add(tl, ti).dataSync(), (i) => (image[i] ?? 0) + (level[Math.floor(i / width)] ?? 0))).toBe(-1);
      expect(firstDifference(mul(tb, tl).dataSync(), (i) => (bias[i % width] ?? 0) * (level[Math.floor(i / width)] ?? 0))).toBe(-1);
    });
  });

  it('of a batch of transposed matrices, block by block', () => {
    const [batch, height, width] = [3, 1205, 1201];
    const [matrices, other] = [ramp(batch * height * width, 7919), ramp(batch * height * width, 31)];
    scope(() => {
      const turned = transpose(fromArray(matrices, [batch, width, height]));
      const at = (i: number): number => {
        const [image, place] = [Math.floor(i / (height * width)), i % (height * width)];
        return image * height * width + (place % width) * height + Math.floor(place / width);
      };
      const got = add(turned, fromArray(other, [batch, height, width])).dataSync();
      expect(firstDifference(got, (i) => (matrices[at(i)] ?? 0) + (other[i] ?? 0))).toBe(-1);
    });
  });

  it('have the bits that small ones have', () => {
    scope(() => {
      const angles = fromArray(
        x.map((v) => v / 100),
        [rows, columns],
      );
      const large = exp(angles).dataSync();
      const small = exp(narrow(angles, 0, 0, 10)).dataSync();
      expect(firstDifference(small, (i) => Number(large[i]))).toBe(-1);
    });
  });

  // Rows of 502 elements begin anywhere in a vector; the last one ends where its operands do.
  it.each([
    ['f32', 8603, 1],
    ['f64', 4303, 3],
    ['i32', 8603, 3],
    ['u8', 33_600, 1],
  ] as const)('of every second column of two operands (%s, %i rows, threads: %i)', (dtype, height, threads) => {
    engine.setThreads(threads);
    const width = columns;
    const positive = (all: Float32Array): Float32Array => all.map((v) => (v + 500) % 101);
    const [a, b] = [positive(ramp(height * width, 7919)), positive(ramp(height * width, 104_729))];
    const half = (width + 1) / 2;
    const second = (all: Float32Array, i: number): number => all[Math.floor(i / half) * width + 2 * (i % half)] ?? 0;
    const difference = (i: number): number => second(a, i) - second(b, i);
    scope(() => {
      const [ta, tb] = [a, b].map((all) => slice(fromArray(all, [height, width]).to(dtype), [null, [0, null, 2]]));
      if (ta === undefined || tb === undefined) throw new Error('unreachable');
      expect(firstDifference(add(ta, tb).dataSync(), (i) => second(a, i) + second(b, i))).toBe(-1);
      expect(firstDifference(sub(ta, tb).dataSync(), (i) => (dtype === 'u8' ? difference(i) & 255 : difference(i)))).toBe(-1);
      const [small, other] = [ta, tb].map((t) => narrow(t, 0, 5, 9));
      if (small === undefined || other === undefined) throw new Error('unreachable');
      expect(firstDifference(add(small, other).dataSync(), (i) => second(a, i + 5 * half) + second(b, i + 5 * half))).toBe(-1);
    });
  });

  // 4300 columns are eight panels of f32 and eighteen of f64; rows of either begin anywhere in a line of the cache.
  it.each([1, 3])('of transposed operands, in panels with edges (%i threads)', (threads) => {
    engine.setThreads(threads);
    const across = ramp(rows * columns, 104_729);
    scope(() => {
      const [tx, ty] = [fromArray(x, [rows, columns]), fromArray(across, [columns, rows])];
      const there = (i: number): number => (x[i] ?? 0) - (across[(i % columns) * rows + Math.floor(i / columns)] ?? 0);
      const back = (i: number): number => (across[i] ?? 0) - (x[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
      for (const dtype of ['f32', 'f64'] as const) {
        const [a, b] = [tx.to(dtype), ty.to(dtype)];
        expect(firstDifference(sub(a, transpose(b, 0, 1)).dataSync(), there)).toBe(-1);
        expect(firstDifference(sub(b, transpose(a, 0, 1)).dataSync(), back)).toBe(-1);
      }
    });
  });
});
