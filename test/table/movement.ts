import {
  broadcastTensors,
  clone,
  contiguous,
  expand,
  flatten,
  movedim,
  permute,
  reshape,
  squeeze,
  transpose,
  unsqueeze,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { drop, insert, pick, size, zip } from '../helpers/nd.js';
import { a345, every, moves } from './row.js';

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
];

function released(): Tensor {
  const x = zeros([2]);
  x.dispose();
  return x;
}
