import { afterAll, describe, expect, it } from 'vitest';
import {
  backward,
  engine,
  fromArray,
  linear,
  matmul,
  mul,
  scope,
  slice,
  sum,
  tensor,
  to,
  transpose,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { promote } from '../../src/core/dtype.js';
import { Integers } from '../helpers/integers.js';
import { arrayOf } from '../helpers/values.js';

/** The oracle is the definition: widen, compute in f32, round once. Whatever a kernel does to save traffic must give the same bits. */
function wide(x: Tensor): Tensor {
  return to(x, 'f32');
}

function expectBits(got: Tensor, f32: Tensor, dtype: DType): void {
  expect(got.dtype).toBe(dtype);
  expect(got.shape).toEqual(f32.shape);
  const [a, b] = [arrayOf(got), arrayOf(to(f32, dtype))];
  const wrong = a.findIndex((v, i) => !Object.is(v, b[i]));
  if (wrong >= 0) throw new Error(`element ${wrong} of [${got.shape.join()}] is ${a[wrong] ?? NaN}, in f32 ${b[wrong] ?? NaN}`);
}

const draw = new Integers(7);
function numbers(shape: readonly number[], dtype: DType): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromArray(
    Float32Array.from({ length: n }, () => draw.next(-1000, 1000) / 700),
    shape,
    { dtype },
  );
}

type Make = (shape: readonly number[]) => Tensor;

/** [rows, cols] as it may lie in memory. */
const layouts: Readonly<Record<string, (rows: number, cols: number, make: Make) => Tensor>> = {
  plain: (r, c, make) => make([r, c]),
  transposed: (r, c, make) => transpose(make([c, r])),
  'part of wider rows': (r, c, make) => slice(make([r, c + 3]), [null, [1, c + 1]]),
  'every second column': (r, c, make) => slice(make([r, 2 * c]), [null, [null, null, 2]]),
  'reversed rows of a transposed': (r, c, make) => slice(transpose(make([c, r])), [[null, null, -1]]),
};

/** A matrix in some layout, and the same in f32 as it lies: where a matrix lies decides in which order a product with a vector adds. */
function both(layout: string, rows: number, cols: number, dtype: DType): readonly [Tensor, Tensor] {
  let made: Tensor | undefined;
  const lay = (make: Make): Tensor => layouts[layout]!(rows, cols, make);
  return [lay((shape) => (made = numbers(shape, dtype))), lay(() => wide(made!))];
}

const pairs: readonly (readonly [DType, DType])[] = [
  ['bf16', 'bf16'],
  ['f16', 'f16'],
  ['f32', 'bf16'],
  ['f16', 'f32'],
  ['bf16', 'f16'],
];

/** Around a vector, a tile, a panel, a block of k (480) and a group of four slivers; a vector on either side. */
const sizes: readonly (readonly [m: number, k: number, n: number])[] = [
  [1, 1, 1],
  [1, 37, 5],
  [1, 481, 67],
  [3, 130, 1],
  [70, 500, 1],
  [2, 7, 33],
  [13, 16, 32],
  [49, 70, 31],
  [12, 481, 40],
  [100, 900, 17],
  [33, 0, 5],
  [0, 5, 3],
];

