import { afterEach, describe, expect, it, vi } from 'vitest';

import { engine, ExecutionError, fromArray, gather, noGrad, optim, scope, tensor, zeros, type Tensor } from '../../src/index.js';
import { native } from '../../src/binding/load.js';

/** A command that fails while executing. */
function failing(): Tensor {
  return gather(tensor([1, 2, 3]), 0, fromArray(new Int32Array([0, 7]), [2]));
}

function errorOf(t: Tensor): unknown {
  try {
    t.dataSync();
  } catch (error) {
    return error;
  }
  return undefined;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a command that fails', () => {
  it('rejects every read that depends on it, with the op and the line that called it', async () => {
    const bad = failing();
    const further = bad.add(1).mul(2).sum();
    for (const t of [bad, further]) {
      const error = errorOf(t);
      expect(error).toBeInstanceOf(ExecutionError);
      expect(String(error)).toMatch(/gather: index 7 is out of range/);
      expect((error as ExecutionError).op).toBe('gather');
      expect((error as ExecutionError).stack).toContain('failures.test.ts');
      await expect(t.data()).rejects.toThrow(/gather: index 7/);
    }
  });

  it('leaves what does not depend on it alone', () => {
    const bad = failing();
    const good = tensor([1, 2]).add(1);
    expect([...good.dataSync()]).toEqual([2, 3]);
    expect(errorOf(bad)).toBeInstanceOf(ExecutionError);
    expect([...good.mul(2).dataSync()]).toEqual([4, 6]);
  });

  it('poisons a tensor that is written anew only until then', () => {
    const bad = failing();
    expect(errorOf(bad)).toBeInstanceOf(ExecutionError);
    bad.setData([5, 6]);
    expect([...bad.dataSync()]).toEqual([5, 6]);
  });

  it('does not cost the weights their value: the update is left out, and a warning tells who reads nothing', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const w = tensor([1, 2], { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    w.mul(failing()).sum().backward();
    optimizer.step();
    expect([...w.dataSync()]).toEqual([1, 2]);
    await new Promise((done) => setImmediate(() => setImmediate(done)));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(String(warn.mock.calls[0]?.[0])).toMatch(/left out.*gather: index 7/);

    optimizer.zeroGrad();
    w.mul(2).sum().backward();
    optimizer.step();
    expect([...w.dataSync()]).toEqual([0, 1]);
  });

  it('is not warned of when somebody was told', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const w = tensor([1, 2], { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    const loss = w.mul(failing()).sum();
    loss.backward();
    optimizer.step();
    await expect(loss.item()).rejects.toThrow(/gather/);
    await new Promise((done) => setImmediate(() => setImmediate(done)));
    expect(warn).not.toHaveBeenCalled();
  });

  it('can happen ten thousand times', () => {
    globalThis.gc?.();
    engine.trim();
    const before = engine.stats();
    for (let i = 0; i < 10_000; i++) scope(() => void failing().add(1));
    expect(scope(() => errorOf(failing()))).toBeInstanceOf(ExecutionError);
    const after = engine.stats();
    expect(after.liveTensors).toBe(before.liveTensors);
    expect(after.reservedBytes - before.reservedBytes).toBeLessThan(4 << 20);
    expect(native.error(1).message).toMatch(/no longer kept/);
  });

  it('keeps no tensor alive by the stack that is remembered', () => {
    globalThis.gc?.();
    engine.trim();
    const { liveBytes } = engine.stats();
    const index = fromArray(new Int32Array([0, 1]), [2]);
    noGrad(() => {
      for (let i = 0; i < 200; i++)
        zeros([2 ** 18])
          .gather(0, index)
          .dispose();
    });
    engine.trim();
    globalThis.gc?.();
    engine.trim();
    expect(engine.stats().liveBytes - liveBytes).toBeLessThan(40 << 20);
  });
});
