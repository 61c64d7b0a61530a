import { linear, matmul, quantize, quantizedLinear, tensor, zeros } from '../../src/index.js';
import { at, build, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

/** Axes before the last two, broadcast, and the element at [batch..., i, j] with batch axes of size 1 repeated. */
function naiveMatmul(a: Nd, b: Nd): Nd {
  const left: Nd = a.shape.length === 1 ? { shape: [1, ...a.shape], data: a.data } : a;
  const right: Nd = b.shape.length === 1 ? { shape: [...b.shape, 1], data: b.data } : b;
  const rank = Math.max(left.shape.length, right.shape.length);
  const dim = (x: Nd, d: number): number => x.shape[d - rank + x.shape.length] ?? 1;
  const batch = Array.from({ length: rank - 2 }, (_, d) => (dim(left, d) === 1 ? dim(right, d) : dim(left, d)));
  const pick = (x: Nd, lead: readonly number[], i: number, j: number): number => {
    const own = lead.slice(rank - x.shape.length).map((v, d) => (x.shape[d] === 1 ? 0 : v));
    return at(x, [...own, i, j]);
  };
  const [m, k, n] = [dim(left, rank - 2), dim(left, rank - 1), dim(right, rank - 1)];
  const c = build([...batch, m, n], (index) => {
    let sum = 0;
    for (let q = 0; q < k; q++)
      sum += pick(left, index.slice(0, -2), index.at(-2) ?? 0, q) * pick(right, index.slice(0, -2), q, index.at(-1) ?? 0);
    return sum;
  });
  return { shape: [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])], data: c.data };
}

function naiveLinear(x: Nd, weight: Nd, bias?: Nd): Nd {
  const [n, k] = [weight.shape[0] ?? 0, weight.shape[1] ?? 0];
  return build([...x.shape.slice(0, -1), n], (index) => {
    const o = index.at(-1) ?? 0;
    let sum = bias === undefined ? 0 : at(bias, [o]);
    for (let q = 0; q < k; q++) sum += at(x, [...index.slice(0, -1), q]) * at(weight, [o, q]);
    return sum;
  });
}

/** Rows of x in whole numbers and their scales, as quantize makes them: in f32. */
function naiveQuantize(x: Nd): [Nd, Nd] {
  const k = x.shape.at(-1) ?? 1;
  const largest = build(x.shape.slice(0, -1), (index) => {
    let most = 0;
    for (let q = 0; q < k; q++) most = Math.max(most, Math.abs(at(x, [...index, q])));
    return most;
  });
  const values = build(x.shape, (index) => {
    const scaled = Math.fround(at(x, index) * Math.fround(127 / at(largest, index.slice(0, -1))));
    const low = Math.floor(scaled);
    return scaled - low === 0.5 ? low + (low & 1) : Math.round(scaled);
  });
  return [values, { shape: largest.shape, data: largest.data.map((v) => Math.fround(v / 127)) }];
}

function naiveQuantizedLinear(x: Nd, weight: Nd, scale: Nd, bias?: Nd): Nd {
  const [values, steps] = naiveQuantize(x);
  const plain = naiveLinear(values, weight);
  return build(plain.shape, (index) => {
    const o = index.at(-1) ?? 0;
    return at(plain, index) * at(steps, index.slice(0, -1)) * at(scale, [o]) + (bias === undefined ? 0 : at(bias, [o]));
  });
}

const square = (n: number): readonly (readonly number[])[] => [
  [n, n],
  [n, n],
];

