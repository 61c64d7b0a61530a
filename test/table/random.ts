import { bernoulli, dropout, fromArray, manualSeed, normal_, uniform_, zeros, type Tensor } from '../../src/index.js';
import { byPosition, longWord, normal, unit, word } from '../helpers/philox.js';
import { row } from './row.js';

const seed = 7;
const none = 'the numbers are ours: they are compared with a reference of Philox in plain arithmetic';

/** The call under a fixed seed, so that it can be repeated. */
function seeded<T>(fn: () => T): T {
  manualSeed(seed);
  return fn();
}

export const random = [
  row<{ p: number }>({
    name: 'dropout',
    call: ([x], { p }) => seeded(() => dropout(x!, p)),
    // y = x / (1 - p) where the element's word, cut to 24 bits, is not below p
    naive: ([x], { p }) =>
      byPosition(x!.shape, (i) => (word(seed, 0, i) >>> 8 >= Math.floor(p * 2 ** 24) && p < 1 ? x!.data[i]! / (1 - p) : 0)),
    cases: [
      { shapes: [[6, 37]], attrs: { p: 0.25 } },
      { shapes: [[3, 2, 5]], attrs: { p: 0.5 } },
      { shapes: [[]], attrs: { p: 0.5 } },
      { shapes: [[0, 4]], attrs: { p: 0.5 } },
      { shapes: [[7]], attrs: { p: 1 } },
    ],
    torch: { none },
    rejects: [
      { call: () => dropout(zeros([2, 3]), 1.5), message: /dropout: p must be a probability in \[0, 1\], got 1.5/ },
      { call: () => dropout(zeros([2]), NaN), message: /dropout: p must be a probability in \[0, 1\], got NaN/ },
      { call: () => dropout(zeros([2, 3], { dtype: 'i32' })), message: /dropout: x must be floating, got i32 \[2,3\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { p: 0.1 } }],
  }),
  row({
    name: 'bernoulli',
    call: ([p]) => seeded(() => bernoulli(p!)),
    naive: ([p]) => byPosition(p!.shape, (i) => (Number(longWord(seed, 0, i) >> 11n) * 2 ** -53 < p!.data[i]! ? 1 : 0)),
    cases: [{ shapes: [[6, 37]] }, { shapes: [[]] }, { shapes: [[0, 4]] }],
    inputs: [{ low: 0, high: 1 }],
    gradients: [],
    bench: [{ shapes: [[100_003]] }],
    torch: { none },
    rejects: [
      { call: () => bernoulli(zeros([2, 3], { dtype: 'i64' })), message: /bernoulli: p must be floating, got i64 \[2,3\]/ },
      { call: () => bernoulli(fromArray([0.5, 2], [2])).dataSync(), message: /bernoulli: probability 2 is not in \[0, 1\] \(element 1\)/ },
    ],
  }),
  row<{ low: number; high: number } | undefined>({
    name: 'uniform_',
    call: ([x], a) => seeded(() => uniform_(blank(x!), a?.low, a?.high)),
    naive: ([x], a) => byPosition(x!.shape, (i) => (a?.low ?? 0) + ((a?.high ?? 1) - (a?.low ?? 0)) * unit('f64', seed, 0, i)),
    cases: [{ shapes: [[6, 37]] }, { shapes: [[5]], attrs: { low: -3, high: 2 } }, { shapes: [[]] }, { shapes: [[0, 4]] }],
    bench: [{ shapes: [[100_003]] }],
    dtypes: ['f64'],
    gradients: [],
    torch: { none },
    rejects: [
      { call: () => uniform_(zeros([2, 3]), 1, 0), message: /uniform_: low 1 and high 0 must be finite with low <= high/ },
      { call: () => uniform_(zeros([2, 3]).transpose()), message: /uniform_: x \[3,2\] is a strided view/ },
      { call: () => uniform_(zeros([2], { dtype: 'u8' })), message: /uniform_: x must be floating, got u8 \[2\]/ },
      { call: () => uniform_(zeros([2], { requiresGrad: true }).add(1)), message: /uniform_: x \[2\] was computed by add/ },
    ],
  }),
  row<{ mean: number; std: number } | undefined>({
    name: 'normal_',
    call: ([x], a) => seeded(() => normal_(blank(x!), a?.mean, a?.std)),
    naive: ([x], a) => byPosition(x!.shape, (i) => (a?.mean ?? 0) + (a?.std ?? 1) * normal('f64', seed, 0, i)),
    cases: [{ shapes: [[6, 37]] }, { shapes: [[5]], attrs: { mean: -3, std: 0.5 } }, { shapes: [[]] }, { shapes: [[0, 4]] }],
    bench: [{ shapes: [[100_003]] }],
    dtypes: ['f64'],
    gradients: [],
    torch: { none },
    rejects: [
      { call: () => normal_(zeros([2, 3]), 0, -1), message: /normal_: mean 0 and std -1 must be finite with std >= 0/ },
      { call: () => normal_(zeros([2, 3]).transpose()), message: /normal_: x \[3,2\] is a strided view/ },
    ],
  }),
];

/** A new tensor like x, to be written over. */
function blank(x: Tensor): Tensor {
  return zeros(x.shape, { dtype: x.dtype });
}
