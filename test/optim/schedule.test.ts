import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { optim, zeros } from '../../src/index.js';

interface Fixture {
  readonly schedules: Record<string, [lr: number, momentum: number][]>;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/optim.json', import.meta.url), 'utf8')) as Fixture;

type Sgd = optim.SGD;
const makers: Record<string, (o: Sgd) => optim.Schedule> = {
  StepLR: (o) => new optim.StepLR(o, { stepSize: 4, gamma: 0.5 }),
  MultiStepLR: (o) => new optim.MultiStepLR(o, { milestones: [3, 8, 20], gamma: 0.3 }),
  ExponentialLR: (o) => new optim.ExponentialLR(o, { gamma: 0.9 }),
  CosineAnnealingLR: (o) => new optim.CosineAnnealingLR(o, { tMax: 12, etaMin: 0.05 }),
  LinearLR: (o) => new optim.LinearLR(o, { startFactor: 0.25, endFactor: 0.75, totalIters: 6 }),
  LambdaLR: (o) => new optim.LambdaLR(o, (step) => 1 / (1 + step)),
  SequentialLR: (o) =>
    new optim.SequentialLR(
      o,
      [new optim.LinearLR(o, { startFactor: 0.1, totalIters: 5 }), new optim.CosineAnnealingLR(o, { tMax: 20, etaMin: 0.01 })],
      [5],
    ),
  'OneCycleLR cos': (o) => new optim.OneCycleLR(o, { maxLr: 2, totalSteps: 31 }),
  'OneCycleLR linear': (o) =>
    new optim.OneCycleLR(o, { maxLr: 2, totalSteps: 31, pctStart: 0.4, annealStrategy: 'linear', divFactor: 10, finalDivFactor: 100 }),
};

function sgd(momentum = 0.9): Sgd {
  return new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 0.5, momentum });
}

describe('schedules equal PyTorch, step by step', () => {
  for (const [name, want] of Object.entries(fixture.schedules)) {
    it(name, () => {
      const optimizer = sgd(name.startsWith('OneCycle') ? 0.9 : 0);
      const schedule = makers[name]!(optimizer);
      for (const [lr, momentum] of want) {
        // PyTorch multiplies its way along, we compute each rate from the step: 30 roundings of the base rate lie between.
        expect(Math.abs(schedule.lastLr[0]! - lr)).toBeLessThan(30 * 2 ** -52 * 2);
        expect(Math.abs(optimizer.groups[0]!.momentum - momentum)).toBeLessThan(8 * 2 ** -52);
        schedule.step();
      }
    });
  }
});

describe('schedules', () => {
  it('warmupCosine rises to the base rate and falls to etaMin', () => {
    const optimizer = sgd();
    const schedule = optim.warmupCosine(optimizer, { warmup: 4, total: 14, etaMin: 0.05 });
    const rates = Array.from({ length: 16 }, () => {
      const lr = optimizer.groups[0]!.lr;
      schedule.step();
      return lr;
    });
    expect(rates.slice(0, 5)).toEqual([0.125, 0.25, 0.375, 0.5, 0.5]);
    expect(rates[9]).toBeCloseTo(0.275, 12); // half way down
    expect(rates[14]).toBeCloseTo(0.05, 12);
    expect(rates[15]).toBeCloseTo(0.05, 12);
  });

  it('turns the first beta of Adam in OneCycleLR', () => {
    const adam = new optim.Adam([zeros([1], { requiresGrad: true })]);
    const schedule = new optim.OneCycleLR(adam, { maxLr: [0.1], totalSteps: 10 });
    expect(adam.groups[0]!.betas).toEqual([0.95, 0.999]);
    schedule.step();
    schedule.step();
    expect(adam.groups[0]!.betas[0]).toBeCloseTo(0.85, 12);
  });

  it('goes on from a saved step', () => {
    const one = new optim.StepLR(sgd(), { stepSize: 2 });
    for (let i = 0; i < 5; i++) one.step();
    const two = new optim.StepLR(sgd(), { stepSize: 2 });
    two.loadStateDict(one.stateDict());
    expect(two.lastLr).toEqual(one.lastLr);
  });

  const rejects: [string, () => unknown, string][] = [
    ['step size 0', () => new optim.StepLR(sgd(), { stepSize: 0 }), 'StepLR: stepSize must be a whole number >= 1, got 0'],
    [
      'unknown option',
      () => new optim.CosineAnnealingLR(sgd(), { tmax: 4 } as never),
      'CosineAnnealingLR: unknown option "tmax"; did you mean tMax?',
    ],
    ['no function', () => new optim.LambdaLR(sgd(), 3 as never), 'LambdaLR: lrLambda must be a function'],
    ['milestones', () => new optim.SequentialLR(sgd(), [], [3]), 'SequentialLR: 0 schedules need -1 milestones, got 1'],
    ['warm-up longer than the whole', () => optim.warmupCosine(sgd(), { warmup: 5, total: 5 }), 'total must be a whole number >= 6, got 5'],
    ['rates for other groups', () => new optim.OneCycleLR(sgd(), { maxLr: [1, 2], totalSteps: 9 }), 'maxLr has 2 rates for 1 groups'],
  ];
  for (const [name, call, message] of rejects) it(`rejects: ${name}`, () => expect(call).toThrow(message));

  it('says when a one-cycle schedule is over', () => {
    const schedule = new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 2 });
    schedule.step();
    expect(() => schedule.step()).toThrow('OneCycleLR: step 2 is beyond the cycle of 2');
  });
});
