import { crossEntropy, data, noGrad, scope, type nn, type optim, type Tensor } from 'chainrule';
import { progressBar } from '../lib/terminal.js';
import type { Images } from './images.js';

/** A network from a batch of images to logits. */
export type Classifier = nn.Module & { forward(x: Tensor): Tensor };

export interface Plan {
  readonly label: string;
  readonly model: Classifier;
  readonly optimizer: optim.Optimizer;
  readonly schedule?: optim.Schedule;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Brings a batch of images [N, 1, 28, 28] into the model's form. */
  readonly prepare: (images: Tensor) => Tensor;
}

export interface Trained {
  /** Loss of every step. */
  readonly losses: readonly number[];
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

const smoothing = 0.05;

/** The loop that everybody writes: zeroGrad, forward, backward, step. The event loop stays free; the numbers on the bar come back by `await`. */
export async function train(plan: Plan, { images, labels }: Images): Promise<Trained> {
  const { model, optimizer, schedule, epochs, batchSize } = plan;
  const loader = new data.DataLoader(new data.TensorDataset(images, labels), { batchSize, shuffle: true, seed: plan.seed, dropLast: true });
  const steps = epochs * loader.length;
  const bar = progressBar(plan.label, steps, ['loss', 'accuracy', 'images/s']);
  const losses: number[] = [];
  let accuracy = 0;
  const started = performance.now();
  model.train();
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const [x, y] of loader) {
      optimizer.zeroGrad();
      const logits = model.call(plan.prepare(x));
      const loss = crossEntropy(logits, y);
      const hits = countHits(logits, y);
      loss.backward();
      optimizer.step();
      schedule?.step();
      const [lossValue, hitCount] = await Promise.all([loss.item(), hits.item()]);
      losses.push(lossValue);
      accuracy += (losses.length === 1 ? 1 : smoothing) * (hitCount / batchSize - accuracy);
      bar.update(losses.length, {
        loss: lossValue.toFixed(3),
        accuracy: `${(accuracy * 100).toFixed(1)} %`,
        'images/s': rate(losses.length * batchSize, started),
      });
    }
  }
  bar.stop();
  const seconds = (performance.now() - started) / 1000;
  return { losses, seconds, imagesPerSecond: (steps * batchSize) / seconds };
}

function rate(count: number, started: number): string {
  return ((count / (performance.now() - started)) * 1000).toFixed(0);
}

/** How many rows of logits have their largest value at the label. logits [N, C], labels [N] -> []. */
function countHits(logits: Tensor, labels: Tensor): Tensor {
  return scope(() => noGrad(() => logits.argmax({ axis: 1 }).eq(labels.to('i64')).to('f32').sum()));
}

/** Predicted classes of all images, in batches, without a graph. */
export async function predict(plan: Plan, { images }: Images): Promise<number[]> {
  plan.model.eval();
  const predicted: number[] = [];
  const count = images.shape[0] ?? 0;
  const size = 500;
  for (let begin = 0; begin < count; begin += size) {
    const batch = scope(() =>
      noGrad(() =>
        plan.model
          .call(plan.prepare(images.narrow(0, begin, Math.min(size, count - begin))))
          .topk(1)
          .indices.squeeze(1),
      ),
    );
    for (const label of await batch.data()) predicted.push(Number(label));
    batch.dispose();
  }
  return predicted;
}
