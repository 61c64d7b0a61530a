import { describe, expect, it } from 'vitest';
import {
  add,
  ArgumentError,
  backward,
  checkpoint,
  dropout,
  engine,
  exp,
  getRngState,
  grad,
  GradError,
  gradcheck,
  gradgradcheck,
  gradients,
  manualSeed,
  mul,
  nn,
  noGrad,
  rand,
  scope,
  sum,
  tanh,
  tensor,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { arrayOf } from '../helpers/values.js';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'f64', requiresGrad: true });

/** Three transformer layers with dropout, each kept or computed again: loss, gradients of all parameters and of the input, and the next random number. */
function train(wrap: (layer: nn.Module & { call(x: Tensor): Tensor }, x: Tensor) => Tensor): { numbers: number[][]; names: string[] } {
  manualSeed(3);
  const layers = [0, 1, 2].map(() => new nn.TransformerEncoderLayer(16, 2, { dimFeedforward: 32, dropout: 0.2 }));
  const x = rand([2, 5, 16], { requiresGrad: true });
  let y = x;
  for (const layer of layers) y = wrap(layer, y);
  const loss = sum(mul(y, y));
  backward(loss);
  const parameters = layers.flatMap((layer, i) => [...layer.namedParameters()].map(([name, p]) => [`${i}.${name}`, p] as const));
  return {
    names: ['x', ...parameters.map(([name]) => name)],
    numbers: [arrayOf(loss), ...[x, ...parameters.map(([, p]) => p)].map((t) => arrayOf(t.grad!)), arrayOf(rand([3]))],
  };
}

