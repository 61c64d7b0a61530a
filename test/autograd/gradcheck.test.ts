import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  customGrad,
  DTypeError,
  engine,
  gradcheck,
  GradError,
  gradgradcheck,
  mul,
  numericalGrad,
  sum,
  tanh,
  tensor,
  type Tensor,
} from '../../src/index.js';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'f64', requiresGrad: true });
function collect(): void {
  globalThis.gc?.();
  engine.trim();
}

const wrongTanh = customGrad(
  (x) => tanh(x),
  (g, _inputs, y) => [mul(g, mul(y, y))],
);

describe('gradcheck', () => {
  it('accepts right gradients and says what it compared', async () => {
    const report = await gradcheck((x, y) => mul(tanh(x), y), [leaf(0.1, 0.2, 0.3), leaf(1, 2, 3)]);
    expect(report.checked).toBe(6);
    expect(report.maxError).toBeLessThan(1e-8);
  });

  it('rejects a wrong rule and names input and element', async () => {
    await expect(gradcheck((x) => wrongTanh(x), [leaf(0.1, 0.2)])).rejects.toThrow(GradError);
    await expect(gradcheck((x) => wrongTanh(x), [leaf(0.1, 0.2)])).rejects.toThrow(
      /gradcheck: input 0 \[2\], element \[0\]: the gradient is .*, central differences give/,
    );
  });

  it('finds a rule that is wrong in the seventh digit when the tolerance is tight', async () => {
    const nearly = customGrad(
      (x) => tanh(x),
      (g, _inputs, y) => [mul(g, mul(y, y).mul(-1).add(1.0000005))],
    );
    await gradcheck((x) => nearly(x), [leaf(0.1)]);
    await expect(gradcheck((x) => nearly(x), [leaf(0.1)], { eps: 1e-5, rtol: 1e-7, atol: 1e-9 })).rejects.toThrow(GradError);
  });

  it('finds a wrong second derivative behind a right first one', async () => {
    const square = customGrad(
      (x) => mul(x, x),
      (g, [x]) => [mul(g, mul(x!.detach(), 2))],
    );
    await gradcheck((x) => square(x), [leaf(0.3)]);
    await gradgradcheck((x) => mul(x, x), [leaf(0.3)]);
    await expect(gradgradcheck((x) => square(x), [leaf(0.3)])).rejects.toThrow(/gradgradcheck: input 0 \[1\], element \[0\]/);
  });

  it('checks only inputs that require a gradient, and several results', async () => {
    const constant = tensor([2, 3], { dtype: 'f64' });
    const report = await gradcheck((x, c) => [mul(x, c), sum(x)], [leaf(1, 2), constant]);
    expect(report.checked).toBe(2);
  });

  it('picks elements and directions of large inputs', async () => {
    const x = leaf(...Array.from({ length: 1000 }, (_, i) => Math.sin(i)));
    expect((await gradcheck((y) => tanh(y), [x], { maxElements: 10 })).checked).toBe(14);
    const sparse = customGrad(
      (y) => tanh(y),
      (g, _inputs, y) => [
        mul(g, mul(y, y).mul(-1).add(1)).mul(tensor(Float64Array.from({ length: 1000 }, (_, i) => (i === 501 ? 1.5 : 1)))),
      ],
    );
    await expect(gradcheck((y) => sparse(y), [x], { maxElements: 10 })).rejects.toThrow(/random direction/);
  });

  it('says what it cannot check', async () => {
    await expect(gradcheck((x) => x, [tensor([1], { requiresGrad: true })])).rejects.toThrow(DTypeError);
    await expect(gradcheck((x) => x, [tensor([1], { dtype: 'f64' })])).rejects.toThrow(/no input requires a gradient/);
    await expect(gradcheck((x) => x.detach(), [leaf(1)])).rejects.toThrow(/no result of the function depends on/);
    await expect(gradcheck((x) => x, [leaf(1)], { eps: 0 })).rejects.toThrow(ArgumentError);
    const misspelt = { atoll: 1 } as object;
    await expect(gradcheck((x) => x, [leaf(1)], misspelt)).rejects.toThrow(/unknown option "atoll"; did you mean atol\?/);
    const later = (async (x: Tensor) => Promise.resolve(x)) as unknown as (x: Tensor) => Tensor;
    await expect(gradcheck(later, [leaf(1)])).rejects.toThrow(/must return a tensor .*not a promise/);
  });

  it('leaves inputs, their .grad and memory as they were', async () => {
    const x = leaf(0.5, 0.6);
    await gradcheck((y) => mul(tanh(y), y), [x]);
    collect();
    const before = engine.stats().liveBytes;
    await gradcheck((y) => mul(tanh(y), y), [x]);
    collect(); // the graphs of the evaluations, which nobody went back through
    expect(engine.stats().liveBytes).toBeLessThanOrEqual(before);
    expect(x.grad).toBeNull();
    expect([...x.dataSync()]).toEqual([0.5, 0.6]);
  });
});

describe('numericalGrad', () => {
  it('differentiates without the chain rule', async () => {
    const g = await numericalGrad((x) => sum(mul(x, x)), [leaf(1, 2, -3)]);
    const data = g.dataSync() as Float64Array;
    [2, 4, -6].forEach((want, i) => expect(data[i]).toBeCloseTo(want, 8));
  });

  it('takes a cotangent, and the position of the input', async () => {
    const g = await numericalGrad((x, y) => mul(x, y), [leaf(1, 2), leaf(3, 4)], 1, { cotangents: [tensor([1, 10], { dtype: 'f64' })] });
    const data = g.dataSync() as Float64Array;
    [1, 20].forEach((want, i) => expect(data[i]).toBeCloseTo(want, 8));
  });
});
