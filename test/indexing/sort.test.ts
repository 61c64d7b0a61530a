import { describe, expect, it } from 'vitest';
import { argsort, fromArray, sort, topk, type DType, type Tensor } from '../../src/index.js';
import { random } from '../helpers/random.js';

interface Line {
  readonly name: string;
  readonly dtype: DType;
  readonly value: (i: number, n: number, draw: (n: number) => number) => number;
}

const lines: readonly Line[] = [
  { name: 'random f32', dtype: 'f32', value: (_i, _n, draw) => draw(2 ** 24) / 1024 - 8192 },
  { name: 'few values f32', dtype: 'f32', value: (_i, _n, draw) => [-1.5, -0, 0, 2, Infinity, -Infinity, NaN][draw(7)] ?? 0 },
  { name: 'rising f32', dtype: 'f32', value: (i) => i / 8 },
  { name: 'falling f32', dtype: 'f32', value: (i, n) => (n - i) / 8 },
  { name: 'all NaN', dtype: 'f32', value: () => NaN },
  { name: 'random f64', dtype: 'f64', value: (_i, _n, draw) => (draw(2 ** 31) - 2 ** 30) * 1.37e-200 },
  { name: 'f64 with NaN', dtype: 'f64', value: (_i, _n, draw) => (draw(3) === 0 ? NaN : draw(50) - 25) },
  { name: 'i32', dtype: 'i32', value: (_i, _n, draw) => draw(2 ** 31) * (draw(2) === 0 ? 1 : -1) },
  { name: 'i64', dtype: 'i64', value: (_i, _n, draw) => draw(2 ** 31) * 4096 - 2 ** 42 },
  { name: 'u8', dtype: 'u8', value: (_i, _n, draw) => draw(256) },
  { name: 'bool', dtype: 'bool', value: (_i, _n, draw) => draw(2) },
];

function draws({ value, name }: Line, n: number): number[] {
  const { below } = random(`${name} ${n}`);
  return Array.from({ length: n }, (_, i) => value(i, n, below));
}

function asTensor(values: readonly number[], dtype: DType): Tensor {
  if (dtype === 'i64') return fromArray(BigInt64Array.from(values, BigInt), [values.length]);
  return fromArray(Float64Array.from(values), [values.length]).to(dtype);
}

/** Positions in order, NaN as the largest, equal values in their order. */
function positions(values: readonly number[], descending: boolean): number[] {
  const order = values.map((_, i) => i);
  const rank = (a: number, b: number): number =>
    Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;
  return order.sort((i, j) => rank(values[i] ?? 0, values[j] ?? 0) * (descending ? -1 : 1) || i - j);
}

function expectSame(actual: Tensor, wanted: readonly number[]): void {
  const values = Array.from(actual.dataSync(), Number);
  expect(values.length).toBe(wanted.length);
  expect(values.findIndex((v, i) => !Object.is(v, wanted[i]))).toBe(-1);
}

// Around where runs are merged (16), digits are counted (128, 512), and one line is shared among threads (32768, 65536).
const sizes = [1, 2, 15, 16, 17, 128, 129, 130, 512, 513, 1000, 32_769, 65_536, 70_001];

describe.each(lines)('$name', (line) => {
  it.each(sizes)('sorts %i', (n) => {
    const values = draws(line, n);
    const x = asTensor(values, line.dtype);
    for (const descending of [false, true]) {
      const wanted = positions(values, descending);
      const sorted = sort(x, { descending });
      expectSame(sorted.indices, wanted);
      expectSame(
        sorted.values,
        wanted.map((i) => values[i] ?? 0),
      );
    }
  });

  it.each([1, 63, 64, 65, 700, 5000, 40_000])('finds the k best of %i', (n) => {
    const values = draws(line, n);
    const x = asTensor(values, line.dtype);
    for (const largest of [false, true]) {
      const order = positions(values, largest);
      for (const k of [0, 1, 2, 10, 100, 513, n - 1, n].filter((each) => each <= n)) {
        const best = topk(x, k, { largest });
        const wanted = order.slice(0, k);
        expectSame(best.indices, wanted);
        expectSame(
          best.values,
          wanted.map((i) => values[i] ?? 0),
        );
      }
    }
  });
});

describe('lines of a matrix', () => {
  it.each([
    [70, 300, 0],
    [70, 300, 1],
    [3, 70_000, 1],
    [70_000, 2, 0],
  ])('[%i, %i] along axis %i', (rows, columns, axis) => {
    const { below } = random(`${rows}`);
    const x = fromArray(
      Float32Array.from({ length: rows * columns }, () => below(1000) - 500),
      [rows, columns],
    );
    const along = axis === 1 ? x : x.transpose(0, 1).contiguous();
    const order = argsort(x, { axis });
    const best = topk(x, 7 % (x.shape[axis] ?? 0), { axis });
    const [count, n] = along.shape;
    const all = Array.from(along.dataSync(), Number);
    const got = Array.from((axis === 1 ? order : order.transpose(0, 1).contiguous()).dataSync(), Number);
    const first = Array.from((axis === 1 ? best.indices : best.indices.transpose(0, 1).contiguous()).dataSync(), Number);
    const k = best.indices.shape[axis] ?? 0;
    for (let line = 0; line < (count ?? 0); line++) {
      const own = all.slice(line * (n ?? 0), (line + 1) * (n ?? 0));
      expect(got.slice(line * (n ?? 0), (line + 1) * (n ?? 0)).join()).toBe(positions(own, false).join());
      expect(first.slice(line * k, (line + 1) * k).join()).toBe(positions(own, true).slice(0, k).join());
    }
  });
});
