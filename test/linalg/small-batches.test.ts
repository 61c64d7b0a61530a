/** Products of a batch of small matrices, which are multiplied in lanes, against pairs of them, which are not. */
import { afterAll, expect, test } from 'vitest';
import { cat, engine, expand, fromArray, matmul, narrow, reshape, scope, transpose, type DType, type Tensor } from '../../src/index.js';
import { guard } from '../helpers/guards.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

const draw = new Integers(21);
const rare = [0, -0, Infinity, -Infinity, NaN];

/** Matrices of numbers whose sums are rounded, some of them rare; by columns where `turned`. */
function random(batch: readonly number[], rows: number, cols: number, dtype: DType, turned: boolean): Tensor {
  const shape = [...batch, ...(turned ? [cols, rows] : [rows, cols])];
  const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
    draw.next(0, 200) === 0 ? (rare[draw.next(0, 4)] ?? 0) : draw.next(-1000000, 1000000) / 700000,
  );
  const t = fromArray(values, shape, { dtype });
  return turned ? transpose(t) : t;
}

/** a b for [n, ...] factors, pair by pair: too few for lanes. (Of a batch of one, a row has an order of additions of its own.) */
function byPairs(a: Tensor, b: Tensor): Tensor {
  const n = a.shape[0] ?? 0;
  return cat(
    Array.from({ length: n }, (_, i) => {
      const begin = Math.min(i, n - 2);
      return narrow(matmul(narrow(a, 0, begin, 2), narrow(b, 0, begin, 2)), 0, i - begin, 1);
    }),
    0,
  );
}

/** The first place where numbers differ, zeros of either sign included, or -1. */
function difference(got: Tensor, want: Tensor): number {
  const [x, y] = [got.dataSync(), want.dataSync()];
  expect(got.shape).toEqual(want.shape);
  return Array.from(x, Number).findIndex((v, i) => !Object.is(v, Number(y[i])));
}

const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17];

test.each(['f32', 'f64'] as const)('small products of a batch in %s have the bits of single ones, in any layout', (dtype) => {
  for (const m of sizes) {
    for (const n of sizes) {
      const [k, batch, layout] = [sizes[draw.next(0, 11)] ?? 1, draw.next(2, 35), draw.next(0, 3)];
      scope(() => {
        const a = random([batch], m, k, dtype, layout % 2 === 1);
        const b = random([batch], k, n, dtype, layout >= 2);
        const poison = guard(batch * m * n * 8);
        const c = matmul(a, b);
        poison.verify([c]);
        poison.release();
        expect({ m, n, k, batch, layout, at: difference(c, byPairs(a, b)) }).toMatchObject({ at: -1 });
      });
    }
  }
});

test.each(['f32', 'f64'] as const)('so have those with axes that are broadcast, cut or strided, in %s', (dtype) => {
  for (let i = 0; i < 40; i++) {
    const [p, q, m, n, k] = [draw.next(1, 4), draw.next(8, 21), draw.next(1, 9), draw.next(2, 9), draw.next(1, 9)];
    scope(() => {
      const wide = random([p, q + 1], m, k + 1, dtype, false);
      const [one, row] = [random([], m, k, dtype, false), random([p, 1], m, k, dtype, true)];
      const lefts = [one, row, narrow(wide, 3, 1, k), narrow(narrow(wide, 1, 1, q), 3, 0, k), narrow(wide, 1, 0, q)];
      for (const left of lefts) {
        const a = expand(left, [p, left.shape[1] === q + 1 ? q + 1 : q, m, left.shape.at(-1) ?? k]);
        const b = random([p, a.shape[1] ?? q], a.shape[3] ?? k, n, dtype, i % 2 === 1);
        const flat = (t: Tensor): Tensor => reshape(t, [-1, ...t.shape.slice(2)]);
        if (p * q > 1) expect(difference(flat(matmul(left, b)), byPairs(flat(a), flat(b)))).toBe(-1);
      }
    });
  }
});

test.each(['f32', 'f64'] as const)('small products of long batches in %s have the same bits for 1, 2 and 3 threads', (dtype) => {
  scope(() => {
    const [a, b] = [random([3, 701], 6, 7, dtype, false), random([3, 701], 7, 5, dtype, true)];
    const results = [1, 2, 3].map((count) => {
      engine.setThreads(count);
      return matmul(a, b);
    });
    for (const c of results.slice(1)) expect(difference(c, results[0]!)).toBe(-1);
    const flat = (t: Tensor): Tensor => reshape(t, [-1, ...t.shape.slice(2)]);
    expect(difference(flat(results[0]!), byPairs(flat(a), flat(b)))).toBe(-1);
  });
});
