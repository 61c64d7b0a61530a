/** Reductions, softmax, losses and normalisation in GB/s of what they must at least read and write: `npm run bench -- reduce.bench`. Options: --threads 1,2  --seconds 0.5 */
import { parseArgs } from 'node:util';
import {
  batchNorm,
  crossEntropy,
  engine,
  full,
  layerNorm,
  logSoftmax,
  ones,
  scope,
  softmax,
  sum,
  variance,
  zeros,
  type Tensor,
} from '../src/index.js';
import { machine, measure } from './lib/measure.js';

const { values } = parseArgs({ options: { threads: { type: 'string', default: '1,2' }, seconds: { type: 'string', default: '0.5' } } });

interface Work {
  readonly name: string;
  readonly shape: readonly number[];
  /** How many times the input's bytes are read or written. */
  readonly passes: number;
  readonly call: (x: Tensor) => Tensor;
  /** With the gradient of the sum of the result. */
  readonly backward?: boolean;
}

const image = [64, 32, 28, 28];
const works: readonly Work[] = [
  { name: 'sum all', shape: [4096, 4096], passes: 1, call: (x) => sum(x) },
  { name: 'sum last', shape: [4096, 4096], passes: 1, call: (x) => sum(x, { axis: -1 }) },
  { name: 'sum first', shape: [4096, 4096], passes: 1, call: (x) => sum(x, { axis: 0 }) },
  { name: 'sum all', shape: [256, 256], passes: 1, call: (x) => sum(x) },
  { name: 'sum first', shape: [128, 256], passes: 1, call: (x) => sum(x, { axis: 0 }) },
  { name: 'sum last', shape: [100000, 10], passes: 1, call: (x) => sum(x, { axis: -1 }) },
  { name: 'sum N, H, W', shape: image, passes: 1, call: (x) => sum(x, { axis: [0, 2, 3] }) },
  { name: 'variance last', shape: [4096, 1024], passes: 2, call: (x) => variance(x, { axis: -1 }) },
  { name: 'softmax', shape: [4096, 1024], passes: 2, call: (x) => softmax(x) },
  { name: 'softmax', shape: [10000, 10], passes: 2, call: (x) => softmax(x) },
  { name: 'logSoftmax', shape: [4096, 1024], passes: 2, call: (x) => logSoftmax(x) },
  { name: 'crossEntropy', shape: [4096, 1024], passes: 1, call: loss },
  { name: 'crossEntropy', shape: [4096, 1024], passes: 3, call: loss, backward: true },
  { name: 'crossEntropy', shape: [128, 10], passes: 3, call: loss, backward: true },
  { name: 'layerNorm', shape: [4096, 1024], passes: 2, call: (x) => layerNorm(x, 1024) },
  { name: 'layerNorm', shape: [4096, 1024], passes: 5, call: (x) => layerNorm(x, 1024), backward: true },
  { name: 'batchNorm', shape: image, passes: 2, call: (x) => batchNorm(x, { training: true }) },
  { name: 'batchNorm', shape: image, passes: 5, call: (x) => batchNorm(x, { training: true }), backward: true },
  { name: 'batchNorm', shape: [512, 256], passes: 2, call: (x) => batchNorm(x, { training: true }) },
];

const labels = new Map<number, Tensor>();
function loss(x: Tensor): Tensor {
  const n = x.shape[0] ?? 0;
  let rows = labels.get(n);
  if (rows === undefined) labels.set(n, (rows = zeros([n], { dtype: 'i32' })));
  return crossEntropy(x, rows);
}
for (const { call, shape } of works) if (call === loss) loss(zeros(shape));

for (const threads of values.threads.split(',').map(Number)) {
  engine.setThreads(threads);
  console.log(machine());
  for (const { name, shape, passes, call, backward = false } of works) {
    scope(() => {
      const x = full(shape, 0.5, { requiresGrad: backward });
      const g = backward ? ones(call(x).shape) : null;
      const run = (): void => {
        const y = call(x);
        if (g === null) return;
        y.backward({ gradient: g });
        x.grad?.dispose();
        x.grad = null;
      };
      const bytes = 4 * x.size * passes;
      const { median } = measure(() => scope(run), x.size, Number(values.seconds));
      const speed = `${(bytes / median / 1e9).toFixed(1).padStart(7)} GB/s ${(median * 1e6).toFixed(0).padStart(8)} us`;
      console.log(`${(backward ? `${name}, gradient` : name).padEnd(24)} [${shape.join(',')}]`.padEnd(46) + speed);
    });
  }
}
