import { fromArray, gather, indexAdd, indexSelect, scatter, scatterAdd, tensor, zeros, type DType, type Tensor } from '../../src/index.js';
import { at, build, withAt, type Nd } from '../helpers/nd.js';
import { row, type Draw } from './row.js';

interface Axis {
  readonly axis: number;
}

const any: Draw = { low: -2, high: 2 };

/** Positions on an axis of at least n elements. */
const below = (n: number, dtype: DType = 'i64'): Draw => ({ low: 0, high: n, dtype });

const integers = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'i64' });

const moved: readonly DType[] = ['f32', 'f64', 'i64', 'u8'];

/** x, changed at index[.., k, ..] along the axis for each element of source, in row-major order. */
function scattered(x: Nd, axis: number, index: Nd, source: (k: readonly number[]) => number, f: (old: number, v: number) => number): Nd {
  const y = { shape: x.shape, data: x.data.slice() };
  const strides = x.shape.map((_, d) => x.shape.slice(d + 1).reduce((a, b) => a * b, 1));
  build(index.shape, (k) => {
    const where = withAt(k, axis, at(index, k)).reduce((sum, i, d) => sum + i * strides[d]!, 0);
    y.data[where] = f(y.data[where]!, source(k));
    return 0;
  });
  return y;
}

const take = (x: Nd, axis: number, index: Nd): Nd => build(index.shape, (k) => at(x, withAt(k, axis, at(index, k))));