describe.each(pairs)('%s times %s', (a, b) => {
  const dtype = promote(a, b);

  it.each(Object.keys(layouts))('has the bits of f32 rounded once: %s', (left) => {
    for (const [m, k, n] of sizes) {
      for (const right of Object.keys(layouts)) {
        scope(() => {
          const [[x, fullX], [y, fullY]] = [both(left, m, k, a), both(right, k, n, b)];
          expectBits(matmul(x, y), matmul(fullX, fullY), dtype);
        });
      }
    }
  });

  it('also in batches, broadcast or not', () => {
    for (const [left, right] of [
      [
        [3, 5, 20],
        [20, 6],
      ],
      [
        [2, 1, 5, 500],
        [3, 500, 6],
      ],
      [
        [4, 20],
        [3, 20, 33],
      ],
      [[2, 5, 20], [20]],
      [[20], [2, 20, 3]],
      [[20], [20]],
    ] as const) {
      scope(() => {
        const [x, y] = [numbers(left, a), numbers(right, b)];
        expectBits(matmul(x, y), matmul(wide(x), wide(y)), dtype);
      });
    }
  });

  it('linear adds a bias of any of the types before it rounds', () => {
    for (const [m, k, n] of sizes) {
      for (const bias of ['f32', 'bf16', 'f16'] as const) {
        scope(() => {
          const [x, w, every] = [
            numbers([m, k], a),
            layouts[m % 2 === 0 ? 'plain' : 'part of wider rows']!(n, k, (shape) => numbers(shape, b)),
            numbers([2 * n], bias),
          ];
          const own = slice(every, [[null, null, 2]]);
          expectBits(linear(x, w, own), linear(wide(x), wide(w), wide(own)), dtype);
          expectBits(linear(x, w), linear(wide(x), wide(w)), dtype);
        });
      }
    }
  });

  it('has the gradients of the same graph in f32 between casts', () => {
    for (const [left, right] of [
      [
        [5, 20],
        [20, 6],
      ],
      [
        [3, 1, 5, 20],
        [2, 20, 6],
      ],
      [
        [3, 5, 20],
        [20, 6],
      ],
    ] as const) {
      const [x, y, g] = [numbers(left, a), numbers(right, b), numbers([6], 'f32')];
      const grads = (product: (p: Tensor, q: Tensor) => Tensor): (Tensor | null)[] => {
        const own = [x, y].map((t) => fromArray(Float32Array.from(arrayOf(t)), t.shape, { dtype: t.dtype, requiresGrad: true })) as [
          Tensor,
          Tensor,
        ];
        backward(sum(mul(product(own[0], own[1]), g)));
        return own.map((t) => t.grad);
      };
      const want = grads((p, q) => to(matmul(wide(p), wide(q)), dtype));
      grads(matmul).forEach((got, i) => expectBits(got!, wide(want[i]!), [a, b][i]!));
    }
  });

  it('and those of linear', () => {
    const [x, w, c, g] = [numbers([2, 9, 20], a), numbers([6, 20], b), numbers([6], b), numbers([6], 'f32')];
    const grads = (map: (...t: readonly [Tensor, Tensor, Tensor]) => Tensor): (Tensor | null)[] => {
      const own = [x, w, c].map((t) => fromArray(Float32Array.from(arrayOf(t)), t.shape, { dtype: t.dtype, requiresGrad: true })) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      backward(sum(mul(map(...own), g)));
      return own.map((t) => t.grad);
    };
    const want = grads((p, q, r) => to(linear(wide(p), wide(q), wide(r)), dtype));
    grads(linear).forEach((got, i) => expectBits(got!, wide(want[i]!), [a, b, b][i]!));
  });
});

describe('a product of halves', () => {
  const before = engine.stats().threads;
  afterAll(() => engine.setThreads(before));

  it.each([
    [300, 700, 260],
    [1, 1000, 3000],
    [900, 500, 70],
    [40, 500, 4200],
  ])('is the same for any number of threads: %i x %i x %i', (m, k, n) => {
    scope(() => {
      const [x, w, b] = [numbers([m, k], 'bf16'), numbers([n, k], 'bf16'), numbers([n], 'bf16')];
      for (const threads of [1, 3]) {
        engine.setThreads(threads);
        expectBits(linear(x, w, b), linear(wide(x), wide(w), wide(b)), 'bf16');
        expectBits(matmul(w, transpose(x)), matmul(wide(w), transpose(wide(x))), 'bf16');
      }
    });
  });

  it('hands on infinities and NaN, and overflows to infinity', () => {
    const x = tensor([[Infinity, 1, NaN, 60000]], { dtype: 'f16' });
    expect(arrayOf(matmul(transpose(x), tensor([[1, 2]], { dtype: 'f16' })))).toEqual(
      [Infinity, Infinity, 1, 2, NaN, NaN, 60000, Infinity].map((v) => (Number.isFinite(v) ? arrayOf(to(tensor(v), 'f16'))[0] : v)),
    );
  });

  it('says what it does not take', () => {
    const half = zeros([2, 2], { dtype: 'bf16' });
    expect(() => matmul(half, zeros([2, 2], { dtype: 'f64' }))).toThrow(/matmul: b must be f32 or bf16 or f16, got f64 \[2,2\]/);
    expect(() => matmul(zeros([2, 2], { dtype: 'i32' }), half)).toThrow(/matmul: a must be f32 or bf16 or f16, got i32 \[2,2\]/);
    expect(() => linear(half, half, zeros([2], { dtype: 'f64' }))).toThrow(
      /linear: bias must be f32, bf16 or f16 next to them, got f64 \[2\]/,
    );
    expect(() => linear(half, zeros([2, 3], { dtype: 'bf16' }))).toThrow(/linear: x \[2,2\] and weight \[2,3\] do not agree on in/);
    expect(() => linear(half, half, zeros([3]))).toThrow(/linear: bias \[3\] must be \[2\]/);
  });
});
