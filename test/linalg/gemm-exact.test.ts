import { afterAll, expect, test } from 'vitest';
import { engine, expand, fromArray, linear, matmul, scope, transpose, type DType, type Tensor } from '../../src/index.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

interface Matrix {
  readonly t: Tensor;
  readonly get: (i: number, j: number) => number;
}

/** A rows x cols matrix in one of four layouts: row-major, transposed, a broadcast row, a broadcast column. */
function matrix(draw: Integers, rows: number, cols: number, layout: number, dtype: DType): Matrix {
  const make = (m: number, n: number): [Tensor, Float64Array] => {
    const values = draw.array(m * n);
    return [fromArray(values, [m, n], { dtype }), values];
  };
  if (layout === 1) {
    const [t, v] = make(cols, rows);
    return { t: transpose(t), get: (i, j) => v[j * rows + i] ?? NaN };
  }
  if (layout === 2) {
    const [t, v] = make(1, cols);
    return { t: expand(t, [rows, cols]), get: (_, j) => v[j] ?? NaN };
  }
  if (layout === 3) {
    const [t, v] = make(rows, 1);
    return { t: expand(t, [rows, cols]), get: (i) => v[i] ?? NaN };
  }
  const [t, v] = make(rows, cols);
  return { t, get: (i, j) => v[i * cols + j] ?? NaN };
}

/** Compares one product with loops; returns a description of the first difference, or ''. */
function compare(draw: Integers, m: number, n: number, k: number, dtype: DType): string {
  return scope(() => {
    const [left, right] = [draw.next(0, 3), draw.next(0, 3)];
    const a = matrix(draw, m, k, left, dtype);
    const b = matrix(draw, k, n, right, dtype);
    const c = matmul(a.t, b.t).dataSync();
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let q = 0; q < k; q++) sum += a.get(i, q) * b.get(q, j);
        if (c[i * n + j] !== sum)
          return `${dtype} ${m}x${k}x${n}, layouts ${left} ${right}, at ${i} ${j}: ${String(c[i * n + j])} for ${sum}`;
      }
    }
    return '';
  });
}

test.each(['f32', 'f64', 'i32'] as const)('matmul in %s equals plain loops bit for bit at all edges', (dtype) => {
  const draw = new Integers(1);
  for (let size = 1; size <= 40; size++) {
    for (let other = 1; other <= 40; other += 2) {
      const rest = draw.next(1, 40);
      const [m, n, k] = [
        [size, other, rest],
        [rest, size, other],
        [other, rest, size],
      ][(other >> 1) % 3] as [number, number, number];
      expect(compare(draw, m, n, k, dtype)).toBe('');
    }
  }
});

test.each(['f32', 'f64'] as const)('matmul in %s equals plain loops for sizes beyond a block, for 1 and 3 threads', (dtype) => {
  const draw = new Integers(2);
  for (const count of [1, 3]) {
    engine.setThreads(count);
    for (let i = 0; i < 5; i++) expect(compare(draw, draw.next(1, 90), draw.next(1, 300), draw.next(300, 1100), dtype)).toBe('');
    expect(compare(draw, 300, 290, 20, dtype)).toBe('');
  }
});

test.each(['f32', 'f64'] as const)('matmul in %s equals plain loops for many slivers, several chunks and rows a page apart', (dtype) => {
  const draw = new Integers(5);
  for (const [m, n, k] of [
    [790, 530, 33],
    [60, 530, 490],
    [50, 70, 1024],
    [130, 1024, 50],
    [30, 1040, 1024],
  ] as const) {
    expect(compare(draw, m, n, k, dtype)).toBe('');
  }
});

test.each(['f32', 'f64'] as const)('matmul in %s equals plain loops for few columns or few rows, around strips and blocks', (dtype) => {
  const draw = new Integers(9);
  for (const long of [3, 4, 7, 8, 9, 15, 16, 17, 33, 47]) {
    for (let few = 2; few <= 14; few++) {
      for (const k of [15, 16, 31, 32, 33, 35, 37, few === 10 ? 961 : 70]) {
        expect(compare(draw, long, few, k, dtype)).toBe('');
        expect(compare(draw, few, long, k, dtype)).toBe('');
      }
    }
  }
  for (const count of [1, 3]) {
    engine.setThreads(count);
    for (let i = 0; i < 6; i++) expect(compare(draw, draw.next(60, 300), draw.next(2, 12), draw.next(250, 500), dtype)).toBe('');
  }
});

test.each(['f32', 'f64'] as const)('matmul in %s equals plain loops around what is multiplied in place, for 1 and 3 threads', (dtype) => {
  const draw = new Integers(10);
  for (const count of [1, 3]) {
    engine.setThreads(count);
    for (const [m, n, k] of [
      [64, 64, 64],
      [63, 65, 66],
      [128, 128, 128],
      [129, 128, 128],
      [128, 127, 127],
      [13, 97, 129],
      [96, 48, 128],
      [40, 20, 480],
      [40, 32, 481],
      [24, 1024, 60],
      [12, 1024, 60],
    ] as const) {
      for (let i = 0; i < 4; i++) expect(compare(draw, m, n, k, dtype)).toBe('');
    }
  }
});