export const indexing = [
  row<Axis>({
    name: 'gather',
    ops: ['gather', 'gatherGrad'],
    call: ([x, index], { axis }) => gather(x!, axis, index!),
    naive: ([x, index], { axis }) => take(x!, axis, index!),
    inputs: [any, below(3)],
    dtypes: moved,
    cases: [
      {
        shapes: [
          [3, 5],
          [4, 5],
        ],
        attrs: { axis: 0 },
      },
      {
        shapes: [
          [4, 3, 2],
          [2, 6, 1],
        ],
        attrs: { axis: 1 },
      },
      { shapes: [[3], [7]], attrs: { axis: 0 } },
      {
        shapes: [
          [2, 3],
          [2, 0],
        ],
        attrs: { axis: 1 },
      },
    ],
    torch: "torch.gather(x[0], a['axis'], x[1])",
    rejects: [
      { call: () => gather(zeros([2, 3]), 1, zeros([2, 3])), message: /gather: index must be i32 or i64, got f32 \[2,3\]/ },
      { call: () => gather(zeros([2, 3]), 0, integers([1])), message: /gather: index \[1\] does not fit x \[2,3\] along axis 0/ },
      {
        call: () => gather(zeros([3, 1]), 0, integers([[0], [12]])).dataSync(),
        message: /gather: index 12 is out of range for axis 0 of size 3 \(element 1\)/,
      },
      { call: () => gather(zeros([3]), 0, integers([-1])).dataSync(), message: /gather: index -1 is out of range for axis 0 of size 3/ },
      { call: () => gather(zeros([3]), 1, integers([0])), message: /gather: axis 1 does not exist in x \[3\]/ },
    ],
    bench: [
      {
        shapes: [
          [3, 65536],
          [8, 65536],
        ],
        attrs: { axis: 0 },
      },
    ],
  }),
  row<Axis>({
    name: 'scatterAdd',
    call: ([x, index, source], { axis }) => scatterAdd(x!, axis, index!, source!),
    naive: ([x, index, source], { axis }) =>
      scattered(
        x!,
        axis,
        index!,
        (k) => at(source!, k),
        (a, b) => a + b,
      ),
    inputs: [any, below(3), any],
    dtypes: ['f32', 'f64', 'i32', 'i64'],
    cases: [
      {
        shapes: [
          [3, 5],
          [4, 5],
          [4, 5],
        ],
        attrs: { axis: 0 },
      },
      {
        shapes: [
          [4, 3, 2],
          [2, 6, 1],
          [2, 6, 1],
        ],
        attrs: { axis: 1 },
      },
      { shapes: [[3], [40], [40]], attrs: { axis: 0 } },
    ],
    torch: "torch.scatter_add(x[0], a['axis'], x[1], x[2])",
    rejects: [
      {
        call: () => scatterAdd(zeros([3]), 0, integers([0, 1]), zeros([3])),
        message: /scatterAdd: source \[3\] does not have the shape of index \[2\]/,
      },
      {
        call: () => scatterAdd(zeros([3]), 0, integers([0, 3]), zeros([2])).dataSync(),
        message: /scatterAdd: index 3 is out of range for axis 0 of size 3 \(element 1\)/,
      },
      {
        call: () => scatterAdd(zeros([3]), 0, integers([-1]), zeros([1])).dataSync(),
        message: /scatterAdd: index -1 is out of range for axis 0 of size 3/,
      },
      {
        call: () => scatterAdd(zeros([3]), 0, integers([0]), zeros([1], { dtype: 'f64' })),
        message: /scatterAdd: x f32 \[3\] and source f64 \[1\] have different dtypes/,
      },
    ],
    bench: [
      {
        shapes: [
          [3, 65536],
          [8, 65536],
          [8, 65536],
        ],
        attrs: { axis: 0 },
      },
    ],
  }),
  row<Axis & { value?: number }>({
    name: 'scatter',
    // Equal indices have no gradient worth the name; each case's are distinct along the axis.
    call: ([x, source], { axis, value }) => scatter(x!, axis, distinct(source!.shape, axis, x!.shape[axis]!), value ?? source!),
    naive: ([x, source], { axis, value }) =>
      scattered(
        x!,
        axis,
        toNd(source!.shape, axis, x!.shape[axis]!),
        (k) => value ?? at(source!, k),
        (_, b) => b,
      ),
    dtypes: moved,
    cases: [
      {
        shapes: [
          [3, 5],
          [2, 5],
        ],
        attrs: { axis: 0 },
      },
      {
        shapes: [
          [4, 5],
          [3, 2],
        ],
        attrs: { axis: 1 },
      },
      {
        shapes: [
          [4, 5],
          [4, 1],
        ],
        attrs: { axis: 1 },
      },
    ],
    bench: [
      {
        shapes: [
          [512, 300],
          [256, 300],
        ],
        attrs: { axis: 0 },
      },
    ],
    torch:
      "torch.scatter(x[0], a['axis'], (torch.arange(x[1].shape[a['axis']]).reshape([-1 if d == a['axis'] else 1 for d in range(x[0].dim())]) * 2 % x[0].shape[a['axis']]).expand(x[1].shape), x[1])",
    rejects: [
      {
        call: () => scatter(zeros([3]), 0, integers([0, 5]), 1).dataSync(),
        message: /scatter: index 5 is out of range for axis 0 of size 3 \(element 1\)/,
      },
      {
        call: () => scatter(zeros([2, 3]), 0, integers([[0, 0, 0, 0]]), 1),
        message: /scatter: index \[1,4\] does not fit x \[2,3\] along axis 0/,
      },
    ],
  }),
  row<Axis>({
    name: 'indexSelect',
    ops: ['indexSelect', 'indexSelectGrad'],
    call: ([x, index], { axis }) => indexSelect(x!, axis, index!),
    naive: ([x, index], { axis }) =>
      build(withAt(x!.shape, axis, index!.shape[0]!), (k) => at(x!, withAt(k, axis, index!.data[k[axis]!]!))),
    inputs: [any, below(3, 'i32')],
    dtypes: moved,
    cases: [
      { shapes: [[3, 5], [4]], attrs: { axis: 0 } },
      { shapes: [[2, 3, 4], [5]], attrs: { axis: 1 } },
      { shapes: [[3], [0]], attrs: { axis: 0 } },
      { shapes: [[0, 3], [2]], attrs: { axis: 1 } },
    ],
    bench: [{ shapes: [[3, 4000], [40]], attrs: { axis: 0 } }],
    torch: "torch.index_select(x[0], a['axis'], x[1])",
    rejects: [
      { call: () => indexSelect(zeros([2, 3]), 1, integers([[0]])), message: /indexSelect: index \[1,1\] must have one axis/ },
      {
        call: () => indexSelect(zeros([2, 3]), 1, integers([0, -1])).dataSync(),
        message: /indexSelect: index -1 is out of range for axis 1 of size 3/,
      },
    ],
  }),
  row<Axis>({
    name: 'indexAdd',
    call: ([x, index, source], { axis }) => indexAdd(x!, axis, index!, source!),
    naive: ([x, index, source], { axis }) => {
      const full = build(source!.shape, (k) => index!.data[k[axis]!]!);
      return scattered(
        x!,
        axis,
        full,
        (k) => at(source!, k),
        (a, b) => a + b,
      );
    },
    inputs: [any, below(3), any],
    dtypes: ['f32', 'f64', 'i64'],
    cases: [
      { shapes: [[3, 5], [4], [4, 5]], attrs: { axis: 0 } },
      { shapes: [[2, 3], [4], [2, 4]], attrs: { axis: 1 } },
    ],
    bench: [{ shapes: [[3, 4000], [40], [40, 4000]], attrs: { axis: 0 } }],
    torch: "torch.index_add(x[0], a['axis'], x[1], x[2])",
    rejects: [
      {
        call: () => indexAdd(zeros([3, 2]), 0, integers([0]), zeros([2, 2])),
        message: /indexAdd: source \[2,2\] must be \[1,2\] for x \[3,2\]/,
      },
      {
        call: () => indexAdd(zeros([3]), 0, integers([4]), zeros([1])).dataSync(),
        message: /indexAdd: index 4 is out of range for axis 0 of size 3/,
      },
    ],
  }),
];

/** Positions 0, 2, 4, ... (modulo the size) along the axis: distinct while there are few. */
function toNd(shape: readonly number[], axis: number, size: number): Nd {
  return build(shape, (k) => (2 * k[axis]!) % size);
}

function distinct(shape: readonly number[], axis: number, size: number): Tensor {
  return fromArray(toNd(shape, axis, size).data, shape, { dtype: 'i64' });
}
