import { batchNorm, groupNorm, layerNorm, logSoftmax, ones, rmsNorm, softmax, tensor, zeros } from '../../src/index.js';
import { along, at, build, reduce, size, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

interface AxisAttrs {
  readonly axis: number;
}

function softmaxOf(values: readonly number[]): number[] {
  const high = Math.max(...values);
  const powers = values.map((v) => Math.exp(v - high));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / total);
}
function logSoftmaxOf(values: readonly number[]): number[] {
  const high = Math.max(...values);
  const total = values.reduce((a, v) => a + Math.exp(v - high), 0);
  return values.map((v) => v - high - Math.log(total));
}

/** Attributes of layerNorm and rmsNorm; weight and bias are the second and third inputs where there are as many. */
interface RowNormAttrs {
  readonly normalizedShape: number[];
  readonly eps?: number;
}

/** x normalised over its last axes, with or without centring. */
function naiveRows([x, weight, bias]: readonly Nd[], { normalizedShape, eps = 1e-5 }: RowNormAttrs, centred: boolean): Nd {
  if (x === undefined) throw new Error('x is missing');
  const n = size(normalizedShape);
  const data = new Float64Array(x.data.length);
  for (let row = 0; row < data.length / n; row++) {
    const values = x.data.subarray(row * n, (row + 1) * n);
    const mean = centred ? values.reduce((a, b) => a + b, 0) / n : 0;
    const variance = values.reduce((a, v) => a + (v - mean) ** 2, 0) / n;
    values.forEach(
      (v, i) => (data[row * n + i] = ((v - mean) / Math.sqrt(variance + eps)) * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0)),
    );
  }
  return { shape: x.shape, data };
}

/** Inputs: x, weight, bias. */
interface GroupNormAttrs {
  readonly groups: number;
}

function naiveGroupNorm([x, weight, bias]: readonly Nd[], { groups }: GroupNormAttrs): Nd {
  if (x === undefined) throw new Error('x is missing');
  const [batch = 0, channels = 1] = x.shape;
  const n = batch === 0 ? 0 : x.data.length / (batch * groups);
  const normal = naiveRows([{ shape: [batch * groups, n], data: x.data }], { normalizedShape: [n] }, true);
  const inner = size(x.shape.slice(2));
  return {
    shape: x.shape,
    data: normal.data.map((v, i) => {
      const c = Math.floor(i / inner) % channels;
      return v * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
    }),
  };
}

/** Inputs: x, weight, bias and, unless training, running mean and variance. */
interface BatchNormAttrs {
  readonly training: boolean;
}

function naiveBatchNorm([x, weight, bias, runningMean, runningVar]: readonly Nd[], { training }: BatchNormAttrs): Nd {
  if (x === undefined) throw new Error('x is missing');
  const axes = x.shape.map((_, d) => d).filter((d) => d !== 1);
  const average = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const mean = training ? reduce(x, axes, false, average) : runningMean!;
  const variance = training ? reduce(x, axes, false, (v) => average(v.map((one) => (one - average(v)) ** 2))) : runningVar!;
  return build(x.shape, (index) => {
    const c = index[1] ?? 0;
    const normal = (at(x, index) - mean.data[c]!) / Math.sqrt(variance.data[c]! + 1e-5);
    return normal * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
  });
}

const axisCases = [
  { shapes: [[3, 5]], attrs: { axis: -1 } },
  { shapes: [[1]], attrs: { axis: 0 } },
  { shapes: [[7, 3]], attrs: { axis: 0 } },
  { shapes: [[2, 3, 4]], attrs: { axis: 1 } },
  { shapes: [[2, 37]], attrs: { axis: 1 } },
  { shapes: [[19, 13]], attrs: { axis: 1 } },
  { shapes: [[0, 4]], attrs: { axis: 1 } },
];

