/** Linear layers with int8 weights, activations quantised on the way, and products of bf16 matrices. Weights are quantised before the timing, by each engine's own rule. */
import { input, itemBytes, row, type Case } from '../lib/case.js';

const sizes: readonly (readonly [m: number, k: number, n: number])[] = [
  [1024, 1024, 1024],
  [512, 768, 3072],
  [1, 4096, 4096],
];

const group = 'low-precision';
/** Half a step of int8, and of bf16's eight bits: what takes the place of f32's rounding when results are compared. */
const eps = 2 ** -8;

export const lowPrecision: readonly Case[] = sizes.flatMap(([m, k, n]) => {
  const flops = 2 * m * k * n;
  const bf16 = itemBytes.bf16;
  return [
    row({
      group,
      case: `linear int8 ${m}x${k}x${n}`,
      kind: 'quantizedLinear',
      inputs: [input([m, k]), input([n, k])],
      flops,
      reads: 4 * m * k + n * k,
      writes: 4 * m * n,
      eps,
    }),
    row({
      group,
      case: `A B^T bf16 ${m}x${k}x${n}`,
      kind: 'matmul',
      options: { tb: true },
      inputs: [input([m, k], { low: -1, high: 1 }, 'bf16'), input([n, k], { low: -1, high: 1 }, 'bf16')],
      flops,
      writes: bf16 * m * n,
      eps,
    }),
  ];
});
