import { describe, expect, it } from 'vitest';
import { add, backward, engine, grad, GradError, gradients, mul, noGrad, ShapeError, sum, tensor, zeros } from '../../src/index.js';

const leaf = (values: number[]): ReturnType<typeof tensor> => tensor(values, { requiresGrad: true });

describe('a gradient that cannot be computed is an error that says why', () => {
  it('backward twice', () => {
    const x = leaf([1, 2]);
    const y = sum(mul(x, x));
    backward(y);
    expect(() => backward(y)).toThrow(GradError);
    expect(() => backward(y)).toThrow(/already went through this graph.*retainGraph: true/);
  });

  it('backward twice over a shared part', () => {
    const x = leaf([1, 2]);
    const shared = mul(x, x);
    backward(sum(shared));
    expect(() => backward(sum(mul(shared, 2)))).toThrow(/mul: backward\(\) already went through this graph/);
  });

  it('a result that is no scalar', () => {
    expect(() => backward(mul(leaf([1, 2]), 2))).toThrow(
      /backward: the output \[2\] is not a scalar; reduce it \(sum, mean\) or pass a gradient/,
    );
    expect(() => grad((x) => mul(x, 2))(leaf([1, 2]))).toThrow(/the function must return a scalar, got \[2\]/);
  });

  it('a cotangent of another shape', () => {
    const y = mul(leaf([1, 2]), 2);
    expect(() => backward(y, { gradient: zeros([3]) })).toThrow(ShapeError);
    expect(() => backward(y, { gradient: zeros([3]) })).toThrow(/backward: gradient \[3\] does not have the output's shape \[2\]/);
  });

  it('a detached result', () => {
    const x = leaf([1]);
    expect(() => backward(sum(mul(x, x).detach()))).toThrow(/backward: x \[\] was not computed from anything that requires a gradient/);
  });

  it('a result computed under noGrad', () => {
    const x = leaf([1]);
    const y = noGrad(() => sum(mul(x, x)));
    expect(y.requiresGrad).toBe(false);
    expect(() => backward(y)).toThrow(/was not computed from anything that requires a gradient/);
  });

  it('a saved tensor that was modified in place', () => {
    const x = leaf([1, 2]);
    const y = sum(mul(x, x));
    x.setData([5, 6]);
    expect(() => backward(y)).toThrow(/mul: a tensor \[2\] that its gradient needs was modified in place after the forward pass/);
  });

  it('but not one that the rule does not read', () => {
    const x = leaf([1, 2]);
    const y = sum(add(x, 1));
    x.setData([5, 6]);
    backward(y);
    expect([...x.grad!.dataSync()]).toEqual([1, 1]);
  });

  it('a gradient at a tensor that requires none', () => {
    const x = leaf([1]);
    expect(() => gradients([sum(x)], [tensor([1])])).toThrow(
      /gradients: .*requires? .*gradient|does not require a gradient; set requiresGrad/,
    );
  });

  it('integers', () => {
    expect(() => tensor([1, 2], { dtype: 'i32', requiresGrad: true })).toThrow(/only floating tensors have gradients, this one is i32/);
  });

  it('requiresGrad off on a computed tensor', () => {
    const y = mul(leaf([1]), 2);
    expect(() => (y.requiresGrad = false)).toThrow(/computed by mul\w*; use detach\(\)/);
  });

  it('and afterwards everything goes on', () => {
    const x = leaf([1, 2]);
    const before = engine.stats().liveTensors;
    for (let i = 0; i < 50; i++) expect(() => backward(mul(x, 2))).toThrow(GradError);
    backward(sum(mul(x, x)));
    expect([...x.grad!.dataSync()]).toEqual([2, 4]);
    // The failed results are unreachable, not leaked: a collection finds them.
    globalThis.gc?.();
    engine.trim();
    expect(engine.stats().liveTensors - before).toBeLessThan(70);
  });
});
