import {
  abs,
  add,
  div,
  floorDivide,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  remainder,
  sign,
  sub,
  tensor,
  to,
  where,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { map, zip } from '../helpers/nd.js';
import { row, type Case, type Draw, type Reject } from './row.js';

const pairs: Case[] = [
  {
    shapes: [
      [3, 5],
      [3, 5],
    ],
  },
  { shapes: [[3, 1], [5]] },
  { shapes: [[], [2, 2]] },
  { shapes: [[4, 1, 3], []] },
  { shapes: [[67], [1]] },
  { shapes: [[0, 4], [4]] },
];
const hot: Case[] = [
  {
    shapes: [
      [1024, 1024],
      [1024, 1024],
    ],
  },
];
const away: readonly Draw[] = [
  { low: -2, high: 2 },
  { low: 0.5, high: 2 },
];
const wholes: readonly DType[] = ['f32', 'f64', 'i32', 'i64'];

type Binary = (x: Tensor, y: Tensor | number) => Tensor;

/** What every binary op says of shapes and operands that do not fit. */
function binaryRejects(name: string, op: Binary): Reject[] {
  return [
    {
      call: () => op(zeros([2]), zeros([3])),
      message: new RegExp(`^${name}: cannot broadcast x \\[2\\] with y \\[3\\] \\(axis -1: 2 vs 3\\)`),
    },
    { call: () => op(tensor([1]), 'a' as unknown as number), message: new RegExp(`^${name}: y must be a tensor or a number, got string`) },
    { call: () => op(3 as unknown as Tensor, 2), message: new RegExp(`^${name}: x must be a tensor, got number`) },
  ];
}

const boolReject = (name: string, op: Binary): Reject => ({
  call: () => op(tensor([true]), tensor([true])),
  message: new RegExp(`^${name}: x must hold numbers, got bool \\[1\\]`),
});

/** As Python's %. */
function pythonRemainder(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

export const elementwise = [
  row({
    name: 'add',
    call: ([x, y]) => add(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a + b),
    cases: pairs,
    dtypes: [...wholes, 'u8'],
    torch: 'x[0] + x[1]',
    rejects: binaryRejects('add', add),
    bench: hot,
  }),
  row({
    name: 'sub',
    call: ([x, y]) => sub(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a - b),
    cases: pairs,
    dtypes: wholes,
    torch: 'x[0] - x[1]',
    rejects: binaryRejects('sub', sub),
    bench: hot,
  }),
  row({
    name: 'mul',
    ops: ['mul', 'mulScalar'],
    call: ([x, y]) => mul(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a * b),
    cases: pairs,
    dtypes: [...wholes, 'u8'],
    torch: 'x[0] * x[1]',
    rejects: binaryRejects('mul', mul),
    bench: hot,
  }),
  row({
    name: 'mulScalar',
    call: ([x]) => mul(x!, -1.5),
    naive: ([x]) => map(x!, (v) => v * -1.5),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }],
    torch: 'x[0] * -1.5',
    rejects: [{ call: () => mul(undefined as unknown as Tensor, 2), message: /^mul: x must be a tensor, got undefined/ }],
  }),
  row({
    name: 'div',
    ops: ['div', 'divScalar'],
    call: ([x, y]) => div(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a / b),
    cases: pairs,
    inputs: away,
    torch: 'x[0] / x[1]',
    rejects: binaryRejects('div', div),
    bench: hot,
  }),
  row({
    name: 'divScalar',
    call: ([x]) => div(x!, 3),
    naive: ([x]) => map(x!, (v) => v / 3),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }],
    torch: 'x[0] / 3',
    rejects: [{ call: () => div(null as unknown as Tensor, 2), message: /^div: x must be a tensor, got null/ }],
  }),
  row({
    name: 'remainder',
    call: ([x, y]) => remainder(x!, y!),
    naive: ([x, y]) => zip(x!, y!, pythonRemainder),
    cases: pairs,
    dtypes: wholes,
    inputs: [
      { low: -20, high: 20 },
      { low: 1, high: 7 },
    ],
    torch: 'torch.remainder(x[0], x[1])',
    rejects: [
      ...binaryRejects('remainder', remainder),
      boolReject('remainder', remainder),
      {
        call: () => remainder(tensor([1, 2], { dtype: 'i32' }), tensor([1, 0], { dtype: 'i32' })),
        message: /^remainder: integer division by zero/,
      },
    ],
  }),
  row({
    name: 'floorDivide',
    call: ([x, y]) => floorDivide(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => Math.floor(a / b)),
    cases: pairs,
    dtypes: wholes,
    inputs: [
      { low: -20, high: 20 },
      { low: 1, high: 7 },
    ],
    gradients: [],
    torch: 'torch.div(x[0], x[1], rounding_mode="floor")',
    rejects: [
      ...binaryRejects('floorDivide', floorDivide),
      boolReject('floorDivide', floorDivide),
      { call: () => floorDivide(tensor([1], { dtype: 'i64' }), 0), message: /^floorDivide: integer division by zero/ },
    ],
  }),
  row({
    name: 'maximum',
    call: ([x, y]) => maximum(x!, y!),
    naive: ([x, y]) => zip(x!, y!, Math.max),
    cases: pairs,
    dtypes: [...wholes, 'u8'],
    torch: 'torch.maximum(x[0], x[1])',
    rejects: [...binaryRejects('maximum', maximum), boolReject('maximum', maximum)],
  }),
  row({
    name: 'minimum',
    call: ([x, y]) => minimum(x!, y!),
    naive: ([x, y]) => zip(x!, y!, Math.min),
    cases: pairs,
    dtypes: [...wholes, 'u8'],
    torch: 'torch.minimum(x[0], x[1])',
    rejects: [...binaryRejects('minimum', minimum), boolReject('minimum', minimum)],
  }),
  row({
    name: 'pow',
    call: ([x, y]) => pow(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a ** b),
    cases: pairs,
    inputs: [
      { low: 0.2, high: 2 },
      { low: -2, high: 2 },
    ],
    torch: 'x[0] ** x[1]',
    rejects: [...binaryRejects('pow', pow), boolReject('pow', pow)],
    bench: hot,
  }),
  row({
    name: 'neg',
    call: ([x]) => neg(x!),
    naive: ([x]) => map(x!, (v) => -v),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }, { shapes: [[67]] }],
    dtypes: wholes,
    torch: '-x[0]',
    rejects: [{ call: () => neg(tensor([true])), message: /^neg: x must hold numbers, got bool \[1\]/ }],
  }),
  row({
    name: 'abs',
    call: ([x]) => abs(x!),
    naive: ([x]) => map(x!, Math.abs),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }, { shapes: [[67]] }],
    dtypes: [...wholes, 'u8'],
    kink: (v) => Math.abs(v) < 1e-3,
    torch: 'x[0].abs()',
    rejects: [{ call: () => abs(tensor([true])), message: /^abs: x must hold numbers, got bool \[1\]/ }],
  }),
  row({
    name: 'sign',
    call: ([x]) => sign(x!),
    naive: ([x]) => map(x!, Math.sign),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }, { shapes: [[67]] }],
    dtypes: [...wholes, 'u8'],
    kink: (v) => Math.abs(v) < 1e-3,
    secondOrder: false, // the gradient is the constant 0
    torch: 'x[0].sign()',
    rejects: [{ call: () => sign(tensor([true])), message: /^sign: x must hold numbers, got bool \[1\]/ }],
  }),
  row({
    name: 'where',
    call: ([c, x, y]) => where(c!, x!, y!),
    naive: ([c, x, y]) => {
      const first = zip(c!, x!, (k, a) => (k !== 0 ? a : NaN));
      const second = zip(c!, y!, (k, b) => (k !== 0 ? NaN : b));
      return zip(first, second, (a, b) => (Number.isNaN(a) ? b : a));
    },
    cases: [
      {
        shapes: [
          [3, 5],
          [3, 5],
          [3, 5],
        ],
      },
      { shapes: [[3, 1], [5], []] },
      { shapes: [[], [2, 2], [2]] },
      { shapes: [[67], [67], [1]] },
      { shapes: [[0, 4], [4], []] },
    ],
    dtypes: [...wholes, 'u8', 'bool'],
    inputs: [
      { low: 0, high: 2, dtype: 'bool' },
      { low: -2, high: 2 },
    ],
    torch: 'torch.where(x[0].bool(), x[1], x[2])',
    rejects: [
      {
        call: () => where(zeros([2], { dtype: 'bool' }), zeros([3]), zeros([3])),
        message: /^where: cannot broadcast condition \[2\] with x and y \[3\] \(axis -1: 2 vs 3\)/,
      },
      { call: () => where(zeros([2]), zeros([3]), zeros([4])), message: /^where: cannot broadcast x \[3\] with y \[4\]/ },
      { call: () => where(true as unknown as Tensor, 1, 2), message: /^where: condition must be a tensor, got boolean/ },
      {
        call: () => where(zeros([1]), '1' as unknown as number, zeros([1])),
        message: /^where: x must be a tensor or a number, got string/,
      },
    ],
  }),
  row<{ dtype: DType }>({
    name: 'to',
    ops: ['cast'],
    call: ([x], { dtype }) => to(x!, dtype),
    naive: ([x], { dtype }) => map(x!, (v) => (dtype === 'bool' ? Number(v !== 0) : dtype.startsWith('f') ? v : Math.trunc(v))),
    cases: [
      { shapes: [[3, 5]], attrs: { dtype: 'f32' } },
      { shapes: [[3, 5]], attrs: { dtype: 'f64' } },
      { shapes: [[67]], attrs: { dtype: 'i32' } },
      { shapes: [[2, 3]], attrs: { dtype: 'i64' } },
      { shapes: [[]], attrs: { dtype: 'bool' } },
      { shapes: [[0, 4]], attrs: { dtype: 'u8' } },
    ],
    dtypes: [...wholes, 'u8', 'bool'],
    inputs: [{ low: 0, high: 100 }],
    gradients: [], // finite differences of a rounding say nothing; test/elementwise has its gradient
    torch: { none: 'dtypes are spelled differently; test/elementwise has the special values' },
    rejects: [{ call: () => to(zeros([1]), 'f8' as unknown as DType), message: /^to: unknown dtype f8; dtypes are f32, f64/ }],
  }),
];
