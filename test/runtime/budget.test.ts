import { setTimeout } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { ChainruleError, engine, full, MemoryError, scope, tensor, zeros, type Tensor } from '../../src/index.js';

const mb = 2 ** 20;
const { budgetBytes: usual } = engine.stats();

afterEach(() => {
  engine.setMemoryBudget(usual);
});

/** Room for `bytes` beyond what is held now. */
function limitTo(bytes: number): void {
  engine.trim();
  engine.setMemoryBudget(engine.stats().reservedBytes + bytes);
}

function megabyte(): Tensor {
  return zeros([2 ** 18]);
}

function errorOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the memory budget', () => {
  it('refuses what would cross it, naming the largest live tensors and where they were made', () => {
    limitTo(16 * mb);
    scope(() => {
      const held = Array.from({ length: 12 }, megabyte);
      const error = errorOf(() => zeros([8, mb]));
      expect(error).toBeInstanceOf(MemoryError);
      expect(String(error)).toMatch(/no room for 32\.0 MB: \d+\.\d MB of the budget of \d+\.\d MB are taken/);
      expect(String(error)).toMatch(/1\.0 MB made .*budget\.test\.ts/);
      expect(held.length).toBe(12);
    });
  });

  it('leaves everything usable, and what is released can be used again', () => {
    limitTo(8 * mb);
    for (let round = 0; round < 20; round++) {
      scope(() => {
        const held = [];
        const error = errorOf(() => {
          for (;;) held.push(megabyte());
        });
        expect(error).toBeInstanceOf(MemoryError);
        expect(held.length).toBeGreaterThan(4);
      });
      expect(scope(() => tensor([1, 2]).add(1).sum()).itemSync()).toBe(5);
    }
  });

  it('gives free blocks of one size back to make room for another', () => {
    limitTo(8 * mb);
    scope(() => {
      for (let i = 0; i < 6; i++) zeros([2 ** 18]);
    });
    scope(() => {
      expect(
        zeros([6, 2 ** 18])
          .sum()
          .itemSync(),
      ).toBe(0);
    });
  });

  it('finds memory that the program dropped without a word, in a synchronous loop', () => {
    limitTo(64 * mb);
    let x = zeros([2 ** 18]);
    for (let i = 0; i < 1000; i++) x = x.add(1);
    expect(x.sum().itemSync()).toBe(1000 * 2 ** 18);
  });

  it('fails at any allocation of a training step without harm', async () => {
    const w = full([256, 512], 0.01, { requiresGrad: true });
    const x = full([64, 256], 0.5);
    const step = (): number =>
      scope(() => {
        const y = x.matmul(w).relu();
        const loss = y.mul(y).sum();
        loss.backward();
        return loss.itemSync();
      });
    const forgetGradient = (): void => {
      w.grad?.dispose();
      w.grad = null;
    };
    const want = step();
    forgetGradient();
    globalThis.gc?.(); // what earlier tests dropped
    engine.trim();
    const { liveBytes, reservedBytes } = engine.stats();
    let failures = 0;
    for (let room = 0; ; room += 32 * 1024) {
      engine.trim();
      engine.setMemoryBudget(reservedBytes + room);
      const error = errorOf(step);
      forgetGradient();
      engine.trim();
      // A graph that never came to its backward pass is freed when V8 finds it dead. One collection need not do; under load five in a row did not.
      for (let i = 0; i < 100 && engine.stats().liveBytes !== liveBytes; i++) {
        if (i > 0) await setTimeout(10);
        globalThis.gc?.();
        engine.trim();
      }
      expect(engine.stats().liveBytes).toBe(liveBytes);
      if (error === undefined) break;
      expect(error).toBeInstanceOf(ChainruleError);
      expect(error).toHaveProperty('message', expect.stringContaining('no room for'));
      failures++;
    }
    expect(failures).toBeGreaterThan(5);
    expect(step()).toBe(want);
  });

  it.each([0, -1, NaN, Infinity, '1', undefined])('takes no nonsense (%s)', (bytes) => {
    expect(() => engine.setMemoryBudget(bytes as number)).toThrow(/^setMemoryBudget: /);
  });
});

describe('the counters', () => {
  it('follow what is live, and the highest it has been', () => {
    scope(() => {
      engine.resetPeak();
      const before = engine.stats();
      const a = zeros([2 ** 20]);
      const b = zeros([2 ** 18]);
      a.dispose();
      const after = engine.stats();
      expect(after.liveBytes - before.liveBytes).toBe(mb);
      expect(after.liveTensors - before.liveTensors).toBe(1);
      expect(after.peakBytes - before.liveBytes).toBe(5 * mb);
      expect(after.allocations - before.allocations).toBe(2);
      b.dispose();
      expect(engine.stats().liveBytes).toBe(before.liveBytes);
      b.dispose();
      expect(engine.stats().liveBytes).toBe(before.liveBytes);
    });
  });
});
