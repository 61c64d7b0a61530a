import { describe, expect, it } from 'vitest';
import { add, checkpoint, gradgradcheck, gradients, maxPool2d, mul, randn, relu, sum, type Tensor } from '../../src/index.js';

const image = (dtype: 'f32' | 'f64' = 'f32'): Tensor => randn([2, 3, 13, 20], { dtype, requiresGrad: true });
const values = (t: Tensor | undefined): number[] => [...(t?.dataSync() ?? [])].map(Number);
const gradient = (loss: Tensor, x: Tensor): number[] => values(gradients([loss], [x], { retainGraph: true })[0]);

/** Where the gradient of a relu is asked for, the walk stops there; else it passes over relus whose maxima are picked. */
describe('a max pooling of a relu', () => {
  it.each([
    [2, 2, 0],
    [3, 2, 1],
    [3, 1, 1],
  ])('passes over it with the same bits: windows of %i, stride %i, padding %i', (kernel, stride, padding) => {
    const x = image();
    const y = relu(x);
    const z = maxPool2d(y, kernel, { stride, padding });
    const loss = sum(mul(z, z));
    expect(gradient(loss, x)).toEqual(values(gradients([loss], [y, x], { retainGraph: true })[1]));
  });

  it('leaves a gradient to the relu when it is asked for', () => {
    const x = image();
    const y = relu(x);
    expect(gradient(sum(maxPool2d(y, 2)), y).reduce((a, b) => a + b)).toBe(2 * 3 * 6 * 10);
  });

  it('adds to what comes to the relu from elsewhere', () => {
    const x = image();
    const y = relu(x);
    const pooled = sum(maxPool2d(y, 2));
    const squares = sum(mul(y, y));
    const [one, other] = [gradient(pooled, x), gradient(squares, x)];
    expect(gradient(add(pooled, squares), x)).toEqual(one.map((v, i) => Math.fround(v + (other[i] ?? 0))));
  });

  it('stops at the relu that a checkpoint only reads', () => {
    const x = image();
    const y = relu(x);
    const t = randn([1]);
    const segment = (one: Tensor): Tensor => mul(maxPool2d(y, 2), one);
    expect(gradient(sum(checkpoint(segment, t)), x)).toEqual(gradient(sum(segment(t)), x));
  });

  it('has a second derivative', async () => {
    await gradgradcheck(
      (x) => sum(mul(maxPool2d(relu(x), 2), maxPool2d(relu(mul(x, x)), 2))),
      [randn([1, 1, 6, 6], { dtype: 'f64', requiresGrad: true })],
    );
  });
});
