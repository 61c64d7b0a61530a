import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gradients, loadSafetensors, manualSeed, nn, noGrad, ones, randn, scope, zeros, type Tensor } from '../../src/index.js';
import { arrayOf } from '../helpers/values.js';

const all = await loadSafetensors(fileURLToPath(new URL('../fixtures/recurrent.safetensors', import.meta.url)));

/** Tensors of a fixture by what follows `name.kind.` in their key. */
function stored(name: string, kind: string): Map<string, Tensor> {
  const prefix = `${name}.${kind}.`;
  return new Map([...all].filter(([key]) => key.startsWith(prefix)).map(([key, t]) => [key.slice(prefix.length), t]));
}

/** Both sides round in f64, in other orders; a few dozen operations one after the other. */
const tolerance = 1e3 * 2 ** -52;

function expectClose(name: string, got: Tensor, want: Tensor): void {
  expect(got.shape, name).toEqual(want.shape);
  const values = arrayOf(want);
  const far = arrayOf(got).filter((v, i) => !(Math.abs(v - values[i]!) <= tolerance));
  expect(far, name).toEqual([]);
}

const f64 = { dtype: 'f64' } as const;
type Run = (x: Tensor, ...state: Tensor[]) => readonly Tensor[];

function ofLstm(layer: nn.LSTM): [nn.Module, Run] {
  return [
    layer,
    (x, h0, c0) => {
      const [y, [h, c]] = layer.call(x, h0 === undefined || c0 === undefined ? null : [h0, c0]);
      return [y, h, c];
    },
  ];
}
const cell = new nn.LSTMCell(3, 5, f64);
const withHidden = (layer: nn.GRU | nn.RNN): [nn.Module, Run] => [layer, (x, h) => layer.call(x, h)];
const withCell = (layer: nn.GRUCell): [nn.Module, Run] => [layer, (x, h) => [layer.call(x, h)]];

const layers: Record<string, [nn.Module, Run]> = {
  lstm: ofLstm(new nn.LSTM(3, 5, { ...f64, numLayers: 2, batchFirst: true, bidirectional: true })),
  'lstm-plain': ofLstm(new nn.LSTM(3, 5, { ...f64, bias: false })),
  'lstm-single': ofLstm(new nn.LSTM(3, 5, { ...f64, batchFirst: true })),
  gru: withHidden(new nn.GRU(3, 5, { ...f64, numLayers: 2, bidirectional: true })),
  'gru-single': withHidden(new nn.GRU(3, 5, { ...f64, numLayers: 2, batchFirst: true })),
  rnn: withHidden(new nn.RNN(3, 5, { ...f64, numLayers: 2, nonlinearity: 'relu', bidirectional: true })),
  'rnn-tanh': withHidden(new nn.RNN(3, 5, { ...f64, batchFirst: true })),
  'lstm-cell': [cell, (x, h, c) => cell.call(x, [h, c])],
  'gru-cell': withCell(new nn.GRUCell(3, 5, f64)),
  'gru-cell-single': withCell(new nn.GRUCell(3, 5, { ...f64, bias: false })),
};

describe.each(Object.entries(layers))('%s', (name, [layer, run]) => {
  it("has PyTorch's keys in PyTorch's order, results and gradients", () => {
    const weights = stored(name, 'weights');
    expect([...layer.stateDict().keys()]).toEqual([...weights.keys()]);
    layer.loadStateDict(weights);
    scope(() => {
      const inputs = [...stored(name, 'inputs').values()].map((t) => t.clone());
      for (const x of inputs) x.requiresGrad = true;
      const outs = run(...(inputs as [Tensor, ...Tensor[]]));
      [...stored(name, 'outputs').values()].forEach((want, i) => expectClose(`result ${i}`, outs[i]!, want));
      const parameters = layer.namedParameters();
      const wanted = [...parameters.map(([, p]) => p), ...inputs];
      const grads = gradients(outs, wanted, { gradients: [...stored(name, 'seeds').values()] });
      const want = stored(name, 'gradients');
      const keys = [...parameters.map(([key]) => key), ...inputs.map((_, i) => String(i))];
      keys.forEach((key, i) => expectClose(`gradient of ${key}`, grads[i]!, want.get(key)!));
    });
  });
});

describe('recurrent layers', () => {
  it('give the same without a graph', () => {
    for (const [name, [, run]] of Object.entries(layers)) {
      scope(() => {
        const inputs = [...stored(name, 'inputs').values()] as [Tensor, ...Tensor[]];
        const recorded = run(...inputs).map((t) => arrayOf(t));
        expect(noGrad(() => run(...inputs)).map((t) => arrayOf(t))).toEqual(recorded);
      });
    }
  });

  it('drop values between layers in training only', () => {
    manualSeed(3);
    const layer = new nn.GRU(4, 6, { numLayers: 2, dropout: 0.5 });
    const x = randn([5, 3, 4]);
    const outs = (): number[][] => [0, 1].map(() => arrayOf(layer.call(x)[0]));
    const [a, b] = outs();
    expect(a).not.toEqual(b);
    layer.eval();
    const [c, d] = outs();
    expect(c).toEqual(d);
  });

  it('start uniform in +-1/sqrt(hiddenSize) and convert to f64', () => {
    manualSeed(4);
    const layer = new nn.LSTM(2, 100);
    const values = layer.parameters().flatMap((p) => arrayOf(p));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(0.1));
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.099);
    layer.to('f64');
    expect(layer.call(ones([1, 1, 2], { dtype: 'f64' }))[0].dtype).toBe('f64');
  });

  it('print their options', () => {
    expect(String(new nn.LSTM(2, 3, { numLayers: 2, batchFirst: true, bidirectional: true }))).toBe(
      'LSTM(2, 3, numLayers: 2, batchFirst: true, bidirectional: true)',
    );
    expect(String(new nn.GRUCell(2, 3, { bias: false }))).toBe('GRUCell(2, 3, bias: false)');
  });

  it('name what does not fit', () => {
    const layer = new nn.LSTM(4, 3, { batchFirst: true });
    expect(() => layer.call(zeros([2, 5, 3]))).toThrow(
      /LSTM\(4, 3, batchFirst: true\): x \[2,5,3\] must be \[batch, steps, 4\] or \[steps, 4\]/,
    );
    expect(() => layer.call(zeros([2, 5, 4]), [zeros([2, 3]), zeros([1, 2, 3])])).toThrow(/state \[2,3\] must be \[1,2,3\]/);
    expect(() => new nn.GRU(4, 0)).toThrow(/GRU: hiddenSize must be a whole number >= 1, got 0/);
    expect(() => new nn.GRUCell(4, 3).call(zeros([2, 5]))).toThrow(/GRUCell\(4, 3\): x \[2,5\] must be \[batch, 4\] or \[4\]/);
  });
});
