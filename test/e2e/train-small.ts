/**
 * Trains both networks of the example on a few hundred images and prints a hash of the weights: what determinism.test.ts runs under different thread counts
 * and instruction sets. The environment decides those (CHAINRULE_THREADS, CHAINRULE_ISA).
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engine, manualSeed, optim, weightHash } from 'chainrule';
import { loadFashionMnist, type Images } from '../../examples/fashion-mnist/images.js';
import { Mlp, ResidualCnn } from '../../examples/fashion-mnist/models.js';
import { train } from '../../examples/fashion-mnist/training.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../examples/data/fashion-mnist');
const { train: all } = await loadFashionMnist(folder);
console.log = () => undefined; // the progress lines of train()

function first(count: number): Images {
  return { pixels: all.pixels.narrow(0, 0, count), images: all.images.narrow(0, 0, count), labels: all.labels.narrow(0, 0, count) };
}

manualSeed(7);
const mlp = new Mlp();
await train(
  {
    label: '',
    model: mlp,
    optimizer: new optim.SGD(mlp.parameters(), { lr: 0.01 }),
    epochs: 2,
    batchSize: 10,
    seed: 7,
    prepare: (x) => x.reshape([-1, 784]),
  },
  first(500),
);

const cnn = new ResidualCnn();
const optimizer = new optim.AdamW(cnn.parameters(), { lr: 3e-3, weightDecay: 0.05 });
const schedule = optim.warmupCosine(optimizer, { warmup: 2, total: 12 });
const { losses } = await train(
  { label: '', model: cnn, optimizer, schedule, epochs: 2, batchSize: 32, seed: 7, prepare: (x) => x },
  first(192),
);

const { threads, isa } = engine.stats();
const hashes = { mlp: await weightHash(mlp.stateDict()), cnn: await weightHash(cnn.stateDict()) };
process.stdout.write(`${JSON.stringify({ threads, isa, ...hashes, loss: losses.at(-1) })}\n`);
