import {
  broadcastTensors,
  cat,
  chunk,
  clone,
  contiguous,
  diagonal,
  expand,
  flatten,
  flip,
  movedim,
  narrow,
  pad,
  permute,
  repeat,
  repeatInterleave,
  reshape,
  roll,
  select,
  slice,
  split,
  squeeze,
  stack,
  tile,
  transpose,
  tril,
  triu,
  unbind,
  unsqueeze,
  zeros,
  type DType,
  type PadMode,
  type Range,
  type Tensor,
} from '../../src/index.js';
import { at, build, size, zip, type Nd } from '../helpers/nd.js';
import { row, type Row } from './row.js';

const every: readonly DType[] = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'];
const some: readonly DType[] = ['f32', 'f64', 'u8'];
const a345 = { shapes: [[3, 4, 5]] };

/** An element of x for each element of a new shape. */
const pick = (x: Nd, shape: readonly number[], where: (index: readonly number[]) => readonly number[]): Nd =>
  build(shape, (index) => at(x, where(index)));
const withAt = (list: readonly number[], i: number, v: number): number[] => list.map((n, d) => (d === i ? v : n));

/** A row of a movement op: values are only moved, whatever their dtype. */
function moves<A>(r: Row<A>): Row<never> {
  return row<A>({ dtypes: some, ...r });
}

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