describe('checkpoint', () => {
  it('has the gradients of the plain pass to the bit, dropout and parameters included', () => {
    const plain = train((layer, x) => layer.call(x));
    const again = train((layer, x) => checkpoint((t) => layer.call(t), x));
    expect(again).toEqual(plain);
    const nested = train((layer, x) => checkpoint((t) => checkpoint((u) => layer.call(u), t), x));
    expect(nested).toEqual(plain);
  });

  it('needs less memory at the peak: segments, not layers', () => {
    const peak = (segment: (f: (t: Tensor) => Tensor, x: Tensor) => Tensor): number =>
      scope(() => {
        const weights = Array.from({ length: 12 }, () => rand([64, 64], { requiresGrad: true }));
        const x = rand([256, 64], { requiresGrad: true });
        engine.resetPeak();
        const start = engine.stats().liveBytes;
        let y = x;
        for (let i = 0; i < 12; i += 3) {
          const own = weights.slice(i, i + 3);
          y = segment((t) => scope(() => own.reduce((u, w) => tanh(exp(tanh(u.matmul(w)))), t)), y);
        }
        backward(sum(y));
        return engine.stats().peakBytes - start;
      });
    const [plain, less] = [peak((f, x) => f(x)), peak((f, x) => checkpoint(f, x))];
    expect(less).toBeLessThan(0.6 * plain);
  });

  it('releases everything: memory is as before', () => {
    const run = (): void =>
      scope(() => {
        const [x, w] = [leaf(1, 2), leaf(3, 4)];
        gradients([sum(checkpoint((t) => mul(exp(t), w), x))], [x, w]);
      });
    run();
    const { liveBytes, liveTensors } = engine.stats();
    run();
    expect(engine.stats()).toMatchObject({ liveBytes, liveTensors });
  });

  it('reaches what the function reads besides: leaves, and tensors computed outside that share their leaves', () => {
    const gradientsOf = (segment: (f: (t: Tensor) => Tensor, x: Tensor) => Tensor): number[][] => {
      const [x, w] = [leaf(0.3, -0.7), leaf(1.5, 2)];
      const outer = mul(w, w);
      const y = segment((t) => mul(mul(exp(t), outer), add(w, outer)), mul(x, w));
      const all = gradients([sum(add(y, outer))], [x, w, outer], { retainGraph: true });
      backward(sum(add(y, outer)));
      return [...all, x.grad!, w.grad!].map(arrayOf);
    };
    const [plain, again] = [gradientsOf((f, x) => f(x)), gradientsOf((f, x) => checkpoint(f, x))];
    again.forEach((g, i) => g.forEach((v, j) => expect(Math.abs(v - plain[i]![j]!)).toBeLessThanOrEqual(8 * 2 ** -52 * Math.abs(v))));
  });

  it('passes the numeric check, of second order too', async () => {
    const w = leaf(0.5, -0.2, 0.8);
    const f = (x: Tensor, y: Tensor): Tensor => checkpoint((p, q) => mul(tanh(mul(p, w)), exp(q)), x, y);
    await gradcheck(f, [leaf(0.1, 0.2, 0.3), leaf(-0.4, 0.5, 0.6)]);
    await gradgradcheck(f, [leaf(0.1, 0.2, 0.3), leaf(-0.4, 0.5, 0.6)]);
    const cube = grad((x) => sum(checkpoint((t) => mul(t, mul(t, t)), x)));
    expect(arrayOf(grad((x) => sum(cube(x)))(leaf(2)))).toEqual([12]);
    await gradcheck((v) => checkpoint((t) => mul(t, sum(mul(w, v))), leaf(2, 3)), [leaf(0.7, 0.1, 0.9)]);
  });

  it('takes inputs without gradient, and passes results through', () => {
    const [x, index] = [leaf(1, 2, 3), tensor([0, 2], { dtype: 'i64' })];
    backward(sum(checkpoint((t, i) => t.indexSelect(0, i), x, index)));
    expect(arrayOf(x.grad!)).toEqual([1, 0, 1]);
    const same = checkpoint((t) => t, x);
    expect(arrayOf(gradients([sum(same)], [x])[0]!)).toEqual([1, 1, 1]);
    expect(checkpoint((t) => exp(t), zeros([2])).requiresGrad).toBe(false);
    expect(noGrad(() => checkpoint((t) => exp(t), x)).requiresGrad).toBe(false);
    expect(checkpoint((t) => t.detach(), x).requiresGrad).toBe(false);
  });

  it('draws the random numbers of the forward pass again, and goes on after them', () => {
    manualSeed(5);
    const x = leaf(...Array.from({ length: 40 }, () => 1));
    const y = checkpoint((t) => dropout(t, 0.5), x);
    const after = getRngState();
    rand([3]);
    const later = getRngState();
    backward(sum(y));
    expect(arrayOf(x.grad!)).toEqual(arrayOf(y));
    expect(getRngState()).toEqual(later);
    expect(later).not.toEqual(after);
  });

  it('says what is wrong', () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    expect(() => checkpoint(x as never)).toThrow(ArgumentError);
    expect(() => checkpoint((t) => t, 3 as never)).toThrow(/checkpoint: input 0 must be a tensor, got number/);
    expect(() => checkpoint(() => 3 as never, x)).toThrow(/checkpoint: the function must return a tensor, got number/);
    expect(() => checkpoint(((t: Tensor) => Promise.resolve(t)) as never, x)).toThrow(/got a promise/);
    let calls = 0;
    const growing = checkpoint((t) => (calls++ === 0 ? exp(t) : exp(t).reshape([2, 1])), x);
    expect(() => backward(sum(growing))).toThrow(
      /checkpoint: the function gave f64 \[2\] in the forward pass and f64 \[2,1\] in the backward pass/,
    );
    const y = checkpoint((t) => mul(t, w), x);
    w.setData([5, 6]);
    expect(() => backward(sum(y))).toThrow(/a tensor \[2\] that its gradient needs was modified in place/);
    const once = sum(checkpoint((t) => mul(t, w), x));
    backward(once);
    expect(() => backward(once)).toThrow(GradError);
  });
});
