/** Sums, softmax, normalisation and losses, each with its gradient. The cotangent is the last input. */
import { input, row, sizeOf, type Case } from '../lib/case.js';

interface Reduction {
  readonly name: string;
  readonly kind: string;
  readonly shape: readonly number[];
  /** Shape of the result, where it is not x's. */
  readonly result?: readonly number[];
  readonly options?: Case['options'];
  /** Inputs beside x; gradients are taken of these floats too. */
  readonly parameters?: readonly (readonly number[])[];
  readonly sums: number;
  /** Whether there is a row for the gradient too; that of a sum is a view of the cotangent and no work. */
  readonly gradient?: boolean;
}

function rows({ name, kind, shape, result = shape, options = {}, parameters = [], sums, gradient = true }: Reduction): Case[] {
  const [x, y] = [4 * sizeOf(shape), 4 * sizeOf(result)];
  const inputs = [input(shape, { low: -2, high: 2 }), ...parameters.map((each) => input(each, { low: 0.5, high: 1.5 }))];
  const common = { group: 'reductions', kind, options, sums };
  const forward = row({ ...common, case: `${name} [${shape.join()}]`, inputs, writes: y });
  if (!gradient) return [forward];
  // Both passes read x; the second reads the cotangent too and writes x's gradient.
  const both = row({
    ...common,
    case: `${name} [${shape.join()}] and gradient`,
    mode: 'both',
    wrt: inputs.map((_, i) => i),
    inputs: [...inputs, input(result)],
    reads: 2 * x + y,
    writes: y + x,
    sums: Math.max(sums, parameters.length > 0 ? sizeOf(shape) / sizeOf(parameters[0] ?? []) : 1),
  });
  return [forward, both];
}

function crossEntropy(n: number, classes: number): Case[] {
  const inputs = [input([n, classes], { low: -4, high: 4 }), input([n], { below: classes }, 'i64')];
  const x = 4 * n * classes;
  const common = { group: 'reductions', kind: 'crossEntropy', sums: classes };
  const name = `crossEntropy [${n},${classes}]`;
  return [
    row({ ...common, case: name, inputs }),
    row({
      ...common,
      case: `${name} and gradient`,
      mode: 'both',
      wrt: [0],
      inputs: [...inputs, input([], { low: 1, high: 1 })],
      reads: 2 * x,
      writes: x,
    }),
  ];
}

const rank4 = [64, 32, 28, 28];

const works: readonly Reduction[] = [
  { name: 'sum all', kind: 'sum', shape: [10_000_000], result: [], sums: 1e7, gradient: false },
  { name: 'sum last', kind: 'sum', shape: [4096, 1024], result: [4096], options: { axis: [1] }, sums: 1024, gradient: false },
  { name: 'sum first', kind: 'sum', shape: [4096, 1024], result: [1024], options: { axis: [0] }, sums: 4096, gradient: false },
  { name: 'sum N, H, W', kind: 'sum', shape: rank4, result: [32], options: { axis: [0, 2, 3] }, sums: 64 * 784, gradient: false },
  { name: 'sum last', kind: 'sum', shape: [100_000, 10], result: [100_000], options: { axis: [1] }, sums: 10, gradient: false },
  { name: 'mean last', kind: 'mean', shape: [4096, 1024], result: [4096], options: { axis: [1] }, sums: 1024, gradient: false },
  { name: 'variance last', kind: 'variance', shape: [4096, 1024], result: [4096], options: { axis: [1] }, sums: 1024, gradient: false },
  { name: 'softmax', kind: 'softmax', shape: [4096, 1024], sums: 1024 },
  { name: 'softmax', kind: 'softmax', shape: [10_000, 10], sums: 10 },
  { name: 'logSoftmax', kind: 'logSoftmax', shape: [4096, 1024], sums: 1024 },
  { name: 'layerNorm', kind: 'layerNorm', shape: [4096, 768], parameters: [[768], [768]], sums: 768 },
  { name: 'batchNorm', kind: 'batchNorm', shape: rank4, parameters: [[32], [32]], sums: 64 * 784 },
];

export const reductions: readonly Case[] = [...works.flatMap(rows), ...crossEntropy(512, 30_522), ...crossEntropy(128, 10)];
