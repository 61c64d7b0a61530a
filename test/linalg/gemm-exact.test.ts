import { afterAll, expect, test } from 'vitest';
import { engine, expand, fromArray, gradients, linear, matmul, scope, transpose, type DType, type Tensor } from '../../src/index.js';
import { Integers } from '../helpers/integers.js';
import { product, turned } from '../helpers/product-loops.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

interface Matrix {
  readonly t: Tensor;
  /** Its elements, row by row. */
  readonly values: Float64Array;
}

/** A rows x cols matrix in one of four layouts: row-major, transposed, a broadcast row, a broadcast column. */
function matrix(draw: Integers, rows: number, cols: number, layout: number, dtype: DType): Matrix {
  const make = (m: number, n: number): [Tensor, Float64Array] => {
    const values = draw.array(m * n);
    return [fromArray(values, [m, n], { dtype }), values];
  };
  if (layout === 1) {
    const [t, v] = make(cols, rows);
    return { t: transpose(t), values: turned(v, cols, rows) };
  }
  if (layout === 2) {
    const [t, v] = make(1, cols);
    return { t: expand(t, [rows, cols]), values: Float64Array.from({ length: rows * cols }, (_, i) => v[i % cols] ?? NaN) };
  }
  if (layout === 3) {
    const [t, v] = make(rows, 1);
    return { t: expand(t, [rows, cols]), values: Float64Array.from({ length: rows * cols }, (_, i) => v[Math.floor(i / cols)] ?? NaN) };
  }
  const [t, values] = make(rows, cols);
  return { t, values };
}

/** The first difference between a tensor and what it should hold, or ''. */
function difference(name: string, got: Tensor | null | undefined, want: Float64Array): string {
  const values = got?.dataSync() ?? [];
  const at = want.findIndex((v, i) => Number(values[i]) !== v);
  if (at >= 0) return `${name} at ${at}: ${String(values[at])} for ${String(want[at])}`;
  return values.length === want.length ? '' : `${name} has ${values.length} elements, not ${want.length}`;
}

/** Compares one product, and its gradients where there are any, with loops; returns a description of the first difference, or ''. */
function compare(draw: Integers, m: number, n: number, k: number, dtype: DType): string {
  return scope(() => {
    const layouts = [draw.next(0, 3), draw.next(0, 3), draw.next(0, 3)] as const;
    const a = matrix(draw, m, k, layouts[0], dtype);
    const b = matrix(draw, k, n, layouts[1], dtype);
    const found = [];
    if (dtype === 'i32' || dtype === 'i64') found.push(difference('c', matmul(a.t, b.t), product(a.values, b.values, m, k, n)));
    else {
      const g = matrix(draw, m, n, layouts[2], dtype);
      a.t.requiresGrad = true;
      b.t.requiresGrad = true;
      const c = matmul(a.t, b.t);
      const [da, db] = gradients([c], [a.t, b.t], { gradients: [g.t] });
      found.push(difference('c', c, product(a.values, b.values, m, k, n)));
      found.push(difference('the gradient of a', da, product(g.values, turned(b.values, k, n), m, n, k)));
      found.push(difference('the gradient of b', db, product(turned(a.values, m, k), g.values, k, m, n)));
    }
    const first = found.find((text) => text !== '');
    return first === undefined ? '' : `${dtype} ${m}x${k}x${n}, layouts ${layouts.join()}: ${first}`;
  });
}

test.each(['f32', 'f64', 'i32', 'i64'] as const)('matmul and its gradients in %s equal plain loops bit for bit at all edges', (dtype) => {
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

test.each(['f32', 'f64'] as const)(
  'matmul and its gradients in %s equal plain loops for sizes beyond a block, for 1 and 3 threads',
  (dtype) => {
    const draw = new Integers(2);
    for (const count of [1, 3]) {
      engine.setThreads(count);
      for (let i = 0; i < 5; i++) expect(compare(draw, draw.next(1, 90), draw.next(1, 300), draw.next(300, 1100), dtype)).toBe('');
      expect(compare(draw, 300, 290, 20, dtype)).toBe('');
    }
  },
);

test.each(['f32', 'f64'] as const)(
  'matmul and its gradients in %s equal plain loops for many slivers, several chunks and rows a page apart',
  (dtype) => {
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
  },
);

test.each(['f32', 'f64'] as const)(
  'matmul and its gradients in %s equal plain loops for few columns or few rows, around strips and blocks',
  (dtype) => {
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
  },
);

test.each(['f32', 'f64'] as const)(
  'matmul and its gradients in %s equal plain loops around what is multiplied in place, for 1 and 3 threads',
  (dtype) => {
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
  },
);

test.each(['f32', 'f64'] as const)(
  'matmul and its gradients in %s equal plain loops for several blocks along every axis, for 1, 2 and 3 threads',
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
      const want = new Float64Array(batch * m * n);
      for (let p = 0; p < batch; p++) {
        const [left, right] = [va.subarray(p * m * k, (p + 1) * m * k), vb.subarray(p * k * n, (p + 1) * k * n)];
        want.set(product(ta ? turned(left, k, m) : left, tb ? turned(right, n, k) : right, m, k, n), p * m * n);
      }
      const found = scope(() => {
        const a = fromArray(va, ta ? [batch, k, m] : [batch, m, k], { dtype: 'f32' });
        const b = fromArray(vb, tb ? [batch, n, k] : [batch, k, n], { dtype: 'f32' });
        return difference('c', matmul(ta ? transpose(a) : a, tb ? transpose(b) : b), want);
      });
      expect(found).toBe('');
    }
  }
});

