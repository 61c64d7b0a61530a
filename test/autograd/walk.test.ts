import { describe, expect, it } from 'vitest';
import {
  add,
  backward,
  engine,
  gradients,
  matmul,
  mul,
  ones,
  reshape,
  scope,
  sum,
  tensor,
  valueAndGrad,
  vjp,
  zeros,
} from '../../src/index.js';

const leaf = (values: number[]): ReturnType<typeof tensor> => tensor(values, { dtype: 'f64', requiresGrad: true });

describe('the reverse walk', () => {
  it.each([1, 2, 3, 10, 257])('sums the cotangents of %i uses of a tensor', (n) => {
    const x = leaf([1, -2, 3]);
    let y = zeros([3], { dtype: 'f64' });
    for (let i = 1; i <= n; i++) y = add(y, mul(x, i));
    backward(sum(y));
    const total = (n * (n + 1)) / 2;
    expect([...x.grad!.dataSync()]).toEqual([total, total, total]);
  });

  it('visits a diamond once: y = (2x) * (2x) has the gradient 8x', () => {
    const x = leaf([3, 5]);
    const a = mul(x, 2);
    backward(sum(mul(a, a)));
    expect([...x.grad!.dataSync()]).toEqual([24, 40]);
  });

  it('walks a ladder of 60 diamonds, which has 2^60 paths', () => {
    const x = leaf([1]);
    let y = mul(x, 1);
    for (let i = 0; i < 60; i++) y = add(y, y);
    backward(sum(y));
    expect(x.grad!.itemSync()).toBe(2 ** 60);
  });

  it('sums the cotangent over broadcast axes', () => {
    const x = tensor([[1], [2]], { dtype: 'f64', requiresGrad: true });
    const b = tensor(1, { dtype: 'f64', requiresGrad: true });
    backward(sum(add(add(x, zeros([3, 2, 5], { dtype: 'f64' })), b)));
    expect(x.grad!.shape).toEqual([2, 1]);
    expect([...x.grad!.dataSync()]).toEqual([15, 15]);
    expect(b.grad!.itemSync()).toBe(30);
  });

  it('goes through a chain of 100,000 ops', () => {
    const x = leaf([1]);
    const last = scope(() => {
      let y = add(x, 0);
      for (let i = 0; i < 100_000; i++) y = add(y, 1);
      return y;
    });
    backward(sum(last));
    expect(last.itemSync()).toBe(100_001);
    expect(x.grad!.itemSync()).toBe(1);
  });

  it('goes through a chain of 20,000 ops that save their inputs, and of gradients of it', () => {
    const x = leaf([1]);
    const factor = tensor([1 + 2 ** -20], { dtype: 'f64' });
    const n = 20_000;
    const [first] = scope(() => {
      let y = mul(x, x);
      for (let i = 0; i < n; i++) y = mul(y, factor);
      return gradients([sum(y)], [x], { createGraph: true });
    });
    const [second] = gradients([sum(first!)], [x]);
    const exact = (1 + 2 ** -20) ** n;
    expect(first!.itemSync() / (2 * exact)).toBeCloseTo(1, 10);
    expect(second!.itemSync() / (2 * exact)).toBeCloseTo(1, 10);
  });

  it('skips branches that lead to no leaf, and inputs that need none', () => {
    const x = leaf([1, 2]);
    const constant = tensor([5, 7], { dtype: 'f64' });
    const before = engine.stats().allocations;
    const y = sum(mul(x, constant));
    backward(y);
    expect([...x.grad!.dataSync()]).toEqual([5, 7]);
    expect(constant.grad).toBeNull();
    expect(engine.stats().allocations - before).toBeLessThan(12);
  });
});

