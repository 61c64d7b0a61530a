import { beforeEach, describe, expect, it } from 'vitest';
import { backward, DisposedError, engine, gradients, keep, matmul, mul, scope, sum, tanh, tensor, type Tensor } from '../../src/index.js';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'f64', requiresGrad: true });

/** What earlier tests dropped is found now, not in the middle of a measurement. */
beforeEach(() => {
  globalThis.gc?.();
  engine.trim();
});

describe('graphs and memory', () => {
  it('a backward pass inside a scope leaves .grad, and nothing else', () => {
    const x = leaf(1, 2, 3);
    scope(() => backward(sum(mul(x, x))));
    expect([...x.grad!.dataSync()]).toEqual([2, 4, 6]);
    const before = engine.stats();
    scope(() => backward(sum(mul(x, x))));
    const after = engine.stats();
    expect({ bytes: after.liveBytes, tensors: after.liveTensors }).toEqual({ bytes: before.liveBytes, tensors: before.liveTensors });
  });

  it('a backward pass outside goes through a graph made inside: saved tensors outlive the scope', () => {
    const x = leaf(1, 2, 3);
    let inner: Tensor | undefined;
    const loss = scope(() => {
      inner = tanh(mul(x, x));
      return sum(mul(inner, inner));
    });
    expect(inner?.isDisposed).toBe(true);
    expect(() => inner?.dataSync()).toThrow(DisposedError);
    backward(loss);
    const want = [1, 2, 3].map((v) => 2 * Math.tanh(v * v) * (1 - Math.tanh(v * v) ** 2) * 2 * v);
    (x.grad!.dataSync() as Float64Array).forEach((g, i) => expect(g).toBeCloseTo(want[i]!, 12));
  });

  it('backward() gives back what the graph saved; retainGraph keeps it', () => {
    const x = leaf(...Array.from({ length: 1000 }, (_, i) => i / 1000));
    const make = (): Tensor =>
      scope(() => {
        let y: Tensor = x;
        for (let i = 0; i < 10; i++) y = mul(tanh(y), y);
        return sum(y);
      });
    const start = engine.stats().liveBytes;
    const loss = make();
    const held = engine.stats().liveBytes - start;
    expect(held).toBeGreaterThan(10 * 8000);
    const [kept] = gradients([loss], [x], { retainGraph: true });
    kept!.dispose();
    expect(engine.stats().liveBytes - start).toBe(held);
    const [g] = gradients([loss], [x]);
    g!.dispose();
    loss.dispose();
    expect(engine.stats().liveBytes).toBe(start);
  });

  it('live memory is the same after 100 training steps as after the first', () => {
    const w = tensor(
      Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (__, j) => Math.sin(i + 8 * j))),
      { requiresGrad: true },
    );
    const x = tensor(Array.from({ length: 4 }, (_, i) => Array.from({ length: 8 }, (__, j) => Math.cos(i + 4 * j))));
    const step = (): void => {
      scope(() => {
        const y = tanh(matmul(x, w));
        backward(sum(mul(y, y)));
        const g = w.grad;
        if (g === null) throw new Error('no gradient');
        w.setData(w.add(g.mul(-0.01)).dataSync());
        g.dispose();
        w.grad = null;
      });
    };
    step();
    const before = engine.stats();
    for (let i = 0; i < 100; i++) step();
    const after = engine.stats();
    expect({ bytes: after.liveBytes, tensors: after.liveTensors, reserved: after.reservedBytes }).toEqual({
      bytes: before.liveBytes,
      tensors: before.liveTensors,
      reserved: before.reservedBytes,
    });
  });

  it('inputs and results may be disposed between forward and backward', () => {
    const x = leaf(2, 3);
    const a = mul(x, x);
    const b = mul(a, x);
    const loss = sum(b);
    a.dispose();
    b.dispose();
    backward(loss);
    expect([...x.grad!.dataSync()]).toEqual([12, 27]);
  });

  it('keep() takes a tensor with its graph out of a scope', () => {
    const x = leaf(2);
    let y: Tensor | undefined;
    scope(() => {
      y = keep(mul(x, x));
    });
    backward(sum(y!));
    expect(x.grad!.itemSync()).toBe(4);
  });

  it('an abandoned graph is found by the collector', () => {
    const x = leaf(...Array.from({ length: 100_000 }, () => 1));
    const start = engine.stats().liveBytes;
    (() => {
      for (let i = 0; i < 10; i++) sum(mul(tanh(x), x));
    })();
    expect(engine.stats().liveBytes).toBeGreaterThan(start);
    globalThis.gc?.();
    engine.trim();
    expect(engine.stats().liveBytes - start).toBeLessThan(3 * 1_000_000);
  });
});
