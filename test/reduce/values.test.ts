import { describe, expect, it } from 'vitest';
import {
  argmax,
  argmin,
  gradcheck,
  gradgradcheck,
  logSumExp,
  max,
  min,
  norm,
  prod,
  sum,
  tensor,
  variance,
  type Tensor,
} from '../../src/index.js';

function leaf(values: number[] | number[][]): Tensor {
  return tensor(values, { dtype: 'f64', requiresGrad: true });
}

async function gradientOf(x: Tensor, fn: (x: Tensor) => Tensor): Promise<number[]> {
  fn(x).backward();
  return x.grad === null ? [] : [...(await x.grad.data())].map(Number);
}

describe('max and min', () => {
  it('share the gradient evenly among equal elements', async () => {
    expect(await gradientOf(leaf([1, 3, 3, 0]), (x) => max(x))).toEqual([0, 0.5, 0.5, 0]);
    expect(await gradientOf(leaf([0, 3, 0, 0]), (x) => min(x).mul(3))).toEqual([1, 0, 1, 1]);
  });

  it.each([1, 17, 5000])('are NaN when one of %i elements is', async (n) => {
    const values = Float32Array.from({ length: n }, (_, i) => i);
    values[n >> 1] = NaN;
    expect(await max(tensor(values)).item()).toBeNaN();
    expect(await min(tensor(values)).item()).toBeNaN();
  });
});

describe('argmax and argmin', () => {
  it('find the first of equals, and the first NaN', async () => {
    expect(await argmax(tensor([1, 3, 3])).item()).toBe(1);
    expect(await argmin(tensor([2, 0, 0])).item()).toBe(1);
    expect(await argmax(tensor([1, NaN, 9, NaN])).item()).toBe(1);
    expect(await argmin(tensor([1, NaN, 0, NaN])).item()).toBe(1);
  });
});

describe('prod', () => {
  it.each([[[2, 0, 3]], [[0, 0, 3]], [[2, 5, 3]]])('has the right gradients of both orders at %j', async (values) => {
    await gradcheck((x) => prod(x), [leaf(values)]);
    await gradgradcheck((x) => prod(x), [leaf(values)]);
  });

  it('has the right gradient over some axes, with zeros in some groups', async () => {
    const values = [
      [2, 0, 3],
      [1, 4, 5],
    ];
    await gradcheck((x) => prod(x, { axis: 1 }), [leaf(values)]);
    await gradgradcheck((x) => prod(x, { axis: 0 }), [leaf(values)]);
  });

  it('scales its gradient by the cotangent of each product, whose NaN reaches every element', async () => {
    const values = [
      [2, -5, 3],
      [2, 0, -3],
      [0, 0, 3],
    ];
    const scaled = async (by: number[]): Promise<number[]> =>
      (await gradientOf(leaf(values), (x) => sum(prod(x, { axis: 1 }).mul(tensor(by, { dtype: 'f64' }))))).map((v) => v + 0); // no -0
    expect(await scaled([10, 20, 30])).toEqual([-150, 60, -100, 0, -120, 0, 0, 0, 0]);
    expect(await scaled([NaN, NaN, NaN])).toEqual(new Array<number>(9).fill(NaN));
  });

  it('multiplies whole numbers in i64', async () => {
    const y = prod(tensor([100000, 100000, 3], { dtype: 'i32' }));
    expect(y.dtype).toBe('i64');
    expect(await y.item()).toBe(3e10);
  });
});

describe('sum', () => {
  it('adds bool, u8 and i32 in i64', async () => {
    for (const dtype of ['bool', 'u8', 'i32'] as const) expect(sum(tensor([1, 1], { dtype })).dtype).toBe('i64');
    expect(await sum(tensor(new Int32Array(5000).fill(2 ** 30))).item()).toBe(5000 * 2 ** 30);
    expect(await sum(tensor(new Uint8Array(5001).fill(255))).item()).toBe(5001 * 255);
  });

  it('keeps the error of a million f32 numbers below 1e-7', async () => {
    const values = Float32Array.from({ length: 1 << 20 }, (_, i) => ((i * 7919) % 10007) / 10007);
    const exact = values.reduce((a, b) => a + b, 0);
    // 2^-24 for the last rounding; lanes and the tree above them add a little.
    expect(Math.abs((await sum(tensor(values)).item()) / exact - 1)).toBeLessThan(2 ** -23);
  });
});

describe('norm', () => {
  it('has the gradient 0 where all is 0', async () => {
    for (const p of [1, 2, 3, Infinity]) expect(await gradientOf(leaf([0, 0]), (x) => norm(x, { p }))).toEqual([0, 0]);
  });

  it('of order 0 counts what is not 0', async () => {
    expect(await norm(tensor([0, 3, -1]), { p: 0 }).item()).toBe(2);
  });
});

describe('logSumExp', () => {
  it('takes large, infinite and absent terms', async () => {
    expect(await logSumExp(tensor([1000, 1000], { dtype: 'f64' })).item()).toBeCloseTo(1000 + Math.log(2), 10);
    expect(await logSumExp(tensor([-Infinity, -Infinity])).item()).toBe(-Infinity);
    expect(await logSumExp(tensor([Infinity, 0])).item()).toBe(Infinity);
  });
});

describe('variance', () => {
  it('does not cancel far from 0', async () => {
    const y = variance(tensor([1e6, 1e6 + 1, 1e6 + 2]));
    expect(await y.item()).toBe(1);
  });
});
