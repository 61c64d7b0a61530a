import { mean, sum, tensor, zeros } from '../../src/index.js';
import { reduce } from '../helpers/nd.js';
import { row } from './row.js';

/** Attributes of the cases below; absent means all axes. */
interface Axes {
  readonly axis?: readonly number[];
  readonly keepdims?: boolean;
}

/** As the op does: axes may count from the end, none means all. */
function reduceAxes(shape: readonly number[], { axis }: Axes): number[] {
  return axis === undefined ? shape.map((_, d) => d) : axis.map((d) => (d < 0 ? d + shape.length : d));
}

/** Rows and columns, contiguous and not, short and longer than a vector; nothing to add. */
const cases = [
  { shapes: [[]], attrs: {} },
  { shapes: [[3, 5]], attrs: {} },
  { shapes: [[3, 5]], attrs: { axis: [-1] } },
  { shapes: [[19, 9]], attrs: { axis: [0], keepdims: true } },
  { shapes: [[2, 3, 4, 5]], attrs: { axis: [0, 2, 3] } },
  { shapes: [[2, 3, 4, 5]], attrs: { axis: [1] } },
  { shapes: [[3, 70]], attrs: { axis: [1], keepdims: true } },
  { shapes: [[0, 4]], attrs: { axis: [1] } },
];

export const reductions = [
  row<Axes>({
    name: 'sum',
    call: ([x], attrs) => sum(x!, attrs),
    naive: ([x], attrs) => reduce(x!, reduceAxes(x!.shape, attrs), attrs.keepdims ?? false, (v) => v.reduce((a, b) => a + b, 0)),
    cases: [...cases, { shapes: [[0, 4]], attrs: { axis: [0] } }],
    torch: "torch.sum(x[0], dim=a.get('axis', list(range(x[0].dim()))), keepdim=a.get('keepdims', False))",
    rejects: [
      { call: () => sum(zeros([2, 3]), { axis: 2 }), message: /sum: axis 2 does not exist in x \[2,3\]; axes are -2\.\.1/ },
      { call: () => sum(zeros([2, 3]), { axis: [0, -2] }), message: /sum: axis 0 is named twice for x \[2,3\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: {} }],
  }),
  row<Axes>({
    name: 'mean',
    call: ([x], attrs) => mean(x!, attrs),
    naive: ([x], attrs) => reduce(x!, reduceAxes(x!.shape, attrs), attrs.keepdims ?? false, (v) => v.reduce((a, b) => a + b, 0) / v.length),
    cases,
    torch: "torch.mean(x[0], dim=a.get('axis', list(range(x[0].dim()))), keepdim=a.get('keepdims', False))",
    rejects: [
      { call: () => mean(zeros([2, 3]), { axis: -3 }), message: /mean: axis -3 does not exist in x \[2,3\]/ },
      {
        call: () => mean(tensor([1, 2], { dtype: 'i32' })),
        message: /mean: x must be floating, got i32 \[2\]; convert it with to\('f32'\)/,
      },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: {} }],
  }),
];