test.each(['f32', 'f64'] as const)(
  'matmul in %s equals plain loops for several blocks along every axis, for 1, 2 and 3 threads',
  (dtype) => {
    const draw = new Integers(11);
    for (const count of [1, 2, 3]) {
      engine.setThreads(count);
      for (const [m, n, k] of [
        [800, 296, 500],
        [70, 1050, 490],
      ] as const) {
        expect(compare(draw, m, n, k, dtype)).toBe('');
      }
    }
  },
);

test.each(['f32', 'f64'] as const)('a matrix times a vector in %s equals plain loops, either way round', (dtype) => {
  const draw = new Integers(6);
  for (let i = 0; i < 200; i++) {
    const [size, k] = [draw.next(1, i % 10 === 0 ? 2100 : 140), draw.next(1, i % 7 === 0 ? 1100 : 90)];
    expect(compare(draw, size, 1, k, dtype)).toBe('');
    expect(compare(draw, 1, size, k, dtype)).toBe('');
  }
});

test.each(['f32', 'f64'] as const)('a vector times a matrix in %s equals plain loops around a unit of its columns', (dtype) => {
  const draw = new Integers(7);
  for (const [n, k] of [
    [2047, 40],
    [2049, 390],
    [3100, 700],
    [4100, 9],
  ] as const) {
    expect(compare(draw, 1, n, k, dtype)).toBe('');
  }
});

test('batches beyond L2 equal plain loops, in any layout', () => {
  const draw = new Integers(8);
  for (const [batch, m, n, k] of [
    [17, 100, 110, 60],
    [60, 13, 130, 50],
    [3, 400, 90, 390],
  ] as const) {
    for (const layout of [0, 1, 2, 3]) {
      const [ta, tb] = [layout % 2 === 1, layout >= 2];
      const [va, vb] = [draw.array(batch * m * k), draw.array(batch * k * n)];
      const c = scope(() => {
        const a = fromArray(va, ta ? [batch, k, m] : [batch, m, k], { dtype: 'f32' });
        const b = fromArray(vb, tb ? [batch, n, k] : [batch, k, n], { dtype: 'f32' });
        return matmul(ta ? transpose(a) : a, tb ? transpose(b) : b).dataSync();
      });
      const want = new Float32Array(batch * m * n);
      want.forEach((_, at) => {
        const [p, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
        let sum = 0;
        for (let q = 0; q < k; q++)
          sum += (va[p * m * k + (ta ? q * m + i : i * k + q)] ?? NaN) * (vb[p * k * n + (tb ? j * k + q : q * n + j)] ?? NaN);
        want[at] = sum;
      });
      expect(c).toEqual(want);
    }
  }
});

test('batched products with broadcasting equal plain loops', () => {
  const draw = new Integers(3);
  for (let i = 0; i < 100; i++) {
    const [p, q, m, n, k] = [draw.next(1, 3), draw.next(1, 4), draw.next(1, 20), draw.next(1, 40), draw.next(0, 20)];
    const [pa, qa, pb, qb] = [draw.next(0, 1) * (p - 1) + 1, draw.next(0, 1) * (q - 1) + 1, p, q];
    const [va, vb] = [draw.array(pa * qa * m * k), draw.array(pb * qb * k * n)];
    const c = scope(() =>
      matmul(fromArray(va, [pa, qa, m, k], { dtype: 'f32' }), fromArray(vb, [pb, qb, k, n], { dtype: 'f32' })).dataSync(),
    );
    const want = new Float32Array(p * q * m * n);
    want.forEach((_, at) => {
      const [x, y, r, s] = [Math.floor(at / (q * m * n)), Math.floor(at / (m * n)) % q, Math.floor(at / n) % m, at % n];
      const fromA = ((x % pa) * qa + (y % qa)) * m * k + r * k;
      const fromB = (x * q + y) * k * n + s;
      let sum = 0;
      for (let d = 0; d < k; d++) sum += (va[fromA + d] ?? NaN) * (vb[fromB + d * n] ?? NaN);
      want[at] = sum;
    });
    expect(c).toEqual(want);
  }
});

test('linear equals plain loops', () => {
  const draw = new Integers(4);
  for (let i = 0; i < 200; i++) {
    const n = i % 7 === 0 ? draw.next(2, 13) : draw.next(1, 70);
    const [m, k] = [i % 5 === 0 ? 1 : i % 11 === 0 ? draw.next(2, 13) : draw.next(1, 70), draw.next(0, i % 20 === 0 ? 900 : 50)];
    const [x, w, b] = [draw.array(m * k), draw.array(n * k), draw.array(n)];
    const y = scope(() =>
      linear(
        fromArray(x, [m, k], { dtype: 'f32' }),
        fromArray(w, [n, k], { dtype: 'f32' }),
        fromArray(b, [n], { dtype: 'f32' }),
      ).dataSync(),
    );
    const want = new Float32Array(m * n);
    want.forEach((_, at) => {
      let sum = b[at % n] ?? NaN;
      for (let d = 0; d < k; d++) sum += (x[Math.floor(at / n) * k + d] ?? NaN) * (w[(at % n) * k + d] ?? NaN);
      want[at] = sum;
    });
    expect(y).toEqual(want);
  }
});
