import {
  ceil,
  cos,
  erf,
  exp,
  expm1,
  floor,
  log,
  log1p,
  log2,
  reciprocal,
  round,
  rsqrt,
  sin,
  sqrt,
  square,
  tensor,
  trunc,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { map } from '../helpers/nd.js';
import * as special from '../helpers/special.js';
import { row, type Case, type Draw, type Reject, type Row } from './row.js';

const cases: Case[] = [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[0, 4]] }, { shapes: [[67]] }];
const hot: Case[] = [{ shapes: [[1024, 1024]] }];

/** What every floating function says of integers and of what is no tensor. */
function rejects(name: string, op: (x: Tensor) => Tensor): Reject[] {
  return [
    {
      call: () => op(zeros([2, 3], { dtype: 'i32' })),
      message: new RegExp(`^${name}: x must be floating, got i32 \\[2,3\\]; convert it with to\\('f32'\\)`),
    },
    { call: () => op([1, 2] as unknown as Tensor), message: new RegExp(`^${name}: x must be a tensor, got an object \\(Array\\)`) },
  ];
}

/** A row for a function of one number. */
function unary(
  name: string,
  op: (x: Tensor) => Tensor,
  naive: (v: number) => number,
  torch: string,
  range: Draw,
  more: Partial<Row> = {},
): Row<never> {
  return row({
    name,
    call: ([x]) => op(x!),
    naive: ([x]) => map(x!, naive),
    cases,
    inputs: [range],
    torch,
    rejects: rejects(name, op),
    ...more,
  });
}

const all: Draw = { low: -4, high: 4 };
const positive: Draw = { low: 0.1, high: 4 };
/** Steps: the gradient is the constant 0, away from the jumps at `at` + whole numbers. */
const step = (at: number): Partial<Row> => ({ secondOrder: false, kink: (v) => Math.abs(v - at - Math.round(v - at)) < 1e-3 });

/** Ties go to the even neighbour. */
function roundEven(v: number): number {
  const below = Math.floor(v);
  if (v - below !== 0.5) return Math.round(v);
  return below % 2 === 0 ? below : below + 1;
}

export const functions = [
  unary('exp', exp, Math.exp, 'x[0].exp()', all, { bench: hot }),
  unary('expm1', expm1, Math.expm1, 'x[0].expm1()', all),
  unary('log', log, Math.log, 'x[0].log()', positive, { bench: hot }),
  unary('log1p', log1p, Math.log1p, 'x[0].log1p()', { low: -0.9, high: 4 }),
  unary('log2', log2, Math.log2, 'x[0].log2()', positive),
  unary('sqrt', sqrt, Math.sqrt, 'x[0].sqrt()', positive, { bench: hot }),
  unary('rsqrt', rsqrt, (v) => 1 / Math.sqrt(v), 'x[0].rsqrt()', { low: 0.3, high: 4 }),
  unary('reciprocal', reciprocal, (v) => 1 / v, 'x[0].reciprocal()', { low: 0.3, high: 4 }),
  unary('square', square, (v) => v * v, 'x[0].square()', all, {
    dtypes: ['f32', 'f64', 'i32', 'i64'],
    rejects: [{ call: () => square(tensor([true])), message: /^square: x must hold numbers, got bool \[1\]/ }],
  }),
  unary('sin', sin, Math.sin, 'x[0].sin()', { low: -20, high: 20 }, { bench: hot }),
  unary('cos', cos, Math.cos, 'x[0].cos()', { low: -20, high: 20 }),
  unary('erf', erf, special.erf, 'x[0].erf()', all, { bench: hot }),
  unary('floor', floor, Math.floor, 'x[0].floor()', all, step(0)),
  unary('ceil', ceil, Math.ceil, 'x[0].ceil()', all, step(0)),
  unary('round', round, roundEven, 'x[0].round()', all, step(0.5)),
  unary('trunc', trunc, Math.trunc, 'x[0].trunc()', all, step(0)),
];
