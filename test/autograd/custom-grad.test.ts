import { describe, expect, it } from 'vitest';
import {
  add,
  ArgumentError,
  backward,
  customGrad,
  DTypeError,
  engine,
  exp,
  grad,
  GradError,
  gradcheck,
  gradgradcheck,
  gradients,
  mul,
  noGrad,
  scope,
  ShapeError,
  sum,
  tensor,
  type Tensor,
} from '../../src/index.js';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'f64', requiresGrad: true });

describe('customGrad', () => {
  it('uses its own rule in place of the ops inside', () => {
    const reversed = customGrad(
      (x) => mul(x, 1),
      (g) => [mul(g, -1)],
    );
    const x = leaf(1, 2);
    backward(sum(mul(reversed(x), 3)));
    expect([...x.grad!.dataSync()]).toEqual([-3, -3]);
  });

  it('hands inputs and result to the rule, and differentiates again', async () => {
    const power = customGrad(
      (x, y) => mul(exp(x), y),
      (g, [, y], out) => [mul(g, out), mul(g, mul(out, recip(y!)))],
    );
    const inputs = [leaf(0.1, 0.2), leaf(2, 3)];
    await gradcheck((...xs) => power(...xs), inputs);
    await gradgradcheck((...xs) => power(...xs), inputs);
  });

  it('lets forward return its input, and the rule withhold a gradient', () => {
    const straightThrough = customGrad(
      (x) => x,
      (g) => [g, null],
    );
    const x = leaf(1, 2);
    const y = leaf(3, 4);
    const [gx, gy] = gradients([sum(straightThrough(x, y))], [x, y]);
    expect([...gx!.dataSync()]).toEqual([1, 1]);
    expect([...gy!.dataSync()]).toEqual([0, 0]);
    expect([...x.dataSync()]).toEqual([1, 2]);
  });

  it('records nothing where nothing is asked for', () => {
    const never = customGrad(
      (x) => mul(x, 2),
      () => {
        throw new Error('not to be called');
      },
    );
    expect(never(tensor([1, 2])).requiresGrad).toBe(false);
    expect(noGrad(() => never(leaf(1))).requiresGrad).toBe(false);
  });

  it('clips a gradient, as inside a larger function', () => {
    const clip = customGrad(
      (x) => x,
      (g) => [mul(g, 0.5)],
    );
    expect(grad((x) => sum(mul(clip(x), clip(x))))(leaf(3)).itemSync()).toBe(3);
  });

  const identity = (x: Tensor): Tensor => mul(x, 1);
  const failing: [string, (g: Tensor) => unknown, new (op: string, message: string) => Error, RegExp][] = [
    ['no array', (g) => g, GradError, /customGrad: vjp must return an array with a cotangent for each input/],
    ['too many', (g) => [g, g], GradError, /customGrad: vjp must return 1 cotangents, one for each input, got 2/],
    ['another shape', (g) => [sum(g)], ShapeError, /customGrad: vjp's cotangent 0 has shape \[\], the input \[2\]/],
    ['another dtype', (g) => [g.to('f32')], DTypeError, /customGrad: vjp's cotangent 0 is f32 \[2\], the input f64 \[2\]/],
    ['numbers', () => [1], GradError, /customGrad: vjp's cotangent 0 must be a tensor or null, got number/],
    ['a promise', (g) => Promise.resolve([g]), GradError, /customGrad: vjp must return an array .*promise: it must not be asynchronous/],
  ];
  it.each(failing)('rejects a rule that returns %s', (_, rule, kind, message) => {
    const f = customGrad(identity, rule as unknown as (g: Tensor) => Tensor[]);
    const run = (): void => backward(sum(f(leaf(1, 2))));
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
  });

  it('rejects a forward that returns no tensor', () => {
    const later = (async (x: Tensor) => Promise.resolve(x)) as unknown as (x: Tensor) => Tensor;
    expect(() => customGrad(later, (g) => [g])(leaf(1))).toThrow(
      /customGrad: forward must return a tensor, got a promise: it must not be asynchronous/,
    );
    const none = (() => undefined) as unknown as (x: Tensor) => Tensor;
    expect(() => customGrad(none, (g) => [g])(leaf(1))).toThrow(ArgumentError);
    const three = 3 as unknown as Tensor;
    expect(() => customGrad(identity, (g) => [g])(three)).toThrow(/customGrad: input 0 must be a tensor, got number/);
  });

  it('gives its memory back', () => {
    const square = customGrad(
      (x) => add(mul(x, x), mul(x, 0)),
      (g, [x]) => [mul(g, mul(x!, 2))],
    );
    const x = leaf(1, 2, 3);
    const step = (): void => {
      scope(() => {
        gradients([sum(square(x))], [x]);
      });
    };
    step();
    globalThis.gc?.();
    engine.trim();
    const before = engine.stats();
    step();
    expect(engine.stats().liveBytes).toBe(before.liveBytes);
  });
});

function recip(y: Tensor): Tensor {
  return customGrad(
    (x) => tensor(Float64Array.from(x.dataSync() as Float64Array, (v) => 1 / v)),
    (g, _inputs, out) => [mul(g, mul(mul(out, out), -1))],
  )(y);
}
