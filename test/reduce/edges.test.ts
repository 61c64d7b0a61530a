import { describe, expect, it } from 'vitest';
import {
  all,
  any,
  argmax,
  argmin,
  fromArray,
  logSumExp,
  max,
  min,
  norm,
  prod,
  scope,
  sum,
  to,
  variance,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { Integers } from '../helpers/integers.js';

/**
 * What lies behind the ends of vectors, rows and joined rows must not count. Zeros stand there, so elements are chosen with which a zero too many shows: positive for a
 * minimum, negative for a maximum, none for a product. All are whole numbers and all results exact, but for logSumExp.
 */
interface Reduction {
  readonly name: string;
  readonly dtypes: readonly DType[];
  /** The element at place k of n in line i. */
  readonly element: (draw: Integers, k: number, n: number, i: number) => number;
  readonly call: (x: Tensor) => Tensor;
  readonly naive: (line: readonly number[]) => number;
  /** Relative error that rounding explains; 0 unless given. */
  readonly tolerance?: (n: number) => number;
}

const axis = 1;
const numeric: readonly DType[] = ['f32', 'f64', 'i32', 'i64'];
const floats: readonly DType[] = ['f32', 'f64'];

const reductions: readonly Reduction[] = [
  {
    name: 'sum',
    dtypes: [...numeric, 'u8'],
    element: (draw) => draw.next(1, 9),
    call: (x) => sum(x, { axis }),
    naive: (line) => line.reduce((a, b) => a + b),
  },
  {
    name: 'min',
    dtypes: [...numeric, 'u8'],
    element: (draw) => draw.next(3, 99),
    call: (x) => min(x, { axis }),
    naive: (line) => line.reduce((a, b) => Math.min(a, b)),
  },
  {
    name: 'max',
    dtypes: numeric,
    element: (draw) => draw.next(-99, -3),
    call: (x) => max(x, { axis }),
    naive: (line) => line.reduce((a, b) => Math.max(a, b)),
  },
  {
    name: 'prod',
    dtypes: numeric,
    element: (draw, k) => (k === 7 ? 2 : draw.next(0, 1) === 0 ? -1 : 1),
    call: (x) => prod(x, { axis }),
    naive: (line) => line.reduce((a, b) => a * b),
  },
  {
    name: 'all',
    dtypes: ['bool'],
    element: (_draw, k, n, i) => (i % 3 === 0 && k === n - 1 ? 0 : 1),
    call: (x) => all(x, { axis }),
    naive: (line) => Math.min(...line),
  },
  {
    name: 'any',
    dtypes: ['bool'],
    element: (_draw, k, n, i) => (i % 3 === 0 && k === n - 1 ? 1 : 0),
    call: (x) => any(x, { axis }),
    naive: (line) => Math.max(...line),
  },
  {
    name: 'argmin',
    dtypes: [...numeric, 'u8'],
    element: (draw) => draw.next(3, 99),
    call: (x) => argmin(x, { axis }),
    naive: (line) => line.indexOf(line.reduce((a, b) => Math.min(a, b))),
  },
  {
    name: 'argmax',
    dtypes: numeric,
    element: (draw) => draw.next(-99, -3),
    call: (x) => argmax(x, { axis }),
    naive: (line) => line.indexOf(line.reduce((a, b) => Math.max(a, b))),
  },
  {
    // Pairs above and below a whole mean; the last of an odd number is the mean.
    name: 'variance',
    dtypes: floats,
    element: (_draw, k, n, i) => (i % 7) + 1 + (k === n - 1 && n % 2 === 1 ? 0 : (k % 2 === 0 ? 1 : -1) * (1 + ((k >> 1) % 3))),
    call: (x) => variance(x, { axis, correction: 0 }),
    naive: (line) => {
      const mean = line.reduce((a, b) => a + b) / line.length;
      return line.reduce((a, b) => a + (b - mean) ** 2, 0) / line.length;
    },
  },
  {
    name: 'norm, p = -Infinity',
    dtypes: floats,
    element: (draw) => draw.next(3, 99),
    call: (x) => norm(x, { axis, p: -Infinity }),
    naive: (line) => line.reduce((a, b) => Math.min(a, b)),
  },
  {
    // A sum of n terms of one sign and a logarithm of at least 1: n / 16 + 17 additions deep at most, and a few more roundings of the exponentials.
    name: 'logSumExp',
    dtypes: ['f64'],
    element: (draw) => draw.next(-3, 3),
    call: (x) => logSumExp(x, { axis }),
    naive: (line) => {
      const high = line.reduce((a, b) => Math.max(a, b));
      return Math.log(line.reduce((a, b) => a + Math.exp(b - high), 0)) + high;
    },
    tolerance: (n) => (n + 32) * 2 ** -52,
  },
];

/** [outer, n, inner], reduced along n. Narrow rows are joined from 512 elements on: numbers of rows around that, and around whole joined rows. */
const shapes: readonly (readonly [number, number, number])[] = [
  ...Array.from({ length: 70 }, (_, i) => i + 1).flatMap((inner) => {
    const enough = Math.ceil(512 / inner);
    return [enough - 1, enough, enough + 1, enough + 3, 4 * enough + 5].filter((n) => n > 0).map((n) => [1, n, inner] as const);
  }),
  ...Array.from({ length: 70 }, (_, i) => [3, i + 1, 1] as const),
  [2, 300, 3],
  [3, 259, 10],
  [2, 1, 9],
  [1, 4099, 3],
  [1, 4095, 1],
  [2, 4097, 1],
  [1, 20003, 3],
  [1, 301, 513],
];

describe('reductions of all widths and lengths', () => {
  for (const { name, dtypes, element, call, naive, tolerance } of reductions) {
    it.each(dtypes)(`${name} of %s takes what is there and nothing else`, (dtype) => {
      const draw = new Integers(11);
      for (const [outer, n, inner] of shapes) {
        const lines = Array.from({ length: outer * inner }, (_, i) => Array.from({ length: n }, (_, k) => element(draw, k, n, i)));
        const values = Float64Array.from({ length: outer * n * inner }, (_, at) => {
          const [o, k, i] = [Math.floor(at / (n * inner)), Math.floor(at / inner) % n, at % inner];
          return lines[o * inner + i]?.[k] ?? NaN;
        });
        const expected = lines.map(naive);
        scope(() => {
          const x = to(fromArray(values, [outer, n, inner]), dtype);
          for (const layout of [x, x.permute([0, 2, 1]).contiguous().permute([0, 2, 1])]) {
            const found = Array.from(call(layout).dataSync(), Number);
            const where = `[${String([outer, n, inner])}]`;
            if (tolerance === undefined) expect(found, where).toEqual(dtype === 'f32' ? expected.map(Math.fround) : expected);
            else
              expected.forEach((want, i) =>
                expect(Math.abs((found[i] ?? NaN) - want), where).toBeLessThanOrEqual(tolerance(n) * Math.max(1, Math.abs(want))),
              );
          }
        });
      }
    });
  }
});
