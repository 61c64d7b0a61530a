import { all, any, argmax, argmin, logSumExp, max, mean, min, norm, prod, std, sum, tensor, variance, zeros } from '../../src/index.js';
import { reduce, type Nd } from '../helpers/nd.js';
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

/** As `cases`, without those that have nothing to reduce. */
const filled = cases.filter(({ shapes }) => !shapes.flat().includes(0));
const allAxes = "a.get('axis', list(range(x[0].dim())))";
const keepdims = "a.get('keepdims', False)";

/** A reduction of each group of elements. */
function folded(x: Nd | undefined, attrs: Axes, f: (values: readonly number[]) => number): Nd {
  if (x === undefined) throw new Error('x is missing');
  return reduce(x, reduceAxes(x.shape, attrs), attrs.keepdims ?? false, f);
}

interface OneAxis {
  readonly axis?: number;
  readonly keepdims?: boolean;
}
const oneAxisCases = [
  { shapes: [[]], attrs: {} },
  { shapes: [[3, 5]], attrs: {} },
  { shapes: [[3, 5]], attrs: { keepdims: true } },
  { shapes: [[3, 5]], attrs: { axis: -1 } },
  { shapes: [[7, 4]], attrs: { axis: 0, keepdims: true } },
  { shapes: [[2, 3, 4]], attrs: { axis: 1 } },
  { shapes: [[0, 4]], attrs: { axis: 1 } },
];
function search(x: Nd | undefined, attrs: OneAxis, better: (a: number, b: number) => boolean): Nd {
  const axes: Axes = { ...(attrs.axis === undefined ? {} : { axis: [attrs.axis] }), keepdims: attrs.keepdims ?? false };
  return folded(x, axes, (v) => v.reduce((best, value, i) => (better(value, v[best] ?? NaN) ? i : best), 0));
}
interface VarianceAttrs extends Axes {
  readonly correction?: number;
}
const varianceCases = [
  { shapes: [[7]], attrs: {} },
  { shapes: [[3, 5]], attrs: { correction: 0 } },
  { shapes: [[3, 5]], attrs: { axis: [-1] } },
  { shapes: [[19, 9]], attrs: { axis: [0], keepdims: true, correction: 2 } },
  { shapes: [[2, 3, 4, 5]], attrs: { axis: [0, 2, 3] } },
  { shapes: [[3, 70]], attrs: { axis: [1] } },
  { shapes: [[0, 4]], attrs: { axis: [1] } },
];
function varianceOf(v: readonly number[], correction = 1): number {
  const centre = v.reduce((a, b) => a + b, 0) / v.length;
  return v.reduce((a, b) => a + (b - centre) ** 2, 0) / (v.length - correction);
}
const torchVariance = `torch.var(x[0], dim=${allAxes}, correction=a.get('correction', 1), keepdim=${keepdims})`;

