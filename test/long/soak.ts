/**
 * Resident memory over many training steps of a 784-256-10 network, with no dispose() and no scope in this code. After `npm run build`:
 *
 *     node --import tsx test/long/soak.ts --mode await --steps 10000
 *     node --import tsx test/long/soak.ts --mode sync --steps 10000
 *
 * Prints one line of JSON; test/engine/soak.test.ts runs it with fewer steps.
 */
import { parseArgs } from 'node:util';

import { crossEntropy, engine, fromArray, manualSeed, nn, optim, type Tensor } from 'chainrule';

const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'await' },
    steps: { type: 'string', default: '10000' },
    batch: { type: 'string', default: '32' },
  },
});
const steps = Number(options.steps);
const batch = Number(options.batch);

manualSeed(1);
const model = new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });

const pixels = Float32Array.from({ length: 512 * 784 }, (_, i) => ((i * 2654435761) >>> 8) / 2 ** 24);
const classes = Int32Array.from({ length: 512 }, (_, i) => (i * 7) % 10);

/** One step as in the README: everything it makes is left to the engine. */
function train(step: number): Tensor {
  const first = (step * batch) % (512 - batch);
  const x = fromArray(pixels.subarray(first * 784, (first + batch) * 784), [batch, 784]);
  const y = fromArray(classes.subarray(first, first + batch), [batch]);
  optimizer.zeroGrad();
  const loss = crossEntropy(model.call(x), y);
  loss.backward();
  optimizer.step();
  return loss;
}

interface Sample {
  readonly step: number;
  readonly rssMB: number;
  readonly liveMB: number;
  readonly heapMB: number;
  readonly tensors: number;
}
const samples: Sample[] = [];
const round = (mb: number): number => Math.round((mb / 2 ** 20) * 10) / 10;

function sample(step: number): void {
  const { rss, heapUsed } = process.memoryUsage();
  const { liveBytes, liveTensors } = engine.stats();
  samples.push({ step, rssMB: round(rss), liveMB: round(liveBytes), heapMB: round(heapUsed), tensors: liveTensors });
}

const every = Math.max(1, Math.floor(steps / 200));
let loss = 0;
const start = performance.now();
for (let step = 1; step <= steps; step++) {
  if (options.mode === 'sync') loss = train(step).itemSync();
  else loss = await train(step).item();
  if (step % every === 0) sample(step);
}
const seconds = (performance.now() - start) / 1000;

/** Highest of each part of the run: collections make single readings go up and down. */
const peaks = Array.from({ length: 5 }, (_, part) =>
  Math.max(...samples.filter(({ step }) => Math.ceil((step / steps) * 5) - 1 === part).map(({ rssMB }) => rssMB)),
);
const last = samples.at(-1);
console.log(
  JSON.stringify({
    mode: options.mode,
    steps,
    batch,
    seconds: Math.round(seconds * 10) / 10,
    loss,
    rssPeaksMB: peaks,
    last,
    reservedMB: round(engine.stats().reservedBytes),
  }),
);
