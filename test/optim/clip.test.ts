import { describe, expect, it } from 'vitest';
import { engine, fromArray, keep, optim, tensor, zeros, type Tensor } from '../../src/index.js';

function parameter(gradient: number[]): Tensor {
  const p = zeros([gradient.length], { dtype: 'f64', requiresGrad: true });
  p.grad = tensor(gradient, { dtype: 'f64' });
  return p;
}

describe('clipGradNorm', () => {
  it('returns the common norm and scales by it', () => {
    const params = [parameter([3, 0]), parameter([0, -4]), zeros([2], { requiresGrad: true })];
    const norm = optim.clipGradNorm(params, 1);
    expect(norm.itemSync()).toBe(5);
    const scale = 1 / (5 + 1e-6);
    expect([...params[0]!.grad!.dataSync()]).toEqual([3 * scale, 0]);
    expect(params[1]!.grad!.dataSync()[1]).toBe(-4 * scale);
  });

  it('leaves small gradients alone, bit for bit', () => {
    const p = parameter([0.1, 0.2]);
    optim.clipGradNorm([p], 10);
    expect([...p.grad!.dataSync()]).toEqual([0.1, 0.2]);
  });

  it('knows the sum of magnitudes and the maximum', () => {
    expect(optim.clipGradNorm([parameter([3, -4]), parameter([5])], 100, { normType: 1 }).itemSync()).toBe(12);
    expect(optim.clipGradNorm([parameter([3, -4]), parameter([-5])], 100, { normType: Infinity }).itemSync()).toBe(5);
  });

  it('sums many elements the same for any number of threads', () => {
    const values = Float32Array.from({ length: 200_001 }, (_, i) => Math.sin(i));
    const results = [1, 2, 3].map((threads) => {
      engine.setThreads(threads);
      const p = zeros([values.length], { requiresGrad: true });
      p.grad = fromArray(values, [values.length]);
      return optim.clipGradNorm([p], 1).itemSync();
    });
    const exact = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    expect(new Set(results).size).toBe(1);
    expect(Math.abs(results[0]! - exact)).toBeLessThan(exact * 2 ** -23);
  });

  it('gives a broadcast or shared gradient memory of its own before it changes it', () => {
    const p = zeros([2, 3], { dtype: 'f64', requiresGrad: true });
    const q = zeros([2, 3], { dtype: 'f64', requiresGrad: true });
    p.add(q).sum().backward(); // both gradients are one broadcast element
    optim.clipGradValue([p, q], 0.5);
    expect(p.grad!.dataSync()).toEqual(new Float64Array(6).fill(0.5));
    expect(q.grad!.dataSync()).toEqual(new Float64Array(6).fill(0.5));
    const shared = keep(tensor([3, 4], { dtype: 'f64' }));
    const r = parameter([1, 1]);
    r.grad = shared.detach();
    optim.clipGradNorm([r], 1);
    expect([...shared.dataSync()]).toEqual([3, 4]);
  });

  it('passes NaN on', () => {
    const p = parameter([NaN, 1]);
    expect(optim.clipGradNorm([p], 1).itemSync()).toBeNaN();
    expect(p.grad!.dataSync()[1]).toBeNaN();
  });

  it('rejects bad limits and norms', () => {
    expect(() => optim.clipGradNorm([], -1)).toThrow('clipGradNorm: maxNorm must be a number >= 0, got -1');
    expect(() => optim.clipGradNorm([], 1, { normType: 3 })).toThrow('clipGradNorm: normType must be 1, 2 or Infinity, got 3');
    expect(() => optim.clipGradValue([], NaN)).toThrow('clipGradValue: limit must be a number >= 0, got NaN');
  });
});