interface NormAttrs extends Axes {
  readonly p?: number | 'inf' | '-inf';
}
/** Of absolute values. */
function normOf(v: readonly number[], p: number): number {
  if (p === Infinity) return Math.max(...v);
  if (p === -Infinity) return Math.min(...v);
  return v.reduce((a, b) => a + b ** p, 0) ** (1 / p);
}
/** JSON has no infinities. */
function orderOf(p: NormAttrs['p'] = 2): number {
  return p === 'inf' ? Infinity : p === '-inf' ? -Infinity : p;
}

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
  row<Axes>({
    name: 'max',
    call: ([x], attrs) => max(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => Math.max(...v)),
    cases: [...filled, { shapes: [[0, 4]], attrs: { axis: [1] } }],
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    torch: `torch.amax(x[0], dim=${allAxes}, keepdim=${keepdims})`,
    rejects: [
      { call: () => max(zeros([0, 4]), { axis: 0 }), message: /max: x \[0,4\] has no elements along axis 0/ },
      { call: () => max(zeros([2]), { axis: 1 }), message: /max: axis 1 does not exist in x \[2\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: [-1] } }],
  }),
  row<Axes>({
    name: 'min',
    call: ([x], attrs) => min(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => Math.min(...v)),
    cases: [...filled, { shapes: [[0, 4]], attrs: { axis: [1] } }],
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    torch: `torch.amin(x[0], dim=${allAxes}, keepdim=${keepdims})`,
    rejects: [
      { call: () => min(zeros([0, 4]), { axis: 0 }), message: /min: x \[0,4\] has no elements along axis 0/ },
      { call: () => min(zeros([2]), { axis: 1 }), message: /min: axis 1 does not exist in x \[2\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: [-1] } }],
  }),
  row<OneAxis>({
    name: 'argmax',
    call: ([x], attrs) => argmax(x!, attrs),
    naive: ([x], attrs) => search(x, attrs, (a, b) => a > b),
    cases: oneAxisCases,
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    gradients: [],
    torch: { none: 'PyTorch does not say which of equal elements it finds' },
    rejects: [
      { call: () => argmax(zeros([2, 0]), { axis: 1 }), message: /argmax: x \[2,0\] has no elements along axis 1/ },
      { call: () => argmax(zeros([2]), { axis: 1 }), message: /argmax: axis 1 does not exist in x \[2\]/ },
    ],
  }),
  row<OneAxis>({
    name: 'argmin',
    call: ([x], attrs) => argmin(x!, attrs),
    naive: ([x], attrs) => search(x, attrs, (a, b) => a < b),
    cases: oneAxisCases,
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    gradients: [],
    torch: { none: 'PyTorch does not say which of equal elements it finds' },
    rejects: [
      { call: () => argmin(zeros([2, 0]), { axis: 1 }), message: /argmin: x \[2,0\] has no elements along axis 1/ },
      { call: () => argmin(zeros([2]), { axis: 1 }), message: /argmin: axis 1 does not exist in x \[2\]/ },
    ],
  }),
  row<Axes>({
    name: 'any',
    call: ([x], attrs) => any(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => Number(v.some((one) => one !== 0))),
    cases,
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    inputs: [{ low: -1, high: 2 }],
    gradients: [],
    torch: `(lambda m: (m.amax(dim=${allAxes}, keepdim=${keepdims}) if x[0].numel() else torch.any(m, dim=1)) > 0)((x[0] != 0).to(torch.uint8))`,
    rejects: [{ call: () => any(zeros([2]), { axis: 1 }), message: /any: axis 1 does not exist in x \[2\]/ }],
  }),
  row<Axes>({
    name: 'all',
    call: ([x], attrs) => all(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => Number(v.every((one) => one !== 0))),
    cases,
    dtypes: ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'],
    inputs: [{ low: -1, high: 2 }],
    gradients: [],
    torch: `(lambda m: (m.amin(dim=${allAxes}, keepdim=${keepdims}) if x[0].numel() else torch.all(m, dim=1)) > 0)((x[0] != 0).to(torch.uint8))`,
    rejects: [{ call: () => all(zeros([2]), { axis: 1 }), message: /all: axis 1 does not exist in x \[2\]/ }],
  }),
  row<Axes>({
    name: 'prod',
    call: ([x], attrs) => prod(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => v.reduce((a, b) => a * b, 1)),
    cases: [
      { shapes: [[]], attrs: {} },
      { shapes: [[3, 5]], attrs: { axis: [-1] } },
      { shapes: [[4, 9]], attrs: { axis: [0], keepdims: true } },
      { shapes: [[2, 3, 4]], attrs: { axis: [0, 2] } },
      { shapes: [[0, 4]], attrs: { axis: [0] } },
      { shapes: [[0, 4]], attrs: { axis: [1] } },
    ],
    inputs: [{ low: 0.5, high: 2 }],
    torch:
      `functools.reduce(lambda t, d: torch.prod(t, d, keepdim=True), ${allAxes}, x[0]).reshape(torch.sum(x[0], dim=${allAxes}, keepdim=${keepdims}).shape)`.replace(
        'functools',
        "__import__('functools')",
      ),
    rejects: [{ call: () => prod(zeros([2]), { axis: 1 }), message: /prod: axis 1 does not exist in x \[2\]/ }],
  }),
  row<VarianceAttrs>({
    name: 'variance',
    call: ([x], attrs) => variance(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => varianceOf(v, attrs.correction)),
    cases: varianceCases,
    torch: torchVariance,
    rejects: [
      { call: () => variance(tensor([1, 2], { dtype: 'i32' })), message: /variance: x must be floating, got i32 \[2\]/ },
      { call: () => variance(zeros([2]), { axis: 1 }), message: /variance: axis 1 does not exist in x \[2\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: [-1] } }],
  }),
  row<VarianceAttrs>({
    name: 'std',
    halves: 2,
    ops: ['variance'],
    call: ([x], attrs) => std(x!, attrs),
    naive: ([x], attrs) => folded(x, attrs, (v) => Math.sqrt(varianceOf(v, attrs.correction))),
    cases: varianceCases,
    torch: torchVariance.replace('var', 'std'),
    rejects: [{ call: () => std(tensor([1, 2], { dtype: 'i32' })), message: /variance: x must be floating, got i32 \[2\]/ }],
  }),
  row<NormAttrs>({
    name: 'norm',
    halves: 4,
    ops: ['normOne', 'normTwo', 'normInfinity'],
    call: ([x], { p, ...attrs }) => norm(x!, { ...attrs, p: orderOf(p) }),
    naive: ([x], attrs) => folded(x, attrs, (v) => normOf(v.map(Math.abs), orderOf(attrs.p))),
    cases: [
      ...filled,
      { shapes: [[0, 4]], attrs: { axis: [1] } },
      ...([1, 3, 'inf', '-inf'] as const).flatMap((p) => [
        { shapes: [[3, 5]], attrs: { p, axis: [1] } },
        { shapes: [[19, 3]], attrs: { p, axis: [0], keepdims: true } },
      ]),
    ],
    kink: (v) => Math.abs(v) < 1e-3,
    torch: `torch.linalg.vector_norm(x[0], float(a.get('p', 2)), ${allAxes}, ${keepdims})`,
    rejects: [
      { call: () => norm(tensor([1, 2], { dtype: 'i32' })), message: /norm: x must be floating, got i32 \[2\]/ },
      { call: () => norm(zeros([2]), { p: NaN }), message: /norm: p must be a number, got NaN/ },
    ],
  }),
  row<Axes>({
    name: 'logSumExp',
    call: ([x], attrs) => logSumExp(x!, attrs),
    naive: ([x], attrs) =>
      folded(x, attrs, (v) => {
        const high = Math.max(...v);
        const shift = Math.abs(high) === Infinity ? 0 : high; // the result is that infinity, and no difference of two
        return shift + Math.log(v.reduce((a, one) => a + Math.exp(one - shift), 0));
      }),
    cases: filled,
    torch: `torch.logsumexp(x[0], ${allAxes}, ${keepdims})`,
    rejects: [
      { call: () => logSumExp(tensor([1, 2], { dtype: 'i32' })), message: /logSumExp: x must be floating, got i32 \[2\]/ },
      { call: () => logSumExp(zeros([2]), { axis: 1 }), message: /logSumExp: axis 1 does not exist in x \[2\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: [-1] } }],
  }),
];
