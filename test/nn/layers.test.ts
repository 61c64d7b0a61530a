import { describe, expect, it } from 'vitest';
import { arrayOf } from '../helpers/values.js';
import { manualSeed, nn, ones, scope, tensor, zeros, type Tensor } from '../../src/index.js';

/** Mean, standard deviation, smallest and largest element. */
function statistics(t: Tensor): { mean: number; std: number; low: number; high: number } {
  const values = arrayOf(t);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  return { mean, std, low: values.reduce((a, b) => Math.min(a, b)), high: values.reduce((a, b) => Math.max(a, b)) };
}

describe('first values', () => {
  it('Linear and Conv start uniform in +-1/sqrt(fanIn), weights and biases', () => {
    manualSeed(1);
    const linear = new nn.Linear(100, 2000);
    const conv = new nn.Conv2d(8, 500, [3, 3], { groups: 2 });
    for (const [t, bound] of [
      [linear.weight, 0.1],
      [linear.bias!, 0.1],
      [conv.weight, 1 / 6],
      [conv.bias!, 1 / 6],
    ] as const) {
      const { mean, std, low, high } = statistics(t);
      expect(low).toBeGreaterThanOrEqual(-Math.fround(bound));
      expect(high).toBeLessThanOrEqual(Math.fround(bound));
      const error = 5 * (bound / Math.sqrt(3) / Math.sqrt(t.size)); // five standard errors
      expect(Math.abs(mean)).toBeLessThan(error);
      expect(Math.abs(std - bound / Math.sqrt(3))).toBeLessThan(error);
    }
    expect(conv.weight.shape).toEqual([500, 4, 3, 3]);
  });

  it('is the same for the same seed and survives the scope it was made in', () => {
    const made = [7, 7, 8].map((seed) => {
      manualSeed(seed);
      return scope(() => new nn.Linear(5, 5));
    });
    expect(arrayOf(made[0]!.weight)).toEqual(arrayOf(made[1]!.weight));
    expect(arrayOf(made[0]!.weight)).not.toEqual(arrayOf(made[2]!.weight));
  });

  const spread: [string, (t: Tensor) => Tensor, number][] = [
    ['kaimingUniform_', (t) => nn.init.kaimingUniform_(t, { nonlinearity: 'relu' }), Math.sqrt(2 / 200)],
    ['kaimingNormal_ by fanOut', (t) => nn.init.kaimingNormal_(t, { mode: 'fanOut', nonlinearity: 'linear' }), Math.sqrt(1 / 400)],
    ['kaimingNormal_ of a leaky ReLU', (t) => nn.init.kaimingNormal_(t, { a: 0.5 }), Math.sqrt(2 / 1.25 / 200)],
    ['xavierUniform_', (t) => nn.init.xavierUniform_(t), Math.sqrt(2 / 600)],
    ['xavierNormal_', (t) => nn.init.xavierNormal_(t, nn.init.calculateGain('tanh')), (5 / 3) * Math.sqrt(2 / 600)],
    ['normal_', (t) => nn.init.normal_(t, 0, 3), 3],
    ['truncNormal_', (t) => nn.init.truncNormal_(t, { std: 0.5 }), 0.5 * 0.8796],
  ];
  for (const [name, init, std] of spread) {
    it(`${name} has its standard deviation`, () => {
      manualSeed(2);
      const t = zeros([400, 200], { dtype: 'f64' });
      expect(init(t)).toBe(t);
      const found = statistics(t);
      // 80,000 draws: the deviation of a normal sample is known to 1 / sqrt(2 n), 0.25 %; five of that.
      expect(Math.abs(found.std / std - 1)).toBeLessThan(0.0125);
      expect(Math.abs(found.mean)).toBeLessThan((5 * std) / Math.sqrt(80_000));
      if (name === 'truncNormal_') expect(Math.max(-found.low, found.high)).toBeLessThanOrEqual(1);
    });
  }

  it('constants and errors', () => {
    const t = zeros([2, 2]);
    expect(arrayOf(nn.init.constant_(t, 3))).toEqual([3, 3, 3, 3]);
    expect(arrayOf(nn.init.ones_(t))).toEqual([1, 1, 1, 1]);
    expect(arrayOf(nn.init.zeros_(t))).toEqual([0, 0, 0, 0]);
    expect(() => nn.init.kaimingUniform_(zeros([3]))).toThrow('kaimingUniform_: weight [3] must have at least two axes');
    expect(() => nn.init.kaimingNormal_(t, { nonlinearity: 'rely' as never })).toThrow('unknown nonlinearity rely');
    expect(() => nn.init.truncNormal_(t, { low: 3 })).toThrow('truncNormal_: mean 0 must lie between low 3 and high 2');
  });
});

