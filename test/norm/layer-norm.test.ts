import { describe, expect, it } from 'vitest';
import { fromArray, gradients, layerNorm, narrow, scope, type Tensor } from '../../src/index.js';

/** 3 x 12 MB: the gradient goes past the caches, and its rows are whole lines of them; rows of 767 never are. */
const rows = 4000;

function gradientsOf(x: Tensor, g: Tensor, weight: Tensor, bias: Tensor): Tensor[] {
  const leaf = x.detach();
  leaf.requiresGrad = true;
  return gradients([layerNorm(leaf, leaf.shape[1] ?? 0, { weight, bias })], [leaf, weight, bias], { gradients: [g] });
}

describe('the gradient of a large layerNorm', () => {
  it.each([768, 767])('has the bits that a small one has in each row of %i', (n) => {
    scope(() => {
      const ramp = (step: number, count: number): Float32Array =>
        Float32Array.from({ length: count }, (_, i) => (((i * step) % 1013) - 500) / 300);
      const [x, g] = [fromArray(ramp(7919, rows * n), [rows, n]), fromArray(ramp(104_729, rows * n), [rows, n])];
      const [weight, bias] = [fromArray(ramp(31, n), [n], { requiresGrad: true }), fromArray(ramp(17, n), [n], { requiresGrad: true })];
      const [large, slopes, levels] = gradientsOf(x, g, weight, bias);
      for (const start of [0, 1237, rows - 9]) {
        const [small] = gradientsOf(narrow(x, 0, start, 9), narrow(g, 0, start, 9), weight, bias);
        expect(large && narrow(large, 0, start, 9).dataSync()).toEqual(small?.dataSync());
      }
      // The sums are those of plain loops, in f64.
      const cotangents = g.dataSync();
      const last = n - 1;
      let level = 0;
      for (let r = 0; r < rows; r++) level += Number(cotangents[r * n + last]);
      // A sum of 128 rows, then of 32 or so, and a tree: some 170 roundings of at most rows * max |g|.
      expect(Math.abs(Number(levels?.dataSync()[last]) - level)).toBeLessThan(170 * 2 ** -24 * rows * 2);
      expect(slopes?.shape).toEqual([n]);
    });
  });
});

describe('layerNorm', () => {
  it.each([
    [7, 1],
    [7, 17],
    [23, 100],
    [6, 256],
    [6, 257],
    [4100, 768], // 2 x 12 MB: the result goes past the caches
    [4100, 767],
  ])('gives [%i, %i] the bits that each row has by itself', (count, n) => {
    scope(() => {
      const ramp = (step: number, size: number): Float32Array =>
        Float32Array.from({ length: size }, (_, i) => (((i * step) % 1013) - 500) / 300);
      const x = fromArray(ramp(7919, count * n), [count, n]);
      const options = { weight: fromArray(ramp(31, n), [n]), bias: fromArray(ramp(17, n), [n]) };
      const all = layerNorm(x, n, options);
      for (const row of [0, 1, 3, count - 3, count - 1]) {
        expect(narrow(all, 0, row, 1).dataSync()).toEqual(layerNorm(narrow(x, 0, row, 1), n, options).dataSync());
      }
    });
  });
});