export const linalg = [
  row({
    name: 'matmul',
    ops: ['matmul', 'matmulHalf'],
    call: ([a, b]) => matmul(a!, b!),
    naive: ([a, b]) => naiveMatmul(a!, b!),
    cases: [
      {
        shapes: [
          [3, 4],
          [4, 5],
        ],
      },
      {
        shapes: [
          [1, 1],
          [1, 1],
        ],
      },
      { shapes: [[5], [5]] },
      { shapes: [[5], [5, 3]], orderByLayout: true },
      { shapes: [[2, 3, 5], [5]], orderByLayout: true },
      {
        shapes: [
          [2, 3, 4],
          [4, 2],
        ],
      },
      {
        shapes: [
          [2, 1, 3, 4],
          [3, 4, 2],
        ],
      },
      {
        shapes: [
          [0, 4],
          [4, 3],
        ],
      },
      {
        shapes: [
          [3, 0],
          [0, 2],
        ],
      },
      {
        shapes: [
          [13, 7],
          [7, 33],
        ],
      },
    ],
    tolerance: 16, // up to 7 terms a sum
    torch: 'torch.matmul(x[0], x[1])',
    rejects: [
      { call: () => matmul(zeros([2, 3]), zeros([4, 5])), message: /matmul: a \[2,3\] and b \[4,5\] do not agree on k \(3 vs 4\)$/ },
      { call: () => matmul(zeros([2, 3]), zeros([4, 3])), message: /matmul: a \[2,3\] and b \[4,3\] .*did you mean b\.transpose\(\)\?/ },
      { call: () => matmul(zeros([3, 2]), zeros([3, 4])), message: /matmul: a \[3,2\] and b \[3,4\] .*did you mean a\.transpose\(\)\?/ },
      {
        call: () => matmul(zeros([2, 2, 3]), zeros([3, 3, 2])),
        message: /matmul: cannot broadcast batch of a \[2\] with batch of b \[3\]/,
      },
      { call: () => matmul(tensor(1), zeros([3])), message: /matmul: a \[\] and b \[3\] must have at least one axis; use mul/ },
      { call: () => matmul(zeros([2, 2]), zeros([2, 2], { dtype: 'f64' })), message: /matmul: a f32 \[2,2\] and b f64 \[2,2\]/ },
    ],
    bench: [{ shapes: square(128) }, { shapes: square(512) }, { shapes: square(1024) }],
    flops: ([a, b]) => 2 * (a ?? []).reduce((x, y) => x * y, 1) * (b?.at(-1) ?? 1),
  }),
  row({
    name: 'linear',
    ops: ['linear', 'linearNoBias', 'linearHalf'],
    call: ([x, weight, bias]) => linear(x!, weight!, bias),
    naive: ([x, weight, bias]) => naiveLinear(x!, weight!, bias),
    cases: [
      { shapes: [[3, 4], [5, 4], [5]] },
      { shapes: [[4], [5, 4], [5]], orderByLayout: true },
      { shapes: [[4], [5, 4]], orderByLayout: true },
      { shapes: [[2, 3, 4], [2, 4], [2]] },
      {
        shapes: [
          [2, 3, 4],
          [17, 4],
        ],
      },
      { shapes: [[0, 4], [5, 4], [5]] },
      { shapes: [[2, 0], [3, 0], [3]] },
    ],
    tolerance: 16, // up to 5 terms a sum
    torch: 'F.linear(x[0], x[1], x[2] if len(x) > 2 else None)',
    rejects: [
      { call: () => linear(zeros([2, 3]), zeros([4, 5])), message: /linear: x \[2,3\] and weight \[4,5\] do not agree on in \(3 vs 5\)$/ },
      {
        call: () => linear(zeros([2, 3]), zeros([3, 5])),
        message: /linear: x \[2,3\] and weight \[3,5\] .*did you mean weight\.transpose\(\)\?/,
      },
      { call: () => linear(zeros([2, 3]), zeros([4, 3]), zeros([3])), message: /linear: bias \[3\] must be \[4\]/ },
      { call: () => linear(zeros([2, 3], { dtype: 'i32' }), zeros([4, 3])), message: /linear: x must be floating, got i32 \[2,3\]/ },
    ],
    bench: [{ shapes: [[64, 784], [256, 784], [256]] }],
    flops: ([x, weight]) => 2 * (x ?? []).reduce((p, q) => p * q, 1) * (weight?.[0] ?? 1),
  }),
  row({
    name: 'quantize',
    halves: null,
    call: ([x]) => {
      const { values, scale } = quantize(x!);
      return [values, scale];
    },
    naive: ([x]) => naiveQuantize(x!),
    cases: [{ shapes: [[5, 7]] }, { shapes: [[2, 3, 70]] }, { shapes: [[33]] }, { shapes: [[0, 4]] }, { shapes: [[1, 1]] }],
    dtypes: ['f32'],
    gradients: [],
    torch: { none: 'torch.quantize_per_channel takes the scales; max |x| / 127 is one of several observers' },
    rejects: [
      { call: () => quantize(zeros([2, 3], { dtype: 'f64' })), message: /quantize: x must be f32, got f64 \[2,3\]; convert it with to/ },
      { call: () => quantize(tensor(1)), message: /quantize: x \[\] must have at least one axis/ },
    ],
    bench: [{ shapes: [[1024, 1024]] }],
  }),
  row({
    name: 'quantizedLinear',
    halves: null,
    ops: ['quantizedLinear', 'quantizedLinearNoBias'],
    call: ([x, weight, scale, bias]) => quantizedLinear(x!, weight!, scale!, bias),
    naive: ([x, weight, scale, bias]) => naiveQuantizedLinear(x!, weight!, scale!, bias),
    cases: [
      { shapes: [[3, 4], [5, 4], [5], [5]] },
      { shapes: [[70], [9, 70], [9]] },
      { shapes: [[2, 6, 67], [35, 67], [35]] },
      { shapes: [[0, 4], [5, 4], [5], [5]] },
      { shapes: [[4, 0], [5, 0], [5], [5]] },
    ],
    inputs: [
      { low: -2, high: 2 },
      { low: -127, high: 128, dtype: 'i8' },
      { low: 0.01, high: 0.02, dtype: 'f32' },
      { low: -1, high: 1, dtype: 'f32' },
    ],
    dtypes: ['f32'],
    gradients: [],
    torch: { none: 'torch.nn.quantized.dynamic.Linear quantises x with one scale for all rows' },
    rejects: [
      {
        call: () => quantizedLinear(zeros([2, 3]), zeros([4, 3]), zeros([4])),
        message: /quantizedLinear: weight must be i8, got f32 \[4,3\]; make it with quantize\(weight\)/,
      },
      {
        call: () => quantizedLinear(zeros([2, 3], { dtype: 'f64' }), zeros([4, 3], { dtype: 'i8' }), zeros([4])),
        message: /quantizedLinear: x must be f32, got f64 \[2,3\]/,
      },
      {
        call: () => quantizedLinear(zeros([2, 3]), zeros([4, 5], { dtype: 'i8' }), zeros([4])),
        message: /quantizedLinear: x \[2,3\] and weight \[4,5\] do not agree on in \(3 vs 5\)/,
      },
      {
        call: () => quantizedLinear(zeros([2, 3]), zeros([4, 3], { dtype: 'i8' }), zeros([3])),
        message: /quantizedLinear: scale f32 \[3\] must be f32 \[4\]/,
      },
      {
        call: () => quantizedLinear(zeros([2, 3]), zeros([4, 3], { dtype: 'i8' }), zeros([4]), zeros([5])),
        message: /quantizedLinear: bias f32 \[5\] must be f32 \[4\]/,
      },
    ],
    bench: [{ shapes: [[64, 1024], [1024, 1024], [1024]] }],
    flops: ([x, weight]) => 2 * (x ?? []).reduce((p, q) => p * q, 1) * (weight?.[0] ?? 1),
  }),
];