describe('forward', () => {
  it('Linear: x W^T + b', () => {
    const layer = new nn.Linear(2, 3);
    layer.loadStateDict({ weight: tensor([[1, 2], [3, 4], [5, 6]]), bias: tensor([10, 20, 30]) }); // prettier-ignore
    expect(layer.call(tensor([[1, -1]])).toArraySync()).toEqual([[9, 19, 29]]);
  });

  it('Conv2d and Conv1d: windows of ones count', () => {
    const conv = new nn.Conv2d(1, 1, 3, { padding: 1, bias: false });
    nn.init.ones_(conv.weight);
    expect(conv.call(ones([1, 1, 3, 3])).toArraySync()).toEqual([[[[4, 6, 4], [6, 9, 6], [4, 6, 4]]]]); // prettier-ignore
    const line = new nn.Conv1d(1, 1, 3, { stride: 2, bias: false });
    nn.init.ones_(line.weight);
    expect(line.call(ones([1, 1, 7])).toArraySync()).toEqual([[[3, 3, 3]]]);
  });

  it('Dropout only in training', () => {
    const drop = new nn.Dropout(0.5);
    const x = ones([1000]);
    const values = arrayOf(drop.call(x));
    expect(new Set(values)).toEqual(new Set([0, 2]));
    expect(drop.eval().call(x)).toBe(x);
  });

  it('pools, Flatten, Identity', () => {
    const x = tensor([[[[1, 2], [3, 4]]]]); // prettier-ignore
    expect(new nn.MaxPool2d(2).call(x).toArraySync()).toEqual([[[[4]]]]);
    expect(new nn.AvgPool2d(2).call(x).toArraySync()).toEqual([[[[2.5]]]]);
    expect(new nn.MaxPool1d(2).call(x.reshape([1, 1, 4])).toArraySync()).toEqual([[[2, 4]]]);
    expect(new nn.AvgPool1d(2).call(x.reshape([1, 1, 4])).toArraySync()).toEqual([[[1.5, 3.5]]]);
    expect(new nn.AdaptiveAvgPool2d(1).call(x).toArraySync()).toEqual([[[[2.5]]]]);
    expect(new nn.AdaptiveMaxPool2d([1, null]).call(x).toArraySync()).toEqual([[[[3, 4]]]]);
    expect(new nn.Flatten().call(ones([2, 3, 4])).shape).toEqual([2, 12]);
    expect(new nn.Flatten(0, 1).call(ones([2, 3, 4])).shape).toEqual([6, 4]);
    expect(new nn.Identity().call(x)).toBe(x);
  });

  it('activations are the ops of their names', () => {
    const x = tensor([-2, -0.5, 0, 1, 3], { dtype: 'f64' });
    const cases: [nn.Module & { forward(x: Tensor): Tensor }, Tensor][] = [
      [new nn.ReLU(), x.relu()],
      [new nn.LeakyReLU(0.2), x.leakyRelu(0.2)],
      [new nn.ELU(2), x.elu(2)],
      [new nn.GELU(), x.gelu()],
      [new nn.GELU({ approximate: 'tanh' }), x.gelu({ approximate: 'tanh' })],
      [new nn.SiLU(), x.silu()],
      [new nn.Mish(), x.mish()],
      [new nn.Tanh(), x.tanh()],
      [new nn.Sigmoid(), x.sigmoid()],
      [new nn.Softplus({ beta: 2 }), x.softplus({ beta: 2 })],
    ];
    for (const [layer, want] of cases) expect(arrayOf(layer.call(x))).toEqual(arrayOf(want));
  });
});

describe('bad input', () => {
  const rejects: [string, () => unknown, string][] = [
    [
      'Linear input',
      () => new nn.Linear(784, 10).call(ones([2, 783])),
      'Linear(784, 10): x [2,783] must have 784 features on its last axis',
    ],
    ['Linear scalar', () => new nn.Linear(1, 1).call(ones([])), 'Linear(1, 1): x [] must have 1 features'],
    ['Linear size', () => new nn.Linear(2.5, 1), 'Linear: inFeatures must be a whole number >= 0, got 2.5'],
    ['Linear option', () => new nn.Linear(2, 1, { bia: true } as never), 'Linear: unknown option "bia"; did you mean bias?'],
    [
      'Conv2d channels',
      () => new nn.Conv2d(3, 8, 3).call(ones([1, 1, 9, 9])),
      'Conv2d(3, 8, [3,3]): x [1,1,9,9] must be [N, C, H, W] or [C, H, W] with C = 3 channels',
    ],
    ['Conv2d groups', () => new nn.Conv2d(3, 8, 3, { groups: 2 }), 'Conv2d: groups 2 must divide inChannels 3 and outChannels 8'],
    ['Conv2d stride', () => new nn.Conv2d(3, 8, 3, { stride: 0 }), 'Conv2d: stride and dilation must be a whole number >= 1, got 0'],
    ['Conv1d kernel', () => new nn.Conv1d(3, 8, -1), 'Conv1d: kernelSize must be a whole number >= 1, got -1'],
    ['Dropout', () => new nn.Dropout(1.5), 'Dropout: p must be a number in [0, 1], got 1.5'],
    ['MaxPool2d option', () => new nn.MaxPool2d(2, { strides: 2 } as never), 'MaxPool2d: unknown option "strides"; did you mean stride?'],
    ['Flatten axis', () => new nn.Flatten(3).call(ones([2, 2])), 'Flatten: axis 3 does not exist in x [2,2]'],
    ['Parameter', () => new nn.Parameter([1] as never), 'Parameter: values must be a tensor, got object'],
  ];
  for (const [name, call, message] of rejects) it(name, () => expect(call).toThrow(message));
});
