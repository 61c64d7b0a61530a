/** conv2d and its gradients, as a share of the fma peak measured in the same run: `npm run bench -- conv.bench`. Options: --threads 1,2  --seconds 0.3 */
import { parseArgs } from 'node:util';
import { conv2d, engine, full, gradients, scope, type Tensor } from '../src/index.js';
import { line, machine, measure } from './lib/measure.js';

const { values } = parseArgs({ options: { threads: { type: 'string', default: '1,2' }, seconds: { type: 'string', default: '0.3' } } });

interface Layer {
  readonly batch: number;
  readonly channels: readonly [input: number, output: number];
  readonly side: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

const layers: readonly Layer[] = [
  { batch: 64, channels: [1, 16], side: 28, kernel: 3 },
  { batch: 64, channels: [16, 16], side: 28, kernel: 3 },
  { batch: 64, channels: [16, 32], side: 28, kernel: 3, stride: 2 },
  { batch: 64, channels: [16, 32], side: 28, kernel: 1, stride: 2 },
  { batch: 64, channels: [32, 32], side: 14, kernel: 3 },
  { batch: 64, channels: [32, 64], side: 14, kernel: 3, stride: 2 },
  { batch: 64, channels: [64, 64], side: 7, kernel: 3 },
  { batch: 64, channels: [64, 64], side: 14, kernel: 3 },
  { batch: 8, channels: [64, 64], side: 56, kernel: 3 },
  { batch: 8, channels: [128, 128], side: 28, kernel: 3 },
  { batch: 8, channels: [64, 256], side: 56, kernel: 1 },
  { batch: 8, channels: [3, 64], side: 224, kernel: 7, stride: 2 },
  { batch: 8, channels: [128, 128], side: 28, kernel: 3, groups: 128 },
];

function run({ batch, channels, side, kernel, stride = 1, groups = 1 }: Layer): void {
  const x = full([batch, channels[0], side, side], 0.5);
  const weight = full([channels[1], channels[0] / groups, kernel, kernel], 0.5);
  x.requiresGrad = true;
  weight.requiresGrad = true;
  const options = { stride, padding: kernel >> 1, groups };
  const y = conv2d(x, weight, null, options);
  const g = full(y.shape, 0.5);
  const flops = 2 * y.size * (channels[0] / groups) * kernel * kernel;
  const gradient = (of: Tensor) => () => scope(() => void gradients([y], [of], { gradients: [g], retainGraph: true }));
  const cases = { forward: () => scope(() => void conv2d(x, weight, null, options)), 'grad x': gradient(x), 'grad w': gradient(weight) };
  console.log(`[${x.shape.join()}] -> [${y.shape.join()}], ${kernel} x ${kernel}${groups > 1 ? `, ${groups} groups` : ''}`);
  for (const [name, work] of Object.entries(cases))
    console.log(`  ${name.padEnd(8)} ${line(measure(work, flops, Number(values.seconds)), flops)}`);
}

for (const threads of values.threads.split(',').map(Number)) {
  engine.setThreads(threads);
  console.log(machine());
  for (const layer of layers) scope(() => run(layer));
}
