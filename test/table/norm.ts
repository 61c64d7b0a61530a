import { logSoftmax, softmax, tensor, zeros } from '../../src/index.js';
import { along } from '../helpers/nd.js';
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

const axisCases = [
  { shapes: [[3, 5]], attrs: { axis: -1 } },
  { shapes: [[1]], attrs: { axis: 0 } },
  { shapes: [[7, 3]], attrs: { axis: 0 } },
  { shapes: [[2, 3, 4]], attrs: { axis: 1 } },
  { shapes: [[2, 37]], attrs: { axis: 1 } },
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
];