function naiveCat(xs: readonly Nd[], axis: number): Nd {
  const shape = withAt(
    xs[0]!.shape,
    axis,
    xs.reduce((sum, x) => sum + x.shape[axis]!, 0),
  );
  return build(shape, (index) => {
    let i = index[axis]!;
    const x = xs.find((one) => (i < one.shape[axis]! ? true : ((i -= one.shape[axis]!), false)))!;
    return at(x, withAt(index, axis, i));
  });
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

const drop = (list: readonly number[], i: number): number[] => list.filter((_, d) => d !== i);
const insert = (list: readonly number[], i: number, v: number): number[] => [...list.slice(0, i), v, ...list.slice(i)];

function naiveRepeat(x: Nd, reps: readonly number[]): Nd {
  const shape = [...Array.from({ length: reps.length - x.shape.length }, () => 1), ...x.shape];
  return pick(
    { shape, data: x.data },
    shape.map((n, d) => n * reps[d]!),
    (index) => index.map((i, d) => i % shape[d]!),
  );
}

function naivePad(x: Nd, padding: readonly number[], mode: PadMode, value: number): Nd {
  const rank = x.shape.length;
  const before = x.shape.map((_, d) => padding[2 * (rank - 1 - d)] ?? 0);
  const shape = x.shape.map((n, d) => n + before[d]! + (padding[2 * (rank - 1 - d) + 1] ?? 0));
  return build(shape, (index) => {
    let outside = false;
    const where = index.map((i, d) => {
      const n = x.shape[d]!;
      const p = i - before[d]!;
      if (p >= 0 && p < n) return p;
      outside = true;
      if (mode === 'reflect') return p < 0 ? -p : 2 * n - 2 - p;
      return mode === 'circular' ? (p + n) % n : p < 0 ? 0 : n - 1;
    });
    return outside && mode === 'constant' ? value : at(x, where);
  });
}

const torchSlice =
  "(lambda t: ([t := t.index_select(d, torch.tensor(list(range(*slice(*(list(r) + [None] * (3 - len(r)))).indices(t.shape[d]))), dtype=torch.int64)) for d, r in enumerate(a['ranges']) if r is not None], t)[1])(x[0])";

export const movement = [
  moves({
    name: 'clone',
    call: ([x]) => clone(x!),
    naive: ([x]) => x!,
    cases: [a345, { shapes: [[]] }, { shapes: [[0, 3]] }],
    dtypes: every,
    torch: 'x[0].clone()',
    rejects: [{ call: () => clone(released()), message: /clone: x \[2\] was released by dispose/ }],
    bench: [{ shapes: [[1024, 1024]] }],
  }),
  moves({
    name: 'contiguous',
    ops: ['clone'],
    call: ([x]) => contiguous(x!.transpose()),
    naive: ([x]) => pick(x!, [...x!.shape].reverse(), (index) => [...index].reverse()),
    cases: [{ shapes: [[4, 5]] }, { shapes: [[0, 3]] }],
    dtypes: every,
    torch: 'x[0].transpose(-2, -1).contiguous()',
    rejects: [{ call: () => contiguous(released().expand([3, 2])), message: /expand: x \[2\] was released by dispose/ }],
    bench: [{ shapes: [[1024, 1024]] }],
  }),
  moves<{ shape: number[] }>({
    name: 'reshape',
    call: ([x], { shape }) => reshape(x!, shape),
    naive: ([x], { shape }) => ({
      shape: shape.map((n) => (n === -1 ? -size(x!.shape) / size(shape) : n)),
      data: x!.data,
    }),
    cases: [
      { ...a345, attrs: { shape: [12, 5] } },
      { ...a345, attrs: { shape: [2, -1, 1, 3] } },
      { shapes: [[]], attrs: { shape: [1, 1] } },
      { shapes: [[0, 4]], attrs: { shape: [2, 0] } },
      { shapes: [[1, 6, 1]], attrs: { shape: [3, 1, 2] } },
    ],
    torch: "x[0].reshape(a['shape'])",
    rejects: [
      { call: () => reshape(zeros([2, 3]), [4]), message: /reshape: x \[2,3\] has 6 elements, which do not fit \[4\]/ },
      { call: () => reshape(zeros([2, 3]), [-1, -1]), message: /reshape: at most one size may be -1, got \[-1,-1\]/ },
      { call: () => reshape(zeros([2, 3]), [1.5, 4]), message: /reshape: shape \[1.5,4\] must hold whole numbers/ },
    ],
  }),
  moves<{ axes: number[] }>({
    name: 'permute',
    call: ([x], { axes }) => permute(x!, axes),
    naive: ([x], { axes }) =>
      pick(
        x!,
        axes.map((d) => x!.shape.at(d)!),
        (index) => x!.shape.map((_, d) => index[axes.findIndex((one) => (one + x!.shape.length) % x!.shape.length === d)]!),
      ),
    cases: [
      { ...a345, attrs: { axes: [2, 0, 1] } },
      { ...a345, attrs: { axes: [0, -1, 1] } },
      { shapes: [[]], attrs: { axes: [] } },
      { shapes: [[0, 4]], attrs: { axes: [1, 0] } },
    ],
    torch: "x[0].permute(a['axes'])",
    rejects: [
      { call: () => permute(zeros([2, 3]), [0]), message: /permute: axes \[0\] must name each axis of x \[2,3\] once/ },
      { call: () => permute(zeros([2, 3]), [0, 2]), message: /permute: axis 2 does not exist in x \[2,3\]/ },
    ],
  }),
  moves<{ axes: [number, number] } | undefined>({
    name: 'transpose',
    ops: ['permute'],
    call: ([x], a) => transpose(x!, ...(a?.axes ?? [])),
    naive: ([x], a) => {
      const [p, q] = (a?.axes ?? [-2, -1]).map((d) => (d + x!.shape.length) % x!.shape.length) as [number, number];
      const swap = (list: readonly number[]): number[] => list.map((_, d) => list[d === p ? q : d === q ? p : d]!);
      return pick(x!, swap(x!.shape), swap);
    },
    cases: [a345, { ...a345, attrs: { axes: [0, -1] } }, { shapes: [[0, 4]] }],
    torch: "x[0].transpose(*(a['axes'] if a else [-2, -1]))",
    rejects: [{ call: () => transpose(zeros([3])), message: /transpose: axis -2 does not exist in x \[3\]; axes are -1..0/ }],
  }),
  moves<{ from: number; to: number }>({
    name: 'movedim',
    ops: ['permute'],
    call: ([x], { from, to }) => movedim(x!, from, to),
    naive: ([x], { from, to }) => {
      const rank = x!.shape.length;
      const [f, t] = [(from + rank) % rank, (to + rank) % rank];
      return pick(x!, insert(drop(x!.shape, f), t, x!.shape[f]!), (index) => insert(drop(index, t), f, index[t]!));
    },
    cases: [
      { ...a345, attrs: { from: 0, to: 2 } },
      { ...a345, attrs: { from: -1, to: 0 } },
    ],
    torch: "x[0].movedim(a['from'], a['to'])",
    rejects: [{ call: () => movedim(zeros([2, 3]), 2, 0), message: /movedim: axis 2 does not exist in x \[2,3\]/ }],
  }),
  moves<{ shape: number[] }>({
    name: 'expand',
    call: ([x], { shape }) => expand(x!, shape),
    naive: ([x], { shape }) =>
      pick(x!, shape, (index) => x!.shape.map((n, d) => (n === 1 ? 0 : index[d + shape.length - x!.shape.length]!))),
    cases: [
      { shapes: [[3, 1]], attrs: { shape: [2, 3, 4] } },
      { shapes: [[]], attrs: { shape: [2, 2] } },
      { shapes: [[1, 4]], attrs: { shape: [0, 4] } },
    ],
    torch: "x[0].expand(a['shape'])",
    rejects: [
      { call: () => expand(zeros([2, 3]), [2, 4]), message: /expand: cannot broadcast x \[2,3\] with shape \[2,4\]/ },
      { call: () => expand(zeros([2, 3]), [1, 3]), message: /expand: x \[2,3\] does not broadcast to \[1,3\]/ },
    ],
  }),
  moves({
    name: 'broadcastTensors',
    ops: ['expand'],
    call: ([x, y]) => broadcastTensors(x!, y!),
    naive: ([x, y]) => [zip(x!, y!, (v) => v), zip(x!, y!, (_, w) => w)],
    cases: [
      {
        shapes: [
          [3, 1],
          [2, 1, 4],
        ],
      },
      { shapes: [[], [0, 2]] },
    ],
    torch: 'torch.broadcast_tensors(*x)',
    rejects: [{ call: () => broadcastTensors(zeros([2]), zeros([3])), message: /broadcastTensors: cannot broadcast x \[2\] with y \[3\]/ }],
  }),
  moves<{ from: number; to: number } | undefined>({
    name: 'flatten',
    ops: ['reshape'],
    call: ([x], a) => flatten(x!, a?.from, a?.to),
    naive: ([x], a) => {
      const { shape } = x!;
      const [from, to] = [a?.from ?? 0, (a?.to ?? -1) + (a === undefined || a.to < 0 ? shape.length : 0)];
      return { shape: [...shape.slice(0, from), size(shape.slice(from, to + 1)), ...shape.slice(to + 1)], data: x!.data };
    },
    cases: [a345, { ...a345, attrs: { from: 1, to: -1 } }, { ...a345, attrs: { from: 0, to: 1 } }, { shapes: [[]] }, { shapes: [[0, 3]] }],
    torch: "x[0].flatten(*((a['from'], a['to']) if a else ()))",
    rejects: [{ call: () => flatten(zeros([2, 3]), 1, 0), message: /flatten: startAxis 1 comes after endAxis 0 in x \[2,3\]/ }],
  }),
  moves<{ axis: number } | undefined>({
    name: 'squeeze',
    call: ([x], a) => squeeze(x!, a?.axis),
    naive: ([x], a) => ({ shape: a === undefined ? x!.shape.filter((n) => n !== 1) : drop(x!.shape, a.axis), data: x!.data }),
    cases: [{ shapes: [[1, 3, 1]] }, { shapes: [[1, 3, 1]], attrs: { axis: 2 } }, { shapes: [[0, 1]] }],
    torch: "x[0].squeeze(a['axis']) if a else x[0].squeeze()",
    rejects: [{ call: () => squeeze(zeros([2, 1]), 0), message: /squeeze: axis 0 of x \[2,1\] has size 2, not 1/ }],
  }),
  moves<{ axis: number }>({
    name: 'unsqueeze',
    call: ([x], { axis }) => unsqueeze(x!, axis),
    naive: ([x], { axis }) => ({ shape: insert(x!.shape, axis < 0 ? axis + x!.shape.length + 1 : axis, 1), data: x!.data }),
    cases: [
      { shapes: [[2, 3]], attrs: { axis: 1 } },
      { shapes: [[2, 3]], attrs: { axis: -1 } },
      { shapes: [[]], attrs: { axis: 0 } },
    ],
    torch: "x[0].unsqueeze(a['axis'])",
    rejects: [
      { call: () => unsqueeze(zeros([2]), 3), message: /unsqueeze: axis 3 does not exist/ },
      { call: () => unsqueeze(zeros([1, 1, 1, 1, 1, 1, 1, 1]), 0), message: /unsqueeze: x \[1,1,1,1,1,1,1,1\] has 8 axes already/ },
    ],
  }),
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
  moves<{ axis: number }>({
    name: 'cat',
    call: (xs, { axis }) => cat(xs, axis),
    naive: (xs, { axis }) => naiveCat(xs, axis),
    cases: [
      {
        shapes: [
          [2, 3],
          [2, 1],
          [2, 4],
        ],
        attrs: { axis: 1 },
      },
      {
        shapes: [
          [1, 5],
          [0, 5],
          [3, 5],
        ].map((s) => s),
        attrs: { axis: 0 },
      },
      { shapes: [[4]], attrs: { axis: 0 } },
    ],
    dtypes: every,
    torch: "torch.cat(list(x), a['axis'])",
    rejects: [
      { call: () => cat([]), message: /cat: needs an array of at least one tensor/ },
      {
        call: () => cat([zeros([2, 3]), zeros([3, 3])], 1),
        message: /cat: xs\[1\] \[3,3\] differs from xs\[0\] \[2,3\] elsewhere than along axis 1/,
      },
      {
        call: () => cat([zeros([2]), zeros([2], { dtype: 'i32' })]),
        message: /cat: xs\[1\] i32 \[2\] has another dtype than xs\[0\] f32 \[2\]/,
      },
      { call: () => cat([zeros([]), zeros([])]), message: /cat: axis 0 does not exist/ },
    ],
    bench: [
      {
        shapes: [
          [512, 1024],
          [512, 1024],
        ],
        attrs: { axis: 1 },
      },
    ],
  }),
  moves<{ axis: number }>({
    name: 'stack',
    ops: ['cat', 'unsqueeze'],
    call: (xs, { axis }) => stack(xs, axis),
    naive: (xs, { axis }) => {
      const at0 = axis < 0 ? axis + xs[0]!.shape.length + 1 : axis;
      return build(insert(xs[0]!.shape, at0, xs.length), (index) => at(xs[index[at0]!]!, drop(index, at0)));
    },
    cases: [
      {
        shapes: [
          [2, 3],
          [2, 3],
        ],
        attrs: { axis: -1 },
      },
      { shapes: [[], [], []], attrs: { axis: 0 } },
      { shapes: [[0, 2]], attrs: { axis: 1 } },
    ],
    torch: "torch.stack(list(x), a['axis'])",
    rejects: [{ call: () => stack([zeros([2]), zeros([3])]), message: /stack: xs\[1\] \[3\] differs from xs\[0\] \[2\]/ }],
  }),
  moves<{ reps: number[] }>({
    name: 'repeat',
    ops: ['expand', 'reshape'],
    call: ([x], { reps }) => repeat(x!, reps),
    naive: ([x], { reps }) => naiveRepeat(x!, reps),
    cases: [
      { shapes: [[2, 3]], attrs: { reps: [2, 1, 3] } },
      { shapes: [[2, 3]], attrs: { reps: [1, 1] } },
      { shapes: [[]], attrs: { reps: [2, 2] } },
      { shapes: [[1, 1, 2, 1, 1, 1, 1, 2]], attrs: { reps: [1, 2, 2, 1, 1, 1, 1, 2] } },
      { shapes: [[3]], attrs: { reps: [0] } },
    ],
    bench: [{ shapes: [[120, 130]], attrs: { reps: [2, 3] } }],
    torch: "x[0].repeat(a['reps'])",
    rejects: [
      { call: () => repeat(zeros([2, 3]), [2]), message: /repeat: reps \[2\] has fewer entries than x \[2,3\] has axes/ },
      { call: () => repeat(zeros([2]), [-1]), message: /repeat: reps \[-1\] must hold whole numbers >= 0/ },
    ],
  }),
  moves<{ reps: number[] }>({
    name: 'tile',
    ops: ['expand', 'reshape'],
    call: ([x], { reps }) => tile(x!, reps),
    naive: ([x], { reps }) => naiveRepeat(x!, [...x!.shape.map(() => 1), ...reps].slice(-Math.max(reps.length, x!.shape.length))),
    cases: [
      { shapes: [[2, 3]], attrs: { reps: [3] } },
      { shapes: [[3]], attrs: { reps: [2, 2] } },
    ],
    torch: "torch.tile(x[0], a['reps'])",
    rejects: [{ call: () => tile(zeros([2]), [1.5]), message: /repeat: reps \[1.5\] must hold whole numbers >= 0/ }],
  }),
  moves<{ n: number; axis: number }>({
    name: 'repeatInterleave',
    ops: ['expand', 'reshape'],
    call: ([x], { n, axis }) => repeatInterleave(x!, n, axis),
    naive: ([x], { n, axis }) =>
      pick(x!, withAt(x!.shape, axis, x!.shape[axis]! * n), (index) => withAt(index, axis, Math.floor(index[axis]! / n))),
    cases: [
      { shapes: [[2, 3]], attrs: { n: 2, axis: 0 } },
      { shapes: [[2, 3]], attrs: { n: 3, axis: 1 } },
      { shapes: [[2]], attrs: { n: 1, axis: 0 } },
    ],
    torch: "x[0].repeat_interleave(a['n'], dim=a['axis'])",
    rejects: [{ call: () => repeatInterleave(zeros([2]), -1, 0), message: /repeatInterleave: n must be a whole number >= 0, got -1/ }],
  }),
  moves<{ shift: number | number[]; axis?: number | number[] }>({
    name: 'roll',
    ops: ['cat', 'slice'],
    call: ([x], { shift, axis }) => roll(x!, shift, axis),
    naive: ([x], { shift, axis }) => {
      const by = [shift].flat();
      if (axis === undefined) {
        const n = x!.data.length;
        return { shape: x!.shape, data: x!.data.map((_, i) => x!.data[(((i - by[0]!) % n) + n) % n]!) };
      }
      const axes = [axis].flat();
      return pick(x!, x!.shape, (index) =>
        index.map((i, d) => (axes.includes(d) ? (((i - by[axes.indexOf(d)]!) % x!.shape[d]!) + x!.shape[d]!) % x!.shape[d]! : i)),
      );
    },
    cases: [
      { shapes: [[3, 4]], attrs: { shift: 2 } },
      { shapes: [[3, 4]], attrs: { shift: -5, axis: 1 } },
      { shapes: [[3, 4]], attrs: { shift: [1, 2], axis: [0, 1] } },
      { shapes: [[3]], attrs: { shift: 3, axis: 0 } },
    ],
    torch: "torch.roll(x[0], a['shift'], a.get('axis'))",
    rejects: [
      { call: () => roll(zeros([2, 3]), [1, 2], 0), message: /roll: 2 shifts for 1 axes/ },
      { call: () => roll(zeros([2, 3]), 1, 2), message: /roll: axis 2 does not exist in x \[2,3\]/ },
    ],
  }),
  moves<{ padding: number[]; mode?: PadMode; value?: number }>({
    name: 'pad',
    dtypes: ['f32', 'f64'],
    ops: ['place', 'slice', 'indexSelect'],
    call: ([x], { padding, ...options }) => pad(x!, padding, options),
    naive: ([x], { padding, mode = 'constant', value = 0 }) => naivePad(x!, padding, mode, value),
    cases: [
      { shapes: [[2, 3]], attrs: { padding: [1, 2] } },
      { shapes: [[2, 3]], attrs: { padding: [-1, 2, 1, -1], value: 1 } },
      { shapes: [[1, 2, 4]], attrs: { padding: [2, 1], mode: 'reflect' } },
      { shapes: [[1, 2, 4]], attrs: { padding: [3, 5], mode: 'replicate' } },
      { shapes: [[1, 2, 4]], attrs: { padding: [4, 1], mode: 'circular' } },
      { shapes: [[0, 2]], attrs: { padding: [1, 1] } },
      { shapes: [[]], attrs: { padding: [] } },
    ],
    bench: [{ shapes: [[8, 120, 130]], attrs: { padding: [1, 2, 3, 4] } }],
    torch:
      "F.pad(x[0], a['padding'], mode=a.get('mode', 'constant'), value=a.get('value', 0) if a.get('mode', 'constant') == 'constant' else None)",
    rejects: [
      {
        call: () => pad(zeros([2, 3]), [1]),
        message: /pad: padding \[1\] must be two whole numbers for each of the last axes of x \[2,3\]/,
      },
      { call: () => pad(zeros([2, 3]), [-2, -2]), message: /pad: padding -2, -2 cuts off more than axis 1 of x \[2,3\] has/ },
      { call: () => pad(zeros([2, 3]), [3, 0], { mode: 'reflect' }), message: /pad: reflect padding 3, 0 needs more elements than axis 1/ },
      {
        call: () => pad(zeros([2]), [1, 1], { mode: 'mirror' as PadMode }),
        message: /pad: mode must be constant, reflect, replicate or circular, got mirror/,
      },
    ],
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

function released(): Tensor {
  const x = zeros([2]);
  x.dispose();
  return x;
}
