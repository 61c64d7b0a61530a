import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { engine, fromArray, optim, scope, tensor, zeros, type Tensor } from '../../src/index.js';

interface Fixture {
  readonly shapes: number[][];
  readonly start: number[][];
  readonly gradients: number[][][];
  readonly optimizers: {
    readonly name: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';
    readonly options: Record<string, unknown>;
    readonly seen: { readonly step: number; readonly params: number[][] }[];
  }[];
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/optim.json', import.meta.url), 'utf8')) as Fixture;

type Make = (params: readonly Tensor[], options: Record<string, unknown>) => optim.Optimizer;
const make: Record<string, Make> = {
  SGD: (params, options) => new optim.SGD(params, options),
  Adam: (params, options) => new optim.Adam(params, options),
  AdamW: (params, options) => new optim.AdamW(params, options),
  RMSprop: (params, options) => new optim.RMSprop(params, options),
  Adagrad: (params, options) => new optim.Adagrad(params, options),
};

function leaves(dtype: 'f32' | 'f64' = 'f64'): Tensor[] {
  return fixture.start.map((values, i) => fromArray(values, fixture.shapes[i]!, { dtype, requiresGrad: true }));
}

function setGradients(params: readonly Tensor[], t: number): void {
  params.forEach((p, i) => (p.grad = fromArray(fixture.gradients[t]![i]!, p.shape, { dtype: p.dtype })));
}

/** Largest difference relative to the larger of 1 and the value. */
function distance(p: Tensor, want: readonly number[]): number {
  return Math.max(...want.map((v, i) => Math.abs(Number(p.dataSync()[i]) - v) / Math.max(1, Math.abs(v))));
}

describe('trajectories equal PyTorch', () => {
  for (const { name, options, seen } of fixture.optimizers) {
    it(`${name} ${JSON.stringify(options)}`, () => {
      const params = leaves();
      const optimizer = make[name]!(params, options);
      for (let t = 0; t < fixture.gradients.length; t++) {
        setGradients(params, t);
        optimizer.step();
        const known = seen.find((one) => one.step === t + 1);
        // A step rounds about ten times; errors of t steps add up, and a small root divides them (eps / (1 - alpha) at worst): 100 eps a step is generous.
        known?.params.forEach((want, i) => expect(distance(params[i]!, want)).toBeLessThan((t + 1) * 100 * 2 ** -52));
      }
    });

    it(`${name} ${JSON.stringify(options)} in f32 stays near`, () => {
      const params = leaves('f32');
      const optimizer = make[name]!(params, options);
      for (let t = 0; t < 10; t++) {
        setGradients(params, t);
        optimizer.step();
      }
      const known = seen.find((one) => one.step === 10)!;
      known.params.forEach((want, i) => expect(distance(params[i]!, want)).toBeLessThan(10 * 100 * 2 ** -23));
    });
  }
});

describe('in place', () => {
  it('allocates nothing after the first step', () => {
    const params = leaves();
    const optimizer = new optim.AdamW(params);
    setGradients(params, 0);
    optimizer.step();
    const before = engine.stats().allocations;
    for (let t = 0; t < 50; t++) optimizer.step();
    expect(engine.stats().allocations).toBe(before);
  });

  it('takes strided gradients: one element repeated, a transposed matrix', () => {
    const w = tensor([[1, 2, 3], [4, 5, 6]], { dtype: 'f64', requiresGrad: true }); // prettier-ignore
    w.grad = tensor([2], { dtype: 'f64' }).expand([2, 3]);
    new optim.SGD([w], { lr: 0.5 }).step();
    expect(w.toArraySync()).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    w.grad = tensor([[1, 2], [3, 4], [5, 6]], { dtype: 'f64' }).transpose(); // prettier-ignore
    new optim.SGD([w], { lr: 1 }).step();
    expect(w.toArraySync()).toEqual([[-1, -2, -3], [1, 0, -1]]); // prettier-ignore
  });

  it('updates hundreds of tensors of all sizes, and large ones on all threads', () => {
    const sizes = [...Array.from({ length: 400 }, (_, i) => i % 37), 100_003];
    const params = sizes.map((n) => zeros([n], { requiresGrad: true }));
    for (const p of params)
      p.grad = fromArray(
        Float32Array.from({ length: p.size }, (_, i) => i % 8),
        [p.size],
      );
    const optimizer = new optim.SGD(params, { lr: 1, momentum: 0.5 });
    optimizer.step();
    optimizer.step();
    for (const p of params) expect(p.dataSync().every((v, i) => Number(v) === -2.5 * (i % 8))).toBe(true);
  });

  it('survives the scope in which its state was made', () => {
    const params = leaves();
    const optimizer = new optim.Adam(params);
    for (let t = 0; t < 3; t++) {
      scope(() => {
        setGradients(params, t);
        optimizer.step();
      });
      for (const p of params) p.grad = null;
    }
    expect(optimizer.stateDict().state.get(0)?.step).toBe(3);
  });

  it('tells a graph that needs the old values', () => {
    const x = tensor([1, 2], { dtype: 'f64', requiresGrad: true });
    const y = x
      .reshape([1, 2])
      .matmul(x.reshape([2, 1]))
      .sum();
    x.grad = tensor([1, 1], { dtype: 'f64' });
    new optim.SGD([x], { lr: 1 }).step();
    expect(() => y.backward()).toThrow(/modified in place/);
  });
});

describe('groups and state', () => {
  it('gives groups options of their own and skips parameters without gradient', () => {
    const [a, b] = leaves();
    const optimizer = new optim.SGD([{ params: [a!], lr: 1 }, { params: [b!] }], { lr: 0.5 });
    const before = b!.toArraySync();
    a!.grad = zeros(a!.shape, { dtype: 'f64' });
    optimizer.step();
    expect(optimizer.groups.map((group) => group.lr)).toEqual([1, 0.5]);
    expect(b!.toArraySync()).toEqual(before);
    expect(optimizer.toString()).toContain('group 1: 1 tensors, lr: 0.5');
  });

  it('counts the steps of each parameter by itself', () => {
    const [a, b] = leaves();
    const optimizer = new optim.Adam([a!, b!]);
    setGradients([a!], 0);
    optimizer.step();
    setGradients([a!, b!], 1);
    optimizer.step();
    expect([...optimizer.stateDict().state.values()].map((own) => own.step)).toEqual([2, 1]);
  });

  it('goes on bit for bit from a saved state', () => {
    const first = leaves();
    const one = new optim.AdamW(first, { lr: 0.01, amsgrad: true });
    for (let t = 0; t < 5; t++) {
      setGradients(first, t);
      one.step();
    }
    const second = first.map((p) => fromArray(p.dataSync(), p.shape, { requiresGrad: true }));
    const two = new optim.AdamW(second, { amsgrad: true });
    two.loadStateDict(one.stateDict());
    expect(two.groups[0]!.lr).toBe(0.01);
    for (let t = 5; t < 9; t++) {
      setGradients(first, t);
      setGradients(second, t);
      one.step();
      two.step();
    }
    first.forEach((p, i) => expect(second[i]!.dataSync()).toEqual(p.dataSync()));
  });

  it('refuses the state of another optimizer or model and stays as it was', () => {
    const [a, b] = leaves();
    const sgd = new optim.SGD([a!], { momentum: 0.9 });
    setGradients([a!], 0);
    sgd.step();
    const adam = new optim.Adam([a!, b!]);
    expect(() => adam.loadStateDict(sgd.stateDict())).toThrow(
      'Adam.loadStateDict: the state has groups of 1 parameters, the optimizer of 2',
    );
    const other = new optim.SGD([b!], { momentum: 0.9 });
    expect(() => other.loadStateDict(sgd.stateDict())).toThrow(/momentum_buffer of parameter 0 is f64 \[3,5\], the parameter f64 \[4\]/);
  });

  it('releases gradients in zeroGrad', () => {
    const params = leaves();
    setGradients(params, 0);
    const g = params[0]!.grad!;
    new optim.SGD(params).zeroGrad();
    expect(params.every((p) => p.grad === null)).toBe(true);
    expect(g.isDisposed).toBe(true);
  });
});

describe('bad input', () => {
  const rejects: [string, () => unknown, string | RegExp][] = [
    ['unknown option', () => new optim.SGD(leaves(), { lerningRate: 1 } as never), /SGD: unknown option "lerningRate"/],
    ['near option', () => new optim.Adam(leaves(), { weightdecay: 1 } as never), 'did you mean weightDecay?'],
    ['negative rate', () => new optim.SGD(leaves(), { lr: -1 }), 'SGD: lr must be a number >= 0, got -1'],
    ['NaN rate', () => new optim.Adam(leaves(), { lr: NaN }), 'Adam: lr must be a number >= 0, got NaN'],
    ['beta of 1', () => new optim.AdamW(leaves(), { betas: [1, 0.9] }), 'betas[0] must be in [0, 1), got 1'],
    ['nesterov alone', () => new optim.SGD(leaves(), { nesterov: true }), 'SGD: nesterov needs a momentum and no dampening'],
    ['no parameters', () => new optim.SGD([]), 'SGD: there are no parameters to optimize'],
    ['not a list', () => new optim.SGD(zeros([1]) as never), 'SGD: pass an array of parameters'],
    ['not a tensor', () => new optim.SGD([{ params: [3 as never] }]), 'SGD: parameter 0 must be a tensor, got number'],
    ['the same twice', () => { const [a] = leaves(); return new optim.SGD([a!, a!]); }, 'parameter 1 [3,5] is named twice'], // prettier-ignore
    ['no leaf', () => new optim.SGD([leaves()[0]!.add(1)]), 'parameter 0 [3,5] was computed from others'],
    ['integers', () => new optim.SGD([zeros([2], { dtype: 'i32' })]), 'parameter 0 [2] must be f32 or f64, got i32'],
  ];
  for (const [name, call, message] of rejects) it(name, () => expect(call).toThrow(message));

  it('a gradient of another shape, a released one', () => {
    const [a] = leaves();
    const optimizer = new optim.SGD([a!]);
    a!.grad = zeros([5, 3], { dtype: 'f64' });
    expect(() => optimizer.step()).toThrow('SGD.step: the gradient of parameter 0 is f64 [5,3], the parameter f64 [3,5]');
    a!.grad = zeros([3, 5], { dtype: 'f64' });
    a!.grad.dispose();
    expect(() => optimizer.step()).toThrow(/SGD.step: gradient 0 \[3,5\] was released by dispose/);
  });
});
