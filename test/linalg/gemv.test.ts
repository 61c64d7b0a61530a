import { expect, test } from 'vitest';
import { expand, fromArray, linear, matmul, reshape, scope, slice, transpose, type DType, type Tensor } from '../../src/index.js';
import { Integers } from '../helpers/integers.js';
import { arrayOf } from '../helpers/values.js';

/** A rows x cols matrix with the given elements, as it may lie in memory. Around them lies NaN, which must not be seen. */
const layouts: Readonly<Record<string, (values: Float64Array, rows: number, cols: number, dtype: DType) => Tensor>> = {
  plain: (v, r, c, dtype) => fromArray(v, [r, c], { dtype }),
  transposed: (v, r, c, dtype) => transpose(fromArray(turned(v, r, c), [c, r], { dtype })),
  'part of wider rows': (v, r, c, dtype) => slice(fromArray(placed(v, r, c, c + 3, 1), [r, c + 3], { dtype }), [null, [0, c]]),
  'part of wider rows, transposed': (v, r, c, dtype) =>
    transpose(slice(fromArray(placed(turned(v, r, c), c, r, r + 5, 1), [c, r + 5], { dtype }), [null, [0, r]])),
  'every second column': (v, r, c, dtype) => slice(fromArray(placed(v, r, c, 2 * c, 2), [r, 2 * c], { dtype }), [null, [null, null, 2]]),
  'from the end': (v, r, c, dtype) =>
    slice(fromArray(v.slice().reverse(), [r, c], { dtype }), [
      [null, null, -1],
      [null, null, -1],
    ]),
};

function turned(v: Float64Array, rows: number, cols: number): Float64Array {
  return v.map((_, at) => v[(at % rows) * cols + Math.floor(at / rows)] ?? NaN);
}
/** Rows of `width`, element j at j * step, NaN between. */
function placed(v: Float64Array, rows: number, cols: number, width: number, step: number): Float64Array {
  const wide = new Float64Array(rows * width).fill(NaN);
  v.forEach((x, at) => (wide[Math.floor(at / cols) * width + (at % cols) * step] = x));
  return wide;
}

function plain(w: Float64Array, x: Float64Array, n: number, k: number): number[] {
  return Array.from({ length: n }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += (w[j * k + i] ?? NaN) * (x[i] ?? NaN);
    return sum;
  });
}

/** Around a register, the lanes of a sum, the rows read side by side, a strip of columns, a block of k and one of 4096. */
const sizes: readonly (readonly [n: number, k: number])[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33].flatMap((n) =>
    [1, 2, 7, 8, 9, 15, 16, 17, 31, 127, 128, 129].map((k) => [n, k] as const),
  ),
  [1, 4095],
  [3, 4096],
  [17, 4097],
  [5, 8193],
  [1023, 40],
  [1025, 129],
  [64, 480],
  [65, 481],
  [3000, 490],
  [2048, 870],
  [2047, 33],
  [2049, 270],
  [4100, 9],
];

test.each(['f32', 'f64'] as const)('a matrix times a vector in %s equals plain loops in any layout, as a column and as a row', (dtype) => {
  const draw = new Integers(6);
  for (const [n, k] of sizes) {
    const [w, x] = [draw.array(n * k), draw.array(k)];
    const want = plain(w, x, n, k);
    for (const [name, lay] of Object.entries(layouts)) {
      scope(() => {
        const vector = layouts[n % 2 === 0 ? 'plain' : 'every second column']?.(x, 1, k, dtype) ?? fromArray(x, [1, k], { dtype });
        const matrix = lay(w, n, k, dtype);
        expect(arrayOf(matmul(matrix, transpose(vector))), `${name} ${n}x${k}, column`).toEqual(want);
        expect(arrayOf(matmul(vector, transpose(matrix))), `${name} ${n}x${k}, row`).toEqual(want);
      });
    }
  }
});

test.each(['f32', 'f64', 'bf16'] as const)(
  'a matrix times a vector in %s has two orders: along its rows, and that of any product',
  (dtype) => {
    const draw = new Integers(7);
    const fractions = (n: number): Float64Array => Float64Array.from({ length: n }, () => draw.next(-1000, 1000) / 700);
    for (const [n, k] of [
      [5, 37],
      [40, 500],
      [2100, 77],
      [17, 4500],
    ] as const) {
      scope(() => {
        const [w, x, bias] = [fractions(n * k), fromArray(fractions(k), [1, k], { dtype }), fromArray(new Float64Array(n), [n], { dtype })];
        const plain = fromArray(w, [n, k], { dtype });
        const along = arrayOf(matmul(x, transpose(plain)));
        const product = arrayOf(matmul(expand(x, [3, k]), transpose(plain))).slice(0, n);
        for (const [name, lay] of Object.entries(layouts)) {
          const matrix = lay(w, n, k, dtype),
            want = name.endsWith('transposed') ? product : along;
          expect(arrayOf(matmul(matrix, transpose(x))), name).toEqual(want);
          expect(arrayOf(matmul(x, transpose(matrix))), name).toEqual(want);
          expect(arrayOf(linear(x, matrix, bias)), name).toEqual(want);
          expect(arrayOf(linear(matrix, x, slice(bias, [[0, 1]]))), name).toEqual(want);
        }
      });
    }
  },
);

test('batches of vectors on the right have the bits of each product alone, stretched or not', () => {
  const draw = new Integers(8);
  const fractions = (shape: readonly number[]): Tensor =>
    fromArray(
      Float64Array.from({ length: shape.reduce((p, q) => p * q, 1) }, () => draw.next(-1000, 1000) / 700),
      shape,
      { dtype: 'f32' },
    );
  for (const [batch, m, k] of [
    [3, 20, 50],
    [2, 1, 70],
    [5, 33, 1],
  ] as const) {
    scope(() => {
      const [a, b] = [fractions([batch, m, k]), fractions([k, 1])];
      const alone = Array.from({ length: batch }, (_, i) => arrayOf(matmul(reshape(slice(a, [[i, i + 1]]), [m, k]), b))).flat();
      const copies = fromArray(Array.from({ length: batch }, () => arrayOf(b)).flat(), [batch, k, 1], { dtype: 'f32' });
      const scattered = transpose(reshape(transpose(reshape(a, [batch, m * k])), [m, k, batch]), 0, 2); // [batch, k, m]
      expect(arrayOf(matmul(a, b))).toEqual(alone);
      expect(arrayOf(matmul(a, expand(b, [batch, k, 1])))).toEqual(alone);
      expect(arrayOf(matmul(a, copies))).toEqual(alone);
      expect(arrayOf(matmul(transpose(scattered), copies))).toEqual(alone);
    });
  }
});

test('empty sums of a product with a vector are zero, or the bias', () => {
  const x = fromArray([], [1, 0], { dtype: 'f32' });
  const w = fromArray([], [3, 0], { dtype: 'f32' });
  expect(arrayOf(matmul(w, transpose(x)))).toEqual([0, 0, 0]);
  expect(arrayOf(matmul(x, fromArray([], [0, 3], { dtype: 'f32' })))).toEqual([0, 0, 0]);
  expect(arrayOf(linear(x, w, fromArray([1, 2, 3], [3], { dtype: 'f32' })))).toEqual([1, 2, 3]);
});
