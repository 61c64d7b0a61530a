import { argsort, cumsum, sort, topk, zeros } from '../../src/index.js';
import { at, build, withAt, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

interface Axis {
  readonly axis: number;
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

export const indexingOrder = [
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
];