export const norms = [
  row<AxisAttrs>({
    name: 'softmax',
    call: ([x], { axis }) => softmax(x!, axis),
    naive: ([x], { axis }) => along(x!, axis, softmaxOf),
    cases: axisCases,
    torch: "torch.softmax(x[0], a['axis'])",
    rejects: [
      { call: () => softmax(zeros([2, 3]), 2), message: /softmax: axis 2 does not exist in x \[2,3\]/ },
      { call: () => softmax(tensor([1], { dtype: 'i32' })), message: /softmax: x must be floating, got i32 \[1\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: -1 } }],
  }),
  row<AxisAttrs>({
    name: 'logSoftmax',
    call: ([x], { axis }) => logSoftmax(x!, axis),
    naive: ([x], { axis }) => along(x!, axis, logSoftmaxOf),
    cases: axisCases,
    torch: "torch.log_softmax(x[0], a['axis'])",
    rejects: [
      { call: () => logSoftmax(zeros([]), 0), message: /logSoftmax: axis 0 does not exist in x \[\]; it is a scalar/ },
      { call: () => logSoftmax(tensor([1], { dtype: 'i32' })), message: /logSoftmax: x must be floating, got i32 \[1\]/ },
    ],
    bench: [{ shapes: [[1024, 1024]], attrs: { axis: -1 } }],
  }),
  row<RowNormAttrs>({
    name: 'layerNorm',
    ops: ['layerNormGrad'],
    call: ([x, weight, bias], { normalizedShape, eps }) =>
      layerNorm(x!, normalizedShape, { weight: weight ?? null, bias: bias ?? null, ...(eps === undefined ? {} : { eps }) }),
    naive: (xs, attrs) => naiveRows(xs, attrs, true),
    cases: [
      { shapes: [[3, 5]], attrs: { normalizedShape: [5] } },
      { shapes: [[3, 5], [5], [5]], attrs: { normalizedShape: [5] } },
      {
        shapes: [
          [2, 3, 4],
          [3, 4],
          [3, 4],
        ],
        attrs: { normalizedShape: [3, 4], eps: 0.1 },
      },
      { shapes: [[7], [7]], attrs: { normalizedShape: [7] } },
      { shapes: [[3, 41], [41], [41]], attrs: { normalizedShape: [41] } },
      { shapes: [[0, 4], [4], [4]], attrs: { normalizedShape: [4] } },
    ],
    torch: "F.layer_norm(x[0], a['normalizedShape'], x[1] if len(x) > 1 else None, x[2] if len(x) > 2 else None, a.get('eps', 1e-5))",
    rejects: [
      { call: () => layerNorm(zeros([2, 3]), [2]), message: /layerNorm: x \[2,3\] must end in normalizedShape \[2\]/ },
      { call: () => layerNorm(zeros([2, 3]), 3, { weight: ones([2]) }), message: /layerNorm: weight \[2\] must be \[3\]/ },
      { call: () => layerNorm(tensor([1], { dtype: 'i32' }), 1), message: /layerNorm: x must be floating, got i32 \[1\]/ },
    ],
    bench: [{ shapes: [[1024, 1024], [1024], [1024]], attrs: { normalizedShape: [1024] } }],
    flops: ([x]) => 8 * size(x ?? []),
  }),
  row<RowNormAttrs>({
    name: 'rmsNorm',
    ops: ['layerNorm', 'layerNormGrad'],
    call: ([x, weight], { normalizedShape, eps }) =>
      rmsNorm(x!, normalizedShape, { weight: weight ?? null, ...(eps === undefined ? {} : { eps }) }),
    naive: (xs, attrs) => naiveRows(xs, { eps: 1e-6, ...attrs }, false),
    cases: [
      { shapes: [[3, 5]], attrs: { normalizedShape: [5] } },
      { shapes: [[3, 5], [5]], attrs: { normalizedShape: [5], eps: 0.1 } },
      {
        shapes: [
          [2, 3, 4],
          [3, 4],
        ],
        attrs: { normalizedShape: [3, 4] },
      },
      { shapes: [[3, 41], [41]], attrs: { normalizedShape: [41] } },
      { shapes: [[0, 4], [4]], attrs: { normalizedShape: [4] } },
    ],
    torch: { none: 'PyTorch has rms_norm from 2.4 on' },
    rejects: [{ call: () => rmsNorm(zeros([2, 3]), []), message: /rmsNorm: normalizedShape must name at least one axis/ }],
    bench: [{ shapes: [[1024, 1024], [1024]], attrs: { normalizedShape: [1024] } }],
    flops: ([x]) => 5 * size(x ?? []),
  }),
  row<BatchNormAttrs>({
    name: 'batchNorm',
    ops: ['batchNormGrad', 'batchNormApply'],
    call: ([x, weight, bias, runningMean, runningVar], { training }) =>
      batchNorm(x!, {
        weight: weight ?? null,
        bias: bias ?? null,
        runningMean: runningMean ?? null,
        runningVar: runningVar ?? null,
        training,
      }),
    naive: naiveBatchNorm,
    cases: [
      { shapes: [[5, 3], [3], [3]], attrs: { training: true } },
      { shapes: [[4, 3]], attrs: { training: true } },
      { shapes: [[2, 3, 4], [3], [3]], attrs: { training: true } },
      { shapes: [[2, 2, 5, 4], [2], [2]], attrs: { training: true } },
      { shapes: [[5, 3], [3], [3], [3], [3]], attrs: { training: false } },
      { shapes: [[2, 2, 5, 4], [2], [2], [2], [2]], attrs: { training: false } },
      { shapes: [[0, 3, 4], [3], [3], [3], [3]], attrs: { training: false } },
    ],
    inputs: [
      { low: -2, high: 2 },
      { low: 0.5, high: 2 },
      { low: -2, high: 2 },
      { low: -1, high: 1 },
      { low: 0.5, high: 2 },
    ],
    gradients: [0, 1, 2],
    torch:
      "F.batch_norm(x[0], x[3] if len(x) > 3 else None, x[4] if len(x) > 4 else None, x[1] if len(x) > 1 else None, x[2] if len(x) > 2 else None, a['training'])",
    rejects: [
      { call: () => batchNorm(zeros([3]), { training: true }), message: /batchNorm: x \[3\] must be \[N, C\] or \[N, C, \.\.\.\]/ },
      { call: () => batchNorm(zeros([2, 3])), message: /batchNorm: runningMean and runningVar are needed when training is false/ },
      { call: () => batchNorm(zeros([1, 3]), { training: true }), message: /batchNorm: x \[1,3\] has 1 values a channel/ },
      { call: () => batchNorm(zeros([2, 3]), { training: true, weight: ones([2]) }), message: /batchNorm: weight \[2\] must be \[3\]/ },
    ],
    bench: [{ shapes: [[64, 32, 28, 28], [32], [32]], attrs: { training: true } }],
    flops: ([x]) => 8 * size(x ?? []),
  }),
  row<GroupNormAttrs>({
    name: 'groupNorm',
    ops: ['groupNorm', 'groupNormGrad'],
    call: ([x, weight, bias], { groups }) => groupNorm(x!, groups, { weight: weight ?? null, bias: bias ?? null }),
    naive: naiveGroupNorm,
    cases: [
      { shapes: [[2, 6]], attrs: { groups: 2 } },
      { shapes: [[2, 4, 5], [4], [4]], attrs: { groups: 2 } },
      { shapes: [[2, 4, 3, 2], [4], [4]], attrs: { groups: 1 } },
      { shapes: [[3, 40], [40], [40]], attrs: { groups: 2 } },
      { shapes: [[2, 2, 67], [2], [2]], attrs: { groups: 2 } },
      { shapes: [[0, 4, 3], [4], [4]], attrs: { groups: 2 } },
    ],
    torch: "F.group_norm(x[0], a['groups'], x[1] if len(x) > 1 else None, x[2] if len(x) > 2 else None)",
    rejects: [
      { call: () => groupNorm(zeros([2, 5]), 2), message: /groupNorm: x \[2,5\] has 5 channels, which do not make 2 equal groups/ },
      { call: () => groupNorm(zeros([5]), 1), message: /groupNorm: x \[5\] must be \[N, C, \.\.\.\]/ },
      { call: () => groupNorm(zeros([2, 4]), 2, { weight: ones([2]) }), message: /groupNorm: weight \[2\] must be \[4\]/ },
    ],
  }),
];