test('batched products with broadcasting, and their gradients, equal plain loops', () => {
  const draw = new Integers(3);
  for (let i = 0; i < 100; i++) {
    const [p, q, m, n, k] = [draw.next(1, 3), draw.next(1, 4), draw.next(1, 20), draw.next(1, 40), draw.next(0, 20)];
    const [pa, qa] = [draw.next(0, 1) * (p - 1) + 1, draw.next(0, 1) * (q - 1) + 1];
    const [va, vb, vg] = [draw.array(pa * qa * m * k), draw.array(p * q * k * n), draw.array(p * q * m * n)];
    const want = { c: new Float64Array(vg.length), a: new Float64Array(va.length), b: new Float64Array(vb.length) };
    for (let x = 0; x < p; x++) {
      for (let y = 0; y < q; y++) {
        const [atA, atB, atC] = [((x % pa) * qa + (y % qa)) * m * k, (x * q + y) * k * n, (x * q + y) * m * n];
        const [a, b, g] = [va.subarray(atA, atA + m * k), vb.subarray(atB, atB + k * n), vg.subarray(atC, atC + m * n)];
        want.c.set(product(a, b, m, k, n), atC);
        want.b.set(product(turned(a, m, k), g, k, m, n), atB);
        product(g, turned(b, k, n), m, n, k).forEach((v, j) => (want.a[atA + j] = (want.a[atA + j] ?? NaN) + v));
      }
    }
    scope(() => {
      const a = fromArray(va, [pa, qa, m, k], { dtype: 'f32', requiresGrad: true });
      const b = fromArray(vb, [p, q, k, n], { dtype: 'f32', requiresGrad: true });
      const c = matmul(a, b);
      const [da, db] = gradients([c], [a, b], { gradients: [fromArray(vg, c.shape, { dtype: 'f32' })] });
      expect(difference('c', c, want.c) || difference('the gradient of a', da, want.a) || difference('the gradient of b', db, want.b)).toBe(
        '',
      );
    });
  }
});

test('linear and its gradients equal plain loops', () => {
  const draw = new Integers(4);
  for (let i = 0; i < 200; i++) {
    const n = i % 7 === 0 ? draw.next(2, 13) : draw.next(1, 70);
    const [m, k] = [i % 5 === 0 ? 1 : i % 11 === 0 ? draw.next(2, 13) : draw.next(1, 70), draw.next(0, i % 20 === 0 ? 900 : 50)];
    const [vx, vw, vb, vg] = [draw.array(m * k), draw.array(n * k), draw.array(n), draw.array(m * n)];
    scope(() => {
      const tensor = (values: Float64Array, shape: readonly number[]): Tensor =>
        fromArray(values, shape, { dtype: 'f32', requiresGrad: true });
      const [x, w, b] = [tensor(vx, [m, k]), tensor(vw, [n, k]), tensor(vb, [n])];
      const y = linear(x, w, b);
      const [dx, dw, db] = gradients([y], [x, w, b], { gradients: [fromArray(vg, [m, n], { dtype: 'f32' })] });
      const want = product(vx, turned(vw, n, k), m, k, n).map((v, at) => v + (vb[at % n] ?? NaN));
      expect(difference('y', y, want)).toBe('');
      expect(difference('the gradient of x', dx, product(vg, vw, m, n, k))).toBe('');
      expect(difference('the gradient of weight', dw, product(turned(vg, m, n), vx, n, m, k))).toBe('');
      expect(difference('the gradient of bias', db, product(new Float64Array(m).fill(1), vg, 1, m, n))).toBe('');
    });
  }
});
