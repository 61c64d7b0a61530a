import { expect, it } from 'vitest';
import { binaryCrossEntropy, gradients, tensor, type Tensor } from '../../src/index.js';

const values = (x: Tensor): number[] => [...x.dataSync()].map((v) => Number(v) + 0); // -0 counts as 0

it('has finite losses and slopes where a probability is 0 or 1', () => {
  const [x, target] = [tensor([0, 1, 0, 1, 0.5]), tensor([0, 1, 1, 0, 0.25])];
  for (const t of [x, target]) t.requiresGrad = true;
  const losses = binaryCrossEntropy(x, target, { reduction: 'none' });
  expect(values(losses)).toEqual([0, 0, 100, 100, Math.fround(Math.LN2)]);
  const [gx, gTarget] = gradients([losses.sum()], [x, target]);
  // (x - t) / (x (1 - x)), whose divisor is 1e-12 at least, as PyTorch's.
  expect(values(gx!)).toEqual([0, 0, -Math.fround(1 / Math.fround(1e-12)), Math.fround(1 / Math.fround(1e-12)), 1]);
  expect(values(gTarget!)).toEqual([100, -100, 100, -100, 0]);
});
