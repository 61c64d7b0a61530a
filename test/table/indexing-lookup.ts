import { embedding, fromArray, maskedFill, oneHot, tensor, zeros, type DType, type Tensor } from '../../src/index.js';
import { at, build } from '../helpers/nd.js';
import { row, type Draw } from './row.js';

const any: Draw = { low: -2, high: 2 };

/** Positions on an axis of at least n elements. */
const below = (n: number, dtype: DType = 'i64'): Draw => ({ low: 0, high: n, dtype });

const integers = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'i64' });

const moved: readonly DType[] = ['f32', 'f64', 'i64', 'u8'];

export const indexingLookup = [
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
];
