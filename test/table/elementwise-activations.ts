import {
  clamp,
  elu,
  gelu,
  hardtanh,
  leakyRelu,
  mish,
  relu,
  sigmoid,
  silu,
  softplus,
  tanh,
  tensor,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { map } from '../helpers/nd.js';
import { normal } from '../helpers/special.js';
import { row, type Case, type Draw, type Reject } from './row.js';

const shapes = [[3, 5], [], [0, 4], [67]] as const;
const cases: Case[] = shapes.map((shape) => ({ shapes: [shape] }));
const hot: Case[] = [{ shapes: [[1024, 1024]] }];
const range: readonly Draw[] = [{ low: -5, high: 5 }];

function casesWith<A>(...attrs: readonly A[]): Case<A>[] {
  return attrs.flatMap((one) => shapes.map((shape) => ({ shapes: [shape], attrs: one })));
}

function rejects(name: string, op: (x: Tensor) => Tensor): Reject[] {
  return [
    {
      call: () => op(zeros([2, 3], { dtype: 'i64' })),
      message: new RegExp(`^${name}: x must be floating, got i64 \\[2,3\\]; convert it with to\\('f32'\\)`),
    },
    { call: () => op(7 as unknown as Tensor), message: new RegExp(`^${name}: x must be a tensor, got number`) },
  ];
}

/** Near one of these a function has a kink or a jump. */
const near =
  (...points: number[]) =>
  (v: number): boolean =>
    points.some((p) => Math.abs(v - p) < 1e-3);

const logistic = (v: number): number => 1 / (1 + Math.exp(-v));

export const activations = [
  row({
    name: 'tanh',
    call: ([x]) => tanh(x!),
    naive: ([x]) => map(x!, Math.tanh),
    cases,
    inputs: range,
    torch: 'x[0].tanh()',
    rejects: rejects('tanh', tanh),
    bench: hot,
  }),
  row({
    name: 'sigmoid',
    call: ([x]) => sigmoid(x!),
    naive: ([x]) => map(x!, logistic),
    cases,
    inputs: range,
    torch: 'x[0].sigmoid()',
    rejects: rejects('sigmoid', sigmoid),
    bench: hot,
  }),
  row({
    name: 'relu',
    call: ([x]) => relu(x!),
    naive: ([x]) => map(x!, (v) => Math.max(v, 0)),
    cases,
    dtypes: ['f32', 'f64', 'i32', 'i64'],
    inputs: range,
    kink: near(0),
    torch: 'F.relu(x[0])',
    rejects: [{ call: () => relu(tensor([true])), message: /^relu: x must hold numbers, got bool \[1\]/ }],
    bench: hot,
  }),
  row<{ slope: number }>({
    name: 'leakyRelu',
    call: ([x], { slope }) => leakyRelu(x!, slope),
    naive: ([x], { slope }) => map(x!, (v) => (v > 0 ? v : slope * v)),
    cases: casesWith({ slope: 0.01 }, { slope: -0.5 }),
    inputs: range,
    kink: near(0),
    torch: 'F.leaky_relu(x[0], a["slope"])',
    rejects: [
      ...rejects('leakyRelu', leakyRelu),
      { call: () => leakyRelu(zeros([1]), NaN), message: /^leakyRelu: slope must be a number, got NaN/ },
    ],
  }),
  row<{ alpha: number }>({
    name: 'elu',
    call: ([x], { alpha }) => elu(x!, alpha),
    naive: ([x], { alpha }) => map(x!, (v) => (v > 0 ? v : alpha * Math.expm1(v))),
    cases: casesWith({ alpha: 1 }, { alpha: 0.3 }),
    inputs: range,
    kink: near(0),
    torch: 'F.elu(x[0], a["alpha"])',
    rejects: [
      ...rejects('elu', elu),
      { call: () => elu(zeros([1]), '1' as unknown as number), message: /^elu: alpha must be a number, got string/ },
    ],
  }),
  row<{ approximate: 'none' | 'tanh' }>({
    name: 'gelu',
    ops: ['gelu', 'geluTanh'],
    call: ([x], { approximate }) => gelu(x!, { approximate }),
    naive: ([x], { approximate }) =>
      map(x!, (v) => v * (approximate === 'none' ? normal(v) : logistic(2 * Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))),
    cases: casesWith<{ approximate: 'none' | 'tanh' }>({ approximate: 'none' }, { approximate: 'tanh' }),
    inputs: range,
    // Left of -1 PyTorch's own forms lose digits to cancellation: there, the same functions written without it.
    torch:
      'torch.where(x[0] > -1, F.gelu(x[0], approximate=a["approximate"]), x[0] * (0.5 * torch.erfc(-x[0] / math.sqrt(2)) if a["approximate"] == "none" ' +
      'else torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x[0] + 0.044715 * x[0] ** 3))))',
    rejects: [
      ...rejects('gelu', gelu),
      {
        call: () => gelu(zeros([1]), { approximate: 'fast' as unknown as 'tanh' }),
        message: /^gelu: approximate must be 'none' or 'tanh', got "fast"/,
      },
      {
        call: () => gelu(zeros([1]), { approximat: 'tanh' } as unknown as object),
        message: /^gelu: unknown option "approximat"; did you mean approximate\?/,
      },
    ],
    bench: [
      { shapes: [[1024, 1024]], attrs: { approximate: 'none' } },
      { shapes: [[1024, 1024]], attrs: { approximate: 'tanh' } },
    ],
  }),
  row({
    name: 'silu',
    call: ([x]) => silu(x!),
    naive: ([x]) => map(x!, (v) => v * logistic(v)),
    cases,
    inputs: range,
    torch: 'F.silu(x[0])',
    rejects: rejects('silu', silu),
    bench: hot,
  }),
  row({
    name: 'mish',
    call: ([x]) => mish(x!),
    naive: ([x]) => map(x!, (v) => v * Math.tanh(Math.log1p(Math.exp(v)))),
    cases,
    inputs: range,
    torch: 'F.mish(x[0])',
    rejects: rejects('mish', mish),
  }),
  row<{ beta: number; threshold: number }>({
    name: 'softplus',
    call: ([x], attrs) => softplus(x!, attrs),
    naive: ([x], { beta, threshold }) => map(x!, (v) => (beta * v > threshold ? v : Math.log1p(Math.exp(beta * v)) / beta)),
    cases: casesWith({ beta: 1, threshold: 20 }, { beta: 2, threshold: 3 }),
    inputs: range,
    kink: near(1.5),
    torch: 'F.softplus(x[0], a["beta"], a["threshold"])',
    rejects: [
      ...rejects('softplus', softplus),
      { call: () => softplus(zeros([1]), { beta: 0 }), message: /^softplus: beta must not be 0/ },
      {
        call: () => softplus(zeros([1]), { bta: 1 } as unknown as object),
        message: /^softplus: unknown option "bta"; did you mean beta\?/,
      },
    ],
  }),
  row<{ low: number; high: number }>({
    name: 'clamp',
    call: ([x], { low, high }) => clamp(x!, low, high),
    naive: ([x], { low, high }) => map(x!, (v) => Math.min(Math.max(v, low), high)),
    cases: casesWith({ low: -1, high: 2 }, { low: 2, high: -1 }),
    dtypes: ['f32', 'f64', 'i32', 'i64'],
    inputs: range,
    kink: near(-1, 2),
    torch: 'x[0].clamp(a["low"], a["high"])',
    rejects: [
      { call: () => clamp(zeros([1]), NaN), message: /^clamp: low must be a number, got NaN/ },
      { call: () => clamp(zeros([1]), 0, null as unknown as number), message: /^clamp: high must be a number, got null/ },
      { call: () => clamp(tensor([true]), 0, 1), message: /^clamp: x must hold numbers, got bool \[1\]/ },
    ],
  }),
  row({
    name: 'hardtanh',
    ops: ['clamp'],
    call: ([x]) => hardtanh(x!),
    naive: ([x]) => map(x!, (v) => Math.min(Math.max(v, -1), 1)),
    cases,
    inputs: range,
    kink: near(-1, 1),
    torch: 'F.hardtanh(x[0])',
    rejects: [{ call: () => hardtanh(zeros([1]), NaN), message: /^clamp: low must be a number, got NaN/ }],
  }),
];
