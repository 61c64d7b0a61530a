import {
  chunk,
  diagonal,
  flip,
  narrow,
  select,
  slice,
  split,
  tril,
  triu,
  unbind,
  zeros,
  type Range,
  type Tensor,
} from '../../src/index.js';
import { at, build, drop, insert, pick, withAt, type Nd } from '../helpers/nd.js';
import { a345, every, moves, type Row } from './row.js';

/** NumPy's start:stop:step as a list of positions. */
function positions(range: Range | null, n: number): number[] {
  const [start, stop = null, step = null] = range ?? [null];
  const by = step ?? 1;
  const clip = (v: number, low: number, high: number): number => Math.min(Math.max(v < 0 ? v + n : v, low), high);
  const from = start === null ? (by > 0 ? 0 : n - 1) : clip(start, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
  const to = stop === null ? (by > 0 ? n : -1) : clip(stop, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
  const found: number[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) found.push(i);
  return found;
}

const piece = (x: Nd, axis: number, start: number, n: number): Nd =>
  pick(x, withAt(x.shape, axis, n), (index) => withAt(index, axis, index[axis]! + start));

function naiveSplit(x: Nd, sizes: readonly number[], axis: number): Nd[] {
  let start = 0;
  return sizes.map((n) => {
    const y = piece(x, axis, start, n);
    start += n;
    return y;
  });
}

const torchSlice =
  "(lambda t: ([t := t.index_select(d, torch.tensor(list(range(*slice(*(list(r) + [None] * (3 - len(r)))).indices(t.shape[d]))), dtype=torch.int64)) for d, r in enumerate(a['ranges']) if r is not None], t)[1])(x[0])";

export const movementParts = [
  moves<{ ranges: (Range | null)[] }>({
    name: 'slice',
    ops: ['slice', 'place'],
    call: ([x], { ranges }) => slice(x!, ranges),
    naive: ([x], { ranges }) => {
      const kept = x!.shape.map((n, d) => positions(ranges[d] ?? null, n));
      return pick(
        x!,
        kept.map((list) => list.length),
        (index) => index.map((i, d) => kept[d]![i]!),
      );
    },
    cases: [
      { ...a345, attrs: { ranges: [[1], null, [0, 5, 2]] } },
      {
        ...a345,
        attrs: {
          ranges: [
            [-2, null],
            [null, null, -1],
            [-1, 0, -2],
          ],
        },
      },
      { ...a345, attrs: { ranges: [null, [3, 1]] } },
      { shapes: [[7]], attrs: { ranges: [[-100, 100, 3]] } },
      { shapes: [[]], attrs: { ranges: [] } },
    ],
    dtypes: every,
    torch: torchSlice,
    rejects: [
      { call: () => slice(zeros([3]), [null, [0]]), message: /slice: 2 ranges for x \[3\], which has 1 axes/ },
      { call: () => slice(zeros([3]), [[0, 3, 0]]), message: /slice: the step of axis 0 is 0/ },
      { call: () => slice(zeros([3]), [[0.5]]), message: /slice: start, stop and step must be whole numbers, got 0.5 for axis 0/ },
    ],
  }),
  moves<{ axis: number; start: number; length: number }>({
    name: 'narrow',
    ops: ['slice'],
    call: ([x], { axis, start, length }) => narrow(x!, axis, start, length),
    naive: ([x], { axis, start, length }) => piece(x!, axis, start, length),
    cases: [
      { ...a345, attrs: { axis: 1, start: 1, length: 2 } },
      { ...a345, attrs: { axis: 2, start: 5, length: 0 } },
    ],
    torch: "x[0].narrow(a['axis'], a['start'], a['length'])",
    rejects: [{ call: () => narrow(zeros([2, 3]), 1, 2, 2), message: /narrow: elements 2 .. 4 are not all on axis 1 of x \[2,3\]/ }],
  }),
  moves<{ axis: number[] } | undefined>({
    name: 'flip',
    ops: ['slice'],
    call: ([x], a) => flip(x!, a?.axis),
    naive: ([x], a) => pick(x!, x!.shape, (index) => index.map((i, d) => ((a?.axis ?? [0, 1, 2]).includes(d) ? x!.shape[d]! - 1 - i : i))),
    cases: [a345, { ...a345, attrs: { axis: [1] } }, { shapes: [[0, 3]] }, { shapes: [[]] }],
    bench: [{ shapes: [[300, 401]] }],
    torch: "x[0].flip(a['axis'] if a else list(range(x[0].dim())))",
    rejects: [{ call: () => flip(zeros([2, 3]), [1, -1]), message: /flip: axis -1 is named twice for x \[2,3\]/ }],
  }),
  moves<{ axis: number; index: number }>({
    name: 'select',
    call: ([x], { axis, index }) => select(x!, axis, index),
    naive: ([x], { axis, index }) => pick(x!, drop(x!.shape, axis), (i) => insert(i, axis, (index + x!.shape[axis]!) % x!.shape[axis]!)),
    cases: [
      { ...a345, attrs: { axis: 1, index: 2 } },
      { ...a345, attrs: { axis: 0, index: -1 } },
      { shapes: [[4]], attrs: { axis: 0, index: 0 } },
    ],
    torch: "x[0].select(a['axis'], a['index'])",
    rejects: [{ call: () => select(zeros([2, 3]), 1, 3), message: /select: index 3 is out of range for axis 1 of x \[2,3\]/ }],
  }),
  moves<{ axis: number }>({
    name: 'unbind',
    ops: ['select'],
    call: ([x], { axis }) => unbind(x!, axis),
    naive: ([x], { axis }) => Array.from({ length: x!.shape[axis]! }, (_, k) => pick(x!, drop(x!.shape, axis), (i) => insert(i, axis, k))),
    cases: [
      { ...a345, attrs: { axis: 1 } },
      { shapes: [[2]], attrs: { axis: 0 } },
    ],
    torch: "torch.unbind(x[0], a['axis'])",
    rejects: [{ call: () => unbind(zeros([])), message: /unbind: axis 0 does not exist in x \[\]; it is a scalar/ }],
  }),
  moves<{ size: number | number[]; axis: number }>({
    name: 'split',
    ops: ['slice'],
    call: ([x], { size: n, axis }) => split(x!, n, axis),
    naive: ([x], { size: n, axis }) => naiveSplit(x!, typeof n === 'number' ? [n, n, x!.shape[axis]! - 2 * n] : n, axis),
    cases: [
      { ...a345, attrs: { size: 2, axis: 2 } },
      { ...a345, attrs: { size: [1, 3, 0], axis: 1 } },
    ],
    torch: "torch.split(x[0], a['size'], a['axis'])",
    rejects: [
      { call: () => split(zeros([5]), [2, 2]), message: /split: sizes \[2,2\] do not add up to axis 0 of x \[5\]/ },
      { call: () => split(zeros([5]), 0), message: /split: size must be a whole number >= 1, got 0/ },
    ],
  }),
  moves<{ count: number; axis: number }>({
    name: 'chunk',
    ops: ['slice'],
    call: ([x], { count, axis }) => chunk(x!, count, axis),
    naive: ([x], { axis }) => naiveSplit(x!, [2, 2, 1], axis),
    cases: [
      { ...a345, attrs: { count: 3, axis: 2 } },
      { shapes: [[5]], attrs: { count: 3, axis: 0 } },
    ],
    torch: "torch.chunk(x[0], a['count'], a['axis'])",
    rejects: [{ call: () => chunk(zeros([5]), 0), message: /chunk: count must be a whole number >= 1, got 0/ }],
  }),
  moves<{ offset: number; axes?: [number, number] }>({
    name: 'diagonal',
    ops: ['diagonal', 'diagonalGrad'],
    call: ([x], { offset, axes = [-2, -1] }) => diagonal(x!, offset, ...axes),
    naive: ([x], { offset, axes = [-2, -1] }) => {
      const rank = x!.shape.length;
      const [p, q] = axes.map((d) => (d + rank) % rank) as [number, number];
      const others = x!.shape.map((_, d) => d).filter((d) => d !== p && d !== q);
      const length = Math.max(0, Math.min(x!.shape[p]! + Math.min(offset, 0), x!.shape[q]! - Math.max(offset, 0)));
      return pick(x!, [...others.map((d) => x!.shape[d]!), length], (index) => {
        const i = index[index.length - 1]!;
        return x!.shape.map((_, d) => (d === p ? i + Math.max(-offset, 0) : d === q ? i + Math.max(offset, 0) : index[others.indexOf(d)]!));
      });
    },
    cases: [
      { shapes: [[3, 4]], attrs: { offset: 0 } },
      { ...a345, attrs: { offset: -1, axes: [0, 2] } },
      { ...a345, attrs: { offset: 2, axes: [-1, 0] } },
      { shapes: [[2, 2]], attrs: { offset: 5 } },
    ],
    torch: "torch.diagonal(x[0], a['offset'], *a.get('axes', [-2, -1]))",
    rejects: [{ call: () => diagonal(zeros([2, 3]), 0, 1, -1), message: /diagonal: axes 1 and -1 of x \[2,3\] are the same/ }],
  }),
  triangular('tril', tril, (i, j, k) => j <= i + k),
  triangular('triu', triu, (i, j, k) => j >= i + k),
];

function triangular(name: string, op: (x: Tensor, k?: number) => Tensor, keep: (i: number, j: number, k: number) => boolean): Row<never> {
  return moves<{ k: number } | undefined>({
    name,
    ops: ['triangle'],
    call: ([x], a) => op(x!, a?.k),
    naive: ([x], a) => build(x!.shape, (index) => (keep(index.at(-2)!, index.at(-1)!, a?.k ?? 0) ? at(x!, index) : 0)),
    cases: [
      { shapes: [[4, 5]] },
      { shapes: [[2, 5, 3]], attrs: { k: 1 } },
      { shapes: [[3, 4]], attrs: { k: -2 } },
      { shapes: [[3, 4]], attrs: { k: 9 } },
      { shapes: [[0, 3]] },
    ],
    dtypes: every,
    bench: [{ shapes: [[3, 200, 301]] }],
    torch: `torch.${name}(x[0], a['k'] if a else 0)`,
    rejects: [
      { call: () => op(zeros([3])), message: new RegExp(`${name}: x \\[3\\] must have at least two axes`) },
      { call: () => op(zeros([3, 3]), 0.5), message: new RegExp(`${name}: k must be a whole number, got 0.5`) },
    ],
  });
}