describe('backward()', () => {
  it('adds to .grad, and to what is left there after it was cleared', () => {
    const x = leaf([1, 2]);
    backward(sum(mul(x, x)));
    backward(sum(mul(x, 10)));
    expect([...x.grad!.dataSync()]).toEqual([12, 14]);
    x.grad!.dispose();
    x.grad = null;
    backward(sum(mul(x, 3)));
    expect([...x.grad!.dataSync()]).toEqual([3, 3]);
  });

  it('takes the cotangent of a result that is no scalar', () => {
    const x = leaf([1, 2, 3]);
    mul(x, x).backward({ gradient: tensor([1, 0, 2], { dtype: 'f64' }) });
    expect([...x.grad!.dataSync()]).toEqual([2, 0, 12]);
  });

  it('leaves no .grad on intermediates and constants', () => {
    const x = leaf([1]);
    const y = mul(x, 2);
    backward(sum(y));
    expect(y.grad).toBeNull();
    expect(y.isLeaf).toBe(false);
    expect(x.isLeaf).toBe(true);
  });

  it('works for a leaf itself', () => {
    const x = tensor(4, { dtype: 'f64', requiresGrad: true });
    backward(x);
    expect(x.grad!.itemSync()).toBe(1);
  });

  it('differentiates each of several losses of one graph when it is retained', () => {
    const x = leaf([2]);
    const y = mul(x, x);
    const a = sum(mul(y, 1));
    const b = sum(mul(y, 3));
    backward(a, { retainGraph: true });
    backward(b);
    expect(x.grad!.itemSync()).toBe(16);
  });
});

describe('gradients()', () => {
  it('is taken at a tensor in the middle of the graph', () => {
    const x = leaf([1, 2]);
    const y = mul(x, 3);
    const z = sum(mul(y, y));
    const [gy, gx] = gradients([z], [y, x]);
    expect([...gy!.dataSync()]).toEqual([6, 12]);
    expect([...gx!.dataSync()]).toEqual([18, 36]);
    expect(x.grad).toBeNull();
  });

  it('is zeros where nothing flows', () => {
    const x = leaf([1, 2]);
    const unused = leaf([1, 2, 3]);
    const [g] = gradients([sum(mul(x, 2))], [unused]);
    expect([...g!.dataSync()]).toEqual([0, 0, 0]);
  });

  it('adds up several outputs, each with its cotangent', () => {
    const x = leaf([1, 2]);
    const [g] = gradients([mul(x, 2), mul(x, x)], [x], {
      gradients: [tensor([1, 1], { dtype: 'f64' }), tensor([1, 10], { dtype: 'f64' })],
    });
    expect([...g!.dataSync()]).toEqual([4, 42]);
  });

  it('gives one tensor twice when it is asked for twice', () => {
    const x = leaf([3]);
    const [a, b] = gradients([sum(mul(x, x))], [x, x]);
    expect([a!.itemSync(), b!.itemSync()]).toEqual([6, 6]);
    a!.dispose();
    expect(b!.itemSync()).toBe(6);
  });
});

describe('function transforms', () => {
  it('valueAndGrad gives the value and one gradient an argument', () => {
    const { value, grads } = valueAndGrad((a, b) => sum(mul(a, b)))(tensor([1, 2], { dtype: 'f64' }), tensor([5, 7], { dtype: 'f64' }));
    expect(value.itemSync()).toBe(19);
    expect(grads.map((g) => [...g.dataSync()])).toEqual([
      [5, 7],
      [1, 2],
    ]);
    expect(value.requiresGrad).toBe(false);
  });

  it('vjp pulls a cotangent back through a function of any shape', () => {
    const a = reshape(tensor([1, 2, 3, 4], { dtype: 'f64' }), [2, 2]);
    const { value, pullback } = vjp((x) => matmul(x, a), ones([1, 2], { dtype: 'f64' }));
    expect([...value.dataSync()]).toEqual([4, 6]);
    const [g] = pullback(tensor([[1, 10]], { dtype: 'f64' }));
    expect([...g!.dataSync()]).toEqual([21, 43]);
  });
});
