/**
 * Trains two networks on real images: the 784-256-10 perceptron of the textbook listing, and a small residual CNN. Run it with `npm start`.
 */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { engine, manualSeed, nn, optim, saveSafetensors, weightHash, type Tensor } from 'chainrule';
import { classes, loadFashionMnist, type Images } from './fashion-mnist/images.js';
import { Mlp, ResidualCnn } from './fashion-mnist/models.js';
import { readOptions, usage, type Options } from './fashion-mnist/options.js';
import { predict, train, type Plan, type Trained } from './fashion-mnist/training.js';
import { curve, picture, sideBySide } from './lib/terminal.js';

const here = dirname(fileURLToPath(import.meta.url));
/** Everything that is measured. */
interface Figures {
  act1?: { accuracy: number; seconds: number };
  act2?: { accuracy: number; seconds: number; imagesPerSecond: number };
  peakMemoryMB: number;
  eventLoopP99Ms: number;
  weightHash: string;
}

interface Result extends Trained {
  readonly accuracy: number;
  readonly predicted: readonly number[];
  readonly eventLoopP99Ms: number;
}

/** Trains, tests, and prints one act. */
async function perform(plan: Plan, trainSet: Images, testSet: Images): Promise<Result> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const trained = await train(plan, trainSet);
  delay.disable();
  const predicted = await predict(plan, testSet);
  const labels = Array.from(await testSet.labels.data(), Number);
  const hits = predicted.filter((label, i) => label === labels[i]).length;
  const accuracy = hits / labels.length;
  console.log(
    `${plan.label}: ${(accuracy * 100).toFixed(1)} % of ${labels.length} test images, ${trained.seconds.toFixed(1)} s, ${trained.imagesPerSecond.toFixed(0)} images/s`,
  );
  return { ...trained, accuracy, predicted, eventLoopP99Ms: delay.percentile(99) / 1e6 };
}

function act1(seed: number): Plan {
  manualSeed(seed);
  const model = new Mlp();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  return { label: 'act 1, MLP 784-256-10', model, optimizer, epochs: 10, batchSize: 10, seed, prepare: (x) => x.reshape([-1, 784]) };
}

function act2(seed: number, images: number): Plan {
  manualSeed(seed);
  const model = new ResidualCnn();
  const batchSize = 64;
  const epochs = 8;
  const steps = epochs * Math.floor(images / batchSize);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3, weightDecay: 0.05 });
  const schedule = optim.warmupCosine(optimizer, { warmup: Math.round(steps / 10), total: steps });
  return { label: 'act 2, residual CNN   ', model, optimizer, schedule, epochs, batchSize, seed, prepare: (x) => x };
}

/** A few test images with the class that the network sees and the true one. */
async function showPredictions(test: Images, predicted: readonly number[]): Promise<void> {
  const labels = Array.from(await test.labels.data(), Number);
  const pixels = await test.pixels.data();
  const wrong = predicted.findIndex((label, i) => label !== labels[i]);
  const shown = [0, 1, 2, wrong < 0 ? 3 : wrong];
  const blocks = shown.map((i) => {
    const caption = predicted[i] === labels[i] ? name(labels[i]) : `${name(predicted[i])}? no, ${name(labels[i])}`;
    return { lines: picture(Array.from(pixels.slice(i * 784, (i + 1) * 784), Number), 28, 28), width: 28, caption };
  });
  console.log(`\n${sideBySide(blocks)}\n`);
}

function name(label: number | undefined): string {
  return classes[label ?? -1] ?? '?';
}

/** The weights of an act that was played, as `act2.layers.0.weight`. */
function prefixed(act: string, result: Result | undefined, { model }: Plan): [string, Tensor][] {
  return result === undefined ? [] : [...model.stateDict()].map(([key, value]) => [`${act}.${key}`, value]);
}

async function main({ acts, json, out, seed, threads: wanted }: Options): Promise<void> {
  if (wanted !== null) engine.setThreads(wanted);
  const { threads, isa } = engine.stats();
  const { train: trainSet, test } = await loadFashionMnist(join(here, 'data', 'fashion-mnist'));
  const images = trainSet.images.shape[0] ?? 0;
  console.log(`chainrule, ${threads} threads, ${isa}: Fashion-MNIST, ${images} images to learn from\n`);

  const first = act1(seed);
  const one = acts.includes('1') ? await perform(first, trainSet, test) : undefined;
  const second = act2(seed, images);
  if (acts.includes('2')) console.log(`\n${nn.summary(second.model, [1, 1, 28, 28])}\n`);
  const two = acts.includes('2') ? await perform(second, trainSet, test) : undefined;

  const last = two ?? one;
  if (last === undefined) throw new Error('no act was played');
  await showPredictions(test, last.predicted);
  console.log(curve(last.losses, 'loss by step'));

  const state = new Map([...prefixed('act1', one, first), ...prefixed('act2', two, second)]);
  const hash = await weightHash(state);
  const file = join(out, 'fashion-mnist.safetensors');
  await saveSafetensors(file, state);
  const figures: Figures = {
    ...(one === undefined ? {} : { act1: { accuracy: one.accuracy, seconds: one.seconds } }),
    ...(two === undefined ? {} : { act2: { accuracy: two.accuracy, seconds: two.seconds, imagesPerSecond: two.imagesPerSecond } }),
    peakMemoryMB: process.resourceUsage().maxRSS / 1024,
    eventLoopP99Ms: last.eventLoopP99Ms,
    weightHash: hash,
  };
  console.log(`\npeak memory ${figures.peakMemoryMB.toFixed(0)} MB, event loop p99 ${figures.eventLoopP99Ms.toFixed(2)} ms while training`);
  console.log(`weights ${hash} in ${file}`);
  if (json !== null) await writeFile(json, `${JSON.stringify(figures, null, 2)}\n`);
}

let options: Options | null = null;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
if (options?.help === true) console.log(usage);
else if (options !== null) await main(options);
