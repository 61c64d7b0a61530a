import {
  argsort,
  cumsum,
  embedding,
  fromArray,
  gather,
  indexAdd,
  indexSelect,
  maskedFill,
  oneHot,
  scatter,
  scatterAdd,
  sort,
  tensor,
  topk,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { at, build, type Nd } from '../helpers/nd.js';
import { row, type Draw } from './row.js';

interface Axis {
  readonly axis: number;
}

const any: Draw = { low: -2, high: 2 };
/** Positions on an axis of at least n elements. */
const below = (n: number, dtype: DType = 'i64'): Draw => ({ low: 0, high: n, dtype });
const withAt = (list: readonly number[], i: number, v: number): number[] => list.map((n, d) => (d === i ? v : n));
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

/** Positions along the axis in sorted order, for each line; NaN last. */
function order(x: Nd, axis: number, descending: boolean): Nd {
  return build(x.shape, (index) => {
    const values = Array.from({ length: x.shape[axis]! }, (_, k) => [at(x, withAt(index, axis, k)), k] as const);
    values.sort(([a, i], [b, j]) => (descending ? b - a : a - b) || i - j);
    return values[index[axis]!]![1];
  });
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
  row<{ paddingIdx: number } | undefined>({
    name: 'embedding',
    ops: ['embedding', 'embeddingGrad'],
    call: ([index, weight], a) => embedding(index!, weight!, a),
    naive: ([index, weight]) => build([...index!.shape, weight!.shape[1]!], (k) => at(weight!, [at(index!, k.slice(0, -1)), k.at(-1)!])),
    inputs: [below(3), any],
    cases: [
      {
        shapes: [
          [2, 4],
          [3, 5],
        ],
      },
      { shapes: [[], [3, 5]] },
      { shapes: [[0], [3, 2]] },
      { shapes: [[64], [3, 20]] },
    ],
    torch: 'F.embedding(x[0], x[1])',
    rejects: [
      { call: () => embedding(zeros([2]), zeros([3, 2])), message: /embedding: index must be i32 or i64, got f32 \[2\]/ },
      { call: () => embedding(integers([0]), zeros([3])), message: /embedding: weight \[3\] must be \[rows, columns\]/ },
      {
        call: () => embedding(integers([0, 3]), zeros([3, 2])).dataSync(),
        message: /embedding: index 3 is out of range for axis 0 of size 3 \(element 1\)/,
      },
      {
        call: () => embedding(integers([0]), zeros([3, 2]), { paddingIdx: 3 }),
        message: /embedding: paddingIdx 3 is not a row of weight \[3,2\]/,
      },
    ],
    bench: [{ shapes: [[4096], [3, 512]] }],
  }),
  row<{ value: number }>({
    name: 'maskedFill',
    call: ([x, mask], { value }) => maskedFill(x!, mask!, value),
    naive: ([x, mask], { value }) =>
      build(x!.shape, (k) =>
        at(
          mask!,
          mask!.shape.map((n, d) => (n === 1 ? 0 : k[d + x!.shape.length - mask!.shape.length]!)),
        ) === 1
          ? value
          : at(x!, k),
      ),
    inputs: [any, below(2, 'bool')],
    dtypes: moved,
    cases: [
      {
        shapes: [
          [3, 5],
          [3, 5],
        ],
        attrs: { value: 7 },
      },
      { shapes: [[2, 3, 5], [5]], attrs: { value: 0 } },
      { shapes: [[2, 3], []], attrs: { value: 1 } },
      {
        shapes: [
          [0, 3],
          [1, 3],
        ],
        attrs: { value: 1 },
      },
    ],
    torch: "x[0].masked_fill(x[1], a['value'])",
    rejects: [
      { call: () => maskedFill(zeros([2]), zeros([2]), 1), message: /maskedFill: mask must be bool, got f32 \[2\]/ },
      {
        call: () => maskedFill(zeros([2]), zeros([2, 2], { dtype: 'bool' }), 1),
        message: /maskedFill: mask \[2,2\] does not broadcast to x \[2\]/,
      },
    ],
    bench: [
      {
        shapes: [
          [1024, 1024],
          [1024, 1024],
        ],
        attrs: { value: 0 },
      },
    ],
  }),
  row<Axis>({
    name: 'cumsum',
    call: ([x], { axis }) => cumsum(x!, axis),
    naive: ([x], { axis }) =>
      build(x!.shape, (k) => {
        let sum = 0;
        for (let i = 0; i <= k[axis]!; i++) sum += at(x!, withAt(k, axis, i));
        return sum;
      }),
    dtypes: ['f32', 'f64', 'i32', 'i64'],
    cases: [
      { shapes: [[3, 5]], attrs: { axis: 1 } },
      { shapes: [[4, 37]], attrs: { axis: 0 } },
      { shapes: [[2, 3, 4]], attrs: { axis: 1 } },
      { shapes: [[0, 4]], attrs: { axis: 1 } },
    ],
    torch: "torch.cumsum(x[0], a['axis'], dtype=x[0].dtype)",
    rejects: [
      { call: () => cumsum(zeros([2, 3]), 2), message: /cumsum: axis 2 does not exist in x \[2,3\]/ },
      { call: () => cumsum(zeros([]), 0), message: /cumsum: axis 0 does not exist in x \[\]; it is a scalar/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: 0 } }],
  }),
  row<{ axis?: number; descending?: boolean } | undefined>({
    name: 'sort',
    call: ([x], a) => {
      const { values, indices } = sort(x!, a);
      return [values, indices];
    },
    naive: ([x], a) => {
      const axis = a?.axis ?? x!.shape.length - 1;
      const indices = order(x!, axis, a?.descending === true);
      return [take(x!, axis, indices), indices];
    },
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    cases: [
      { shapes: [[3, 5]] },
      { shapes: [[2, 67]], attrs: { descending: true } },
      { shapes: [[7, 3, 2]], attrs: { axis: 0 } },
      { shapes: [[0, 4]] },
      { shapes: [[4, 0]] },
    ],
    torch: "torch.sort(x[0], dim=(a or {}).get('axis', -1), descending=(a or {}).get('descending', False), stable=True)",
    rejects: [
      { call: () => sort(zeros([2, 3]), { axis: 2 }), message: /sort: axis 2 does not exist in x \[2,3\]/ },
      { call: () => sort(zeros([2, 3]), { dim: 1 } as object), message: /sort: unknown option "dim"/ },
    ],
    bench: [{ shapes: [[64, 1024]] }],
  }),
  row<{ descending: boolean } | undefined>({
    name: 'argsort',
    ops: ['sort'],
    call: ([x], a) => argsort(x!, a),
    naive: ([x], a) => order(x!, x!.shape.length - 1, a?.descending === true),
    dtypes: ['f32', 'f64', 'i32'],
    gradients: [],
    cases: [{ shapes: [[3, 5]] }, { shapes: [[20]], attrs: { descending: true } }],
    bench: [{ shapes: [[64, 1024]] }],
    torch: 'torch.sort(x[0], dim=-1, descending=bool(a), stable=True)[1]',
    rejects: [{ call: () => argsort(zeros([])), message: /axis -1 does not exist in x \[\]/ }],
  }),
  row<{ k: number; axis?: number; largest?: boolean }>({
    name: 'topk',
    ops: ['topk'],
    call: ([x], { k, ...options }) => {
      const { values, indices } = topk(x!, k, options);
      return [values, indices];
    },
    naive: ([x], { k, axis = x!.shape.length - 1, largest = true }) => {
      const all = order(x!, axis, largest);
      const indices = build(withAt(x!.shape, axis, k), (i) => at(all, i));
      return [take(x!, axis, indices), indices];
    },
    cases: [
      { shapes: [[3, 5]], attrs: { k: 2 } },
      { shapes: [[5, 3]], attrs: { k: 3, axis: 0, largest: false } },
      { shapes: [[4]], attrs: { k: 0 } },
    ],
    bench: [{ shapes: [[64, 1024]], attrs: { k: 8 } }],
    torch: "torch.topk(x[0], a['k'], dim=a.get('axis', -1), largest=a.get('largest', True))",
    rejects: [
      { call: () => topk(zeros([2, 3]), 4), message: /topk: k = 4 is more than axis 1 of x \[2,3\] has/ },
      { call: () => topk(zeros([2, 3]), -1), message: /topk: k must be a whole number >= 0, got -1/ },
    ],
  }),
  row<{ classes: number; dtype?: DType }>({
    name: 'oneHot',
    call: ([index], { classes, dtype }) => oneHot(index!, classes, dtype === undefined ? {} : { dtype }),
    naive: ([index], { classes }) => build([...index!.shape, classes], (k) => (at(index!, k.slice(0, -1)) === k.at(-1) ? 1 : 0)),
    inputs: [below(4)],
    dtypes: ['i64'],
    gradients: [],
    cases: [
      { shapes: [[2, 3]], attrs: { classes: 4 } },
      { shapes: [[]], attrs: { classes: 5, dtype: 'f32' } },
      { shapes: [[0]], attrs: { classes: 4 } },
    ],
    bench: [{ shapes: [[50000]], attrs: { classes: 4 } }],
    torch: "F.one_hot(x[0], a['classes']).to(torch.float32 if 'dtype' in a else torch.int64)",
    rejects: [
      { call: () => oneHot(fromArray([1], [1]), 3), message: /oneHot: index must be i32 or i64, got f32 \[1\]/ },
      { call: () => oneHot(integers([1]), 0), message: /oneHot: classes must be a whole number >= 1, got 0/ },
      { call: () => oneHot(integers([1, 3]), 3).dataSync(), message: /oneHot: index 3 is out of range for axis 1 of size 3/ },
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
