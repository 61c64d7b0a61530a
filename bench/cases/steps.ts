/** Whole training steps: forward, backward, optimizer. Inputs: x, labels, then the parameters in the order of the models in peers/models.ts. */
import { bytesOf, input, row, sizeOf, type Case, type Input } from '../lib/case.js';

/** Uniform in +-1/sqrt(fanIn), as layers start. */
const started = (shape: readonly number[], fanIn: number): Input =>
  input(shape, { low: -1 / Math.sqrt(fanIn), high: 1 / Math.sqrt(fanIn) });
const scale = (n: number): Input => input([n], { low: 0.9, high: 1.1 });
const shift = (n: number): Input => input([n], { low: -0.1, high: 0.1 });

const linear = (from: number, to: number, bias = true): Input[] => [started([to, from], from), ...(bias ? [started([to], from)] : [])];
const conv = (from: number, to: number, k: number, bias = true): Input[] => [
  started([to, from, k, k], from * k * k),
  ...(bias ? [started([to], from * k * k)] : []),
];
const norm = (n: number): Input[] => [scale(n), shift(n)];

const resnetBlock = (from: number, to: number): Input[] => [
  ...conv(from, to, 3, false),
  ...norm(to),
  ...conv(to, to, 3, false),
  ...norm(to),
  ...(from === to ? [] : [...conv(from, to, 1, false), ...norm(to)]),
];
const lstmLayer = (from: number, hidden: number): Input[] =>
  [[4 * hidden, from], [4 * hidden, hidden], [4 * hidden], [4 * hidden]].map((shape) => started(shape, hidden));
const transformerBlock = (d: number): Input[] => [
  ...norm(d),
  ...linear(d, 3 * d),
  ...linear(d, d),
  ...norm(d),
  ...linear(d, 4 * d),
  ...linear(4 * d, d),
];

interface Step {
  readonly name: string;
  readonly model: string;
  readonly optimizer: 'Adam' | 'SGD' | 'none';
  readonly x: Input;
  readonly labels?: Input;
  readonly parameters: readonly Input[];
  /** Of the products and convolutions, forward and both gradients; the first layer's input has none. */
  readonly gflop: number;
}

const classes = (shape: readonly number[], below: number): Input => input(shape, { below }, 'i64');
const mlp = [...linear(784, 256), ...linear(256, 10)];
const mlpStep = (batch: number, optimizer: 'Adam' | 'SGD'): Step => ({
  name: `MLP 784-256-10, batch ${batch}, ${optimizer === 'SGD' ? 'SGD with momentum' : optimizer}`,
  model: 'mlp',
  optimizer,
  x: input([batch, 784]),
  labels: classes([batch], 10),
  parameters: mlp,
  gflop: (batch * (4 * 784 * 256 + 6 * 256 * 10)) / 1e9,
});

const steps: readonly Step[] = [
  mlpStep(64, 'Adam'),
  mlpStep(64, 'SGD'),
  mlpStep(512, 'Adam'),
  {
    name: 'CNN 32-64-fc128, 28x28, batch 64, Adam',
    model: 'cnn',
    optimizer: 'Adam',
    x: input([64, 1, 28, 28]),
    labels: classes([64], 10),
    parameters: [...conv(1, 32, 3), ...conv(32, 64, 3), ...linear(3136, 128), ...linear(128, 10)],
    gflop: 1.6,
  },
  {
    name: 'LSTM 2 x 256, 64 steps, batch 32, Adam',
    model: 'lstm',
    optimizer: 'Adam',
    x: input([32, 64, 256]),
    labels: classes([32, 64], 65),
    parameters: [...lstmLayer(256, 256), ...lstmLayer(256, 256), ...linear(256, 65)],
    gflop: 12,
  },
  {
    name: 'GPT, 4 layers, d 256, T 128, batch 16, Adam',
    model: 'gpt',
    optimizer: 'Adam',
    x: classes([16, 128], 65),
    labels: classes([16, 128], 65),
    parameters: [
      started([65, 256], 1),
      started([128, 256], 1),
      ...Array.from({ length: 4 }, () => transformerBlock(256)).flat(),
      ...norm(256),
      ...linear(256, 65, false),
    ],
    gflop: 42.1,
  },
  {
    name: 'BERT-like, 2 layers, d 768, T 128, batch 8, forward and backward',
    model: 'bert',
    optimizer: 'none',
    x: input([8, 128, 768]),
    parameters: [...transformerBlock(768), ...transformerBlock(768)],
    gflop: 89.4,
  },
  {
    name: 'ResNet-18 for 32x32, batch 32, SGD with momentum',
    model: 'resnet18',
    optimizer: 'SGD',
    x: input([32, 3, 32, 32]),
    labels: classes([32], 10),
    parameters: [
      ...conv(3, 64, 3, false),
      ...norm(64),
      ...[64, 128, 256, 512].flatMap((to, i) => [...resnetBlock(i === 0 ? 64 : to / 2, to), ...resnetBlock(to, to)]),
      ...linear(512, 10),
    ],
    gflop: 106.5,
  },
];

export const trainingSteps: readonly Case[] = steps.map(({ name, model, optimizer, x, labels, parameters, gflop }) => {
  // Each parameter is read twice and its gradient written once; the optimizer reads and writes it and its means again.
  const weights = parameters.reduce((sum, p) => sum + bytesOf(p), 0);
  const slots = { Adam: 2, SGD: 1, none: 0 }[optimizer];
  return row({
    group: 'steps',
    case: name,
    kind: 'step',
    inputs: [x, ...(labels === undefined ? [] : [labels]), ...parameters],
    options: { model, optimizer, labels: labels !== undefined },
    flops: gflop * 1e9,
    reads: weights * (3 + slots) + bytesOf(x),
    writes: weights * (1 + (optimizer === 'none' ? 0 : 1 + slots)),
    sums: Math.max(...parameters.map((p) => sizeOf(p.shape.slice(1)))),
  });
});
