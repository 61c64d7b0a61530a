import { describe, expect, it } from 'vitest';
import { fromArray, manualSeed, nn, ones, tensor, type Tensor } from '../../src/index.js';
import { arrayOf } from '../helpers/values.js';

describe('normalization layers', () => {
  it('BatchNorm2d moves its running statistics in training, uses them in evaluation, and counts batches', () => {
    const layer = new nn.BatchNorm2d(2, { dtype: 'f64', momentum: 0.5 });
    // Channel 0: 1, 3 (mean 2, unbiased variance 2); channel 1: 10, 10.
    const x = tensor([[[[1, 3]], [[10, 10]]]], { dtype: 'f64' });
    layer.call(x);
    expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']);
    expect(arrayOf(layer.runningMean!)).toEqual([1, 5]);
    expect(arrayOf(layer.runningVar!)).toEqual([1.5, 0.5]);
    expect(layer.numBatchesTracked!.itemSync()).toBe(1);
    layer.eval();
    const y = arrayOf(layer.call(x));
    expect(y[1]).toBeCloseTo((3 - 1) / Math.sqrt(1.5 + 1e-5), 12);
    expect(layer.numBatchesTracked!.itemSync()).toBe(1);
    expect(layer.to('f32').runningMean!.dtype).toBe('f32');
    expect(layer.numBatchesTracked!.dtype).toBe('i64');
  });

  it('BatchNorm1d without running statistics normalises by the batch always', () => {
    const layer = new nn.BatchNorm1d(1, { trackRunningStats: false, affine: false }).eval();
    expect([...layer.stateDict().keys()]).toEqual([]);
    const y = arrayOf(layer.call(tensor([[1], [3]])));
    expect(y[0]).toBeCloseTo(-1, 4);
    expect(y[1]).toBeCloseTo(1, 4);
  });

  it('LayerNorm and RMSNorm work on the last axes', () => {
    const x = tensor([[1, 2, 3]], { dtype: 'f64' });
    const deviation = Math.sqrt(2 / 3 + 1e-5);
    arrayOf(new nn.LayerNorm(3, { dtype: 'f64' }).call(x)).forEach((v, i) => expect(v).toBeCloseTo((i - 1) / deviation, 12));
    const root = Math.sqrt(14 / 3 + 1e-6);
    arrayOf(new nn.RMSNorm([3], { dtype: 'f64' }).call(x)).forEach((v, i) => expect(v).toBeCloseTo((i + 1) / root, 12));
    expect([...new nn.LayerNorm([2, 3], { bias: false }).stateDict().keys()]).toEqual(['weight']);
  });
});

describe('Embedding', () => {
  it('gives rows, keeps its padding row at zero, and takes a table', () => {
    manualSeed(1);
    const layer = new nn.Embedding(4, 3, { paddingIdx: -1 });
    const index = tensor([[3, 0]], { dtype: 'i64' });
    const y = layer.call(index);
    expect(y.shape).toEqual([1, 2, 3]);
    expect(arrayOf(y).slice(0, 3)).toEqual([0, 0, 0]);
    y.sum().backward();
    expect(arrayOf(layer.weight.grad!)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const table = nn.Embedding.fromPretrained(tensor([[1, 2], [3, 4]])); // prettier-ignore
    expect(table.call(tensor([1], { dtype: 'i32' })).toArraySync()).toEqual([[3, 4]]);
    expect(table.weight.requiresGrad).toBe(false);
  });
});

describe('losses', () => {
  const x = fromArray(Float64Array.of(-3, -0.5, 0, 2, 800), [5]);
  const t = fromArray(Float64Array.of(0, 1, 0.25, 1, 1), [5]);
  const each: [
    string,
    (options: nn.LossOptions) => nn.Module & { forward(x: Tensor, t: Tensor): Tensor },
    (x: number, t: number) => number,
  ][] = [
    ['MSELoss', (options) => new nn.MSELoss(options), (a, b) => (a - b) ** 2],
    ['L1Loss', (options) => new nn.L1Loss(options), (a, b) => Math.abs(a - b)],
    [
      'BCEWithLogitsLoss',
      (options) => new nn.BCEWithLogitsLoss(options),
      (a, b) => Math.max(a, 0) - a * b + Math.log1p(Math.exp(-Math.abs(a))),
    ],
  ];
  for (const [name, make, formula] of each) {
    it(`${name}: none, sum, mean`, () => {
      const want = arrayOf(x).map((v, i) => formula(v, arrayOf(t)[i]!));
      const near = (got: number, expected: number): void =>
        expect(Math.abs(got - expected)).toBeLessThan(1e-12 * Math.max(1, Math.abs(expected)));
      arrayOf(make({ reduction: 'none' }).call(x, t)).forEach((v, i) => near(v, want[i]!));
      const sum = want.reduce((a, b) => a + b, 0);
      near(make({ reduction: 'sum' }).call(x, t).itemSync(), sum);
      near(make({}).call(x, t).itemSync(), sum / 5);
    });
  }

  it('CrossEntropyLoss and NLLLoss agree', () => {
    const scores = tensor([[1, 2, 3], [0, 0, 5]], { dtype: 'f64' }); // prettier-ignore
    const labels = tensor([2, 0], { dtype: 'i64' });
    const one = new nn.CrossEntropyLoss().call(scores, labels).itemSync();
    expect(new nn.NLLLoss().call(new nn.LogSoftmax().call(scores), labels).itemSync()).toBeCloseTo(one, 12);
    expect(arrayOf(new nn.Softmax(0).call(scores))[2]).toBeCloseTo(1 / (1 + Math.exp(2)), 12);
  });
});

describe('bad input', () => {
  const rejects: [string, () => unknown, string][] = [
    ['BatchNorm2d rank', () => new nn.BatchNorm2d(3).call(ones([2, 3])), 'BatchNorm2d(3): x [2,3] must be [N, C, H, W] with C = 3'],
    [
      'BatchNorm1d channels',
      () => new nn.BatchNorm1d(3).call(ones([2, 4])),
      'BatchNorm1d(3): x [2,4] must be [N, C] or [N, C, L] with C = 3',
    ],
    ['BatchNorm momentum', () => new nn.BatchNorm1d(3, { momentum: 2 }), 'BatchNorm1d: momentum must be a number in [0, 1], got 2'],
    ['LayerNorm shape', () => new nn.LayerNorm([]), 'LayerNorm: normalizedShape must name at least one axis'],
    ['LayerNorm input', () => new nn.LayerNorm(4).call(ones([2, 3])), 'x [2,3] must end in normalizedShape [4]'],
    ['Embedding padding', () => new nn.Embedding(4, 2, { paddingIdx: 4 }), 'Embedding: paddingIdx 4 is not one of 4 rows'],
    ['loss shapes', () => new nn.MSELoss().call(ones([2]), ones([3])), 'MSELoss: x [2] and target [3] must have the same shape'],
    ['loss reduction', () => new nn.L1Loss({ reduction: 'avg' as never }), 'L1Loss: reduction must be mean, sum or none, got avg'],
  ];
  for (const [name, call, message] of rejects) it(name, () => expect(call).toThrow(message));

  it('an index or label out of range is told by the read', async () => {
    await expect(new nn.Embedding(4, 2).call(tensor([4], { dtype: 'i64' })).data()).rejects.toThrow(/embedding: .*4.*out of range/);
  });
});
