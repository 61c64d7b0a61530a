import { afterAll, describe, expect, it } from 'vitest';
import {
  engine,
  fromArray,
  gradients,
  manualSeed,
  randn,
  scaledDotProductAttention,
  scope,
  tensor,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { bytes } from '../helpers/calls.js';
import { word } from '../helpers/philox.js';
import { arrayOf } from '../helpers/values.js';

/** Weights after dropout in f64 loops, [T, S] for one head. */
function naiveWeights(q: Tensor, k: Tensor, keep: (i: number, j: number) => number): number[][] {
  const [length = 0, depth = 1] = q.shape;
  const keys = k.shape[0] ?? 0;
  const [a, b] = [arrayOf(q), arrayOf(k)];
  return Array.from({ length }, (_, i) => {
    const scores = Array.from({ length: keys }, (_none, j) => {
      let sum = 0;
      for (let d = 0; d < depth; d++) sum += a[i * depth + d]! * b[j * depth + d]!;
      return sum / Math.sqrt(depth);
    });
    const high = Math.max(...scores);
    const total = scores.reduce((sum, s) => sum + Math.exp(s - high), 0);
    return scores.map((s, j) => (Math.exp(s - high) / total) * keep(i, j));
  });
}

describe('dropout of the weights', () => {
  const p = 0.25;
  const [heads, length, keys, depth] = [3, 37, 131, 4];

  it('drops what dropout() would drop of a tensor of all weights, forward and backward', () => {
    scope(() => {
      manualSeed(5);
      const [q, k, v, g] = [length, keys, keys, length].map((n) => randn([heads, n, depth], { dtype: 'f64' }));
      manualSeed(7);
      const inputs = [q!, k!, v!];
      for (const x of inputs) x.requiresGrad = true;
      const y = scaledDotProductAttention(q!, k!, v!, { dropoutP: p });
      const dvalue = gradients([y], inputs, { gradients: [g!] })[2]!;
      const threshold = Math.floor(p * 2 ** 24);
      for (let h = 0; h < heads; h++) {
        const keep = (i: number, j: number): number => (word(7, 0, (h * length + i) * keys + j) >>> 8 >= threshold ? 1 / (1 - p) : 0);
        const weights = naiveWeights(q!.select(0, h), k!.select(0, h), keep);
        const [values, cotangents] = [arrayOf(v!.select(0, h)), arrayOf(g!.select(0, h))];
        const [got, gotGrad] = [arrayOf(y.select(0, h)), arrayOf(dvalue.select(0, h))];
        for (let d = 0; d < depth; d++) {
          for (let i = 0; i < length; i++) {
            const want = weights[i]!.reduce((sum, w, j) => sum + w * values[j * depth + d]!, 0);
            expect(Math.abs(got[i * depth + d]! - want)).toBeLessThan(1e-13);
          }
          for (let j = 0; j < keys; j++) {
            const want = weights.reduce((sum, row, i) => sum + row[j]! * cotangents[i * depth + d]!, 0);
            expect(Math.abs(gotGrad[j * depth + d]! - want)).toBeLessThan(1e-13);
          }
        }
      }
    });
  });

  it('has gradients that agree with those made of ops, which draw the same numbers', () => {
    scope(() => {
      manualSeed(5);
      const [q, k, v, g] = [length, keys, keys, length].map((n) => randn([heads, n, depth], { dtype: 'f64' }));
      const inputs = [q!, k!, v!];
      for (const x of inputs) x.requiresGrad = true;
      const run = (createGraph: boolean): Tensor[] => {
        manualSeed(7);
        const y = scaledDotProductAttention(q!, k!, v!, { dropoutP: p, isCausal: true });
        return [...gradients([y], inputs, { gradients: [g!], createGraph })];
      };
      const composite = run(true);
      run(false).forEach((got, i) => {
        const want = arrayOf(composite[i]!);
        arrayOf(got).forEach((one, at) => expect(Math.abs(one - want[at]!)).toBeLessThan(1e-12));
      });
    });
  });
});

describe('memory', () => {
  it.each([{ isCausal: false }, { isCausal: true }])('no T x T tensor is ever made, forward or backward: %j', (options) => {
    scope(() => {
      const [length, depth] = [2048, 16];
      const x = randn([1, length, depth]);
      const inputs = [x, x.clone(), x.clone()];
      for (const one of inputs) one.requiresGrad = true;
      const g = x.clone();
      const run = (): void =>
        scope(() => {
          gradients([scaledDotProductAttention(inputs[0]!, inputs[1]!, inputs[2]!, options)], inputs, { gradients: [g] });
        });
      run();
      engine.resetPeak();
      const before = engine.stats();
      run();
      engine.synchronize();
      const after = engine.stats();
      // The result, three gradients, one number a row; and scratch, which counts as reserved, does not grow from call to call.
      expect(after.peakBytes - before.liveBytes).toBeLessThan(8 * length * depth * 4);
      expect(after.reservedBytes - before.reservedBytes).toBeLessThan(length * length);
      expect(8 * length * depth * 4).toBeLessThan(length * length);
    });
  });
});

describe('bits', () => {
  const threads = engine.stats().threads;
  afterAll(() => engine.setThreads(threads));

  // One thread makes each tile once; with eight there are too few heads for that, and dQ has a pass of its own.
  it.each([
    [[3, 300, 20], [3, 333, 20], [3, 333, 20], false],
    [[3, 333, 20], [3, 300, 20], [3, 300, 24], true],
    [[1, 160, 64], [1, 400, 64], [1, 400, 64], true],
  ] as const)('both schedules of the gradient give the same: %j %j %j causal %s', (a, b, c, isCausal) => {
    for (const dtype of ['f32', 'f64'] as const) {
      const run = (count: number): Buffer[] => {
        engine.setThreads(count);
        return scope(() => {
          manualSeed(1);
          const inputs = [a, b, c].map((shape) => randn([...shape], { dtype }));
          for (const x of inputs) x.requiresGrad = true;
          const y = scaledDotProductAttention(inputs[0]!, inputs[1]!, inputs[2]!, { isCausal, dropoutP: 0.1 });
          const g = randn(y.shape, { dtype });
          return [y, ...gradients([y], inputs, { gradients: [g] })].map(bytes);
        });
      };
      const want = run(1);
      run(8).forEach((got, i) => expect(got.equals(want[i]!), `${dtype}, tensor ${i}`).toBe(true));
    }
  });

  it('does not depend on how rows lie in memory', () => {
    scope(() => {
      // Rows of one head 4 KiB apart, as of a projection of many heads: they are copied tile by tile.
      const wide = randn([130, 3, 16, 64]);
      const heads = wide.permute([1, 2, 0, 3]);
      const [q, k, v] = [0, 1, 2].map((i) => heads.select(0, i));
      const got = scaledDotProductAttention(q!, k!, v!, { isCausal: true });
      const want = scaledDotProductAttention(q!.contiguous(), k!.contiguous(), v!.contiguous(), { isCausal: true });
      expect(bytes(got).equals(bytes(want))).toBe(true);
    });
  });
});

describe('special values', () => {
  it('a query that sees nothing has zeros and no gradient', () => {
    scope(() => {
      const inputs = [randn([2, 3]), randn([4, 3]), randn([4, 3])];
      for (const x of inputs) x.requiresGrad = true;
      for (const attnMask of [zeros([2, 4], { dtype: 'bool' }), zeros([2, 4]).sub(Infinity)]) {
        const y = scaledDotProductAttention(inputs[0]!, inputs[1]!, inputs[2]!, { attnMask });
        expect(arrayOf(y)).toEqual(Array<number>(6).fill(0));
        for (const g of gradients([y.sum()], inputs)) expect(arrayOf(g).every((v) => v === 0)).toBe(true);
      }
    });
  });

  it('NaN stays NaN, and only where it goes', () => {
    scope(() => {
      const q = fromArray(new Float32Array([1, NaN]), [2, 1]);
      const y = scaledDotProductAttention(q, tensor([[1], [2]]), tensor([[1], [1]])); // prettier-ignore
      expect(arrayOf(y)[0]).toBeCloseTo(1, 6);
      expect(arrayOf(y)[1]).toBeNaN();
    });
  });

  it('large scores do not overflow', () => {
    scope(() => {
      const y = scaledDotProductAttention(tensor([[1e4], [-1e4]]), tensor([[1e4], [-1e4]]), tensor([[3], [5]])); // prettier-ignore
      expect(arrayOf(y)).toEqual([3, 5]);
    });
  });
});
