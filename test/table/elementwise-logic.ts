import {
  eq,
  ge,
  gt,
  isFinite,
  isInf,
  isNaN,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { map, zip } from '../helpers/nd.js';
import { row, type Row } from './row.js';

const dtypes: readonly DType[] = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'];

/** A row for a question about two tensors. */
function predicate(
  name: string,
  op: (x: Tensor, y: Tensor | number) => Tensor,
  naive: (a: number, b: number) => boolean,
  torch: string,
): Row<never> {
  return row({
    name,
    call: ([x, y]) => op(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => Number(naive(a, b))),
    cases: [
      {
        shapes: [
          [3, 5],
          [3, 5],
        ],
      },
      { shapes: [[3, 1], [5]] },
      { shapes: [[], [2, 2]] },
      { shapes: [[130], [130]] },
      { shapes: [[0, 4], [4]] },
    ],
    dtypes,
    gradients: [],
    torch,
    rejects: [
      {
        call: () => op(zeros([2]), zeros([3])),
        message: new RegExp(`^${name}: cannot broadcast x \\[2\\] with y \\[3\\] \\(axis -1: 2 vs 3\\)`),
      },
      { call: () => op(tensor([1]), {} as unknown as Tensor), message: new RegExp(`^${name}: y must be a tensor or a number`) },
    ],
  });
}

/** A row for a question about one tensor. */
function question(name: string, op: (x: Tensor) => Tensor, naive: (a: number) => boolean, torch: string): Row<never> {
  return row({
    name,
    call: ([x]) => op(x!),
    naive: ([x]) => map(x!, (v) => Number(naive(v))),
    cases: [{ shapes: [[3, 5]] }, { shapes: [[]] }, { shapes: [[130]] }, { shapes: [[0, 4]] }],
    dtypes,
    gradients: [],
    torch,
    rejects: [{ call: () => op(1 as unknown as Tensor), message: new RegExp(`^${name}: x must be a tensor, got number`) }],
  });
}

const truth = (v: number): boolean => v !== 0;

export const logic = [
  predicate('eq', eq, (a, b) => a === b, 'x[0] == x[1]'),
  predicate('ne', ne, (a, b) => a !== b, 'x[0] != x[1]'),
  predicate('lt', lt, (a, b) => a < b, 'x[0] < x[1]'),
  predicate('le', le, (a, b) => a <= b, 'x[0] <= x[1]'),
  predicate('gt', gt, (a, b) => a > b, 'x[0] > x[1]'),
  predicate('ge', ge, (a, b) => a >= b, 'x[0] >= x[1]'),
  predicate('logicalAnd', logicalAnd, (a, b) => truth(a) && truth(b), 'torch.logical_and(x[0], x[1])'),
  predicate('logicalOr', logicalOr, (a, b) => truth(a) || truth(b), 'torch.logical_or(x[0], x[1])'),
  predicate('logicalXor', logicalXor, (a, b) => truth(a) !== truth(b), 'torch.logical_xor(x[0], x[1])'),
  question('logicalNot', logicalNot, (v) => !truth(v), 'torch.logical_not(x[0])'),
  question('isNaN', isNaN, Number.isNaN, 'torch.isnan(x[0])'),
  question('isFinite', isFinite, Number.isFinite, 'torch.isfinite(x[0])'),
  question('isInf', isInf, (v) => Math.abs(v) === Infinity, 'torch.isinf(x[0])'),
];
