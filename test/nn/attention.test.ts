import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { engine, gradients, loadSafetensors, manualSeed, nn, ones, randn, scope, zeros, type Tensor } from '../../src/index.js';
import { arrayOf } from '../helpers/values.js';

const all = await loadSafetensors(fileURLToPath(new URL('../fixtures/attention.safetensors', import.meta.url)));

/** What PyTorch recorded under a prefix, by the rest of the key. */
function under(prefix: string): Map<string, Tensor> {
  return new Map([...all].filter(([key]) => key.startsWith(prefix)).map(([key, t]) => [key.slice(prefix.length), t]));
}

/** Both sides add a few dozen terms in other orders, through two projections, softmax and two norms. */
const tolerance = 2000 * 2 ** -52;
function expectClose(got: Tensor, want: Tensor | undefined, what: string): void {
  expect(got.shape, what).toEqual(want?.shape);
  const [a, b] = [arrayOf(got), arrayOf(want!)];
  const largest = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  const worst = a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);
  expect(worst / largest, what).toBeLessThan(tolerance);
}

type Inputs = ReadonlyMap<string, Tensor>;

/** The same module, call and inputs as recorded: results, gradients of inputs and of parameters. */
function expectSame(name: string, module: nn.Module, call: (x: Inputs) => readonly Tensor[]): void {
  scope(() => {
    module.to('f64');
    module.loadStateDict(under(`${name}.state.`));
    const inputs = under(`${name}.in.`);
    const differentiable = [...inputs].filter(([key]) => all.has(`${name}.grad.in.${key}`));
    for (const [, x] of differentiable) x.requiresGrad = true;
    const outs = call(inputs);
    outs.forEach((out, i) => expectClose(out, all.get(`${name}.out.${i}`), `result ${i}`));
    const wanted: [string, Tensor][] = [
      ...differentiable.map(([key, t]): [string, Tensor] => [`in.${key}`, t]),
      ...module.namedParameters().map(([key, t]): [string, Tensor] => [`state.${key}`, t]),
    ];
    const of = wanted.map(([, t]) => t);
    const grads = gradients([outs[0]!], of, { gradients: [all.get(`${name}.g`)!] });
    wanted.forEach(([key], i) => expectClose(grads[i]!, all.get(`${name}.grad.${key}`), `gradient of ${key}`));
  });
}

const layouts: [string, () => nn.MultiheadAttention, (x: Inputs) => nn.AttentionCallOptions][] = [
  ['cross', () => new nn.MultiheadAttention(8, 2), () => ({})],
  ['dims', () => new nn.MultiheadAttention(8, 4, { kdim: 6, vdim: 3, bias: false, batchFirst: true }), () => ({})],
  ['plain', () => new nn.MultiheadAttention(6, 3), () => ({})],
  [
    'padded',
    () => new nn.MultiheadAttention(8, 2, { batchFirst: true }),
    (x) => ({ keyPaddingMask: x.get('hidden')!, averageAttnWeights: false }),
  ],
  [
    'masked',
    () => new nn.MultiheadAttention(8, 2, { batchFirst: true }),
    (x) => ({ keyPaddingMask: x.get('hidden')!, attnMask: x.get('mask')! }),
  ],
  ['causal', () => new nn.MultiheadAttention(8, 2, { batchFirst: true }), () => ({ isCausal: true })],
];

describe('MultiheadAttention is the one of PyTorch, with weights and, fused, without', () => {
  it.each(layouts)('%s', (name, make, options) => {
    for (const needWeights of [true, false]) {
      const module = make();
      const run = (x: Inputs): readonly Tensor[] => {
        const [y, weights] = module.call(x.get('query')!, x.get('key')!, x.get('value')!, { ...options(x), needWeights });
        expect(weights === null).toBe(!needWeights);
        return weights === null ? [y] : [y, weights];
      };
      expectSame(name, module, run);
    }
  });

  it('has the state keys of PyTorch', () => {
    expect([...new nn.MultiheadAttention(4, 2).stateDict().keys()]).toEqual([
      'in_proj_weight',
      'in_proj_bias',
      'out_proj.weight',
      'out_proj.bias',
    ]);
    expect([...new nn.MultiheadAttention(4, 2, { kdim: 3, bias: false }).stateDict().keys()]).toEqual([
      'q_proj_weight',
      'k_proj_weight',
      'v_proj_weight',
      'out_proj.weight',
    ]);
  });

  it('drops weights in training only, and returns those that it used', () => {
    scope(() => {
      manualSeed(3);
      const layer = new nn.MultiheadAttention(8, 2, { dropout: 0.5, batchFirst: true });
      const x = randn([2, 6, 8]);
      const [, weights] = layer.call(x, x, x, { averageAttnWeights: false });
      expect(arrayOf(weights!).filter((w) => w === 0).length).toBeGreaterThan(20);
      const [a] = layer.eval().call(x, x, x);
      const [b] = layer.call(x, x, x, { needWeights: false });
      const [first, second] = [arrayOf(a), arrayOf(b)];
      first.forEach((v, i) => expect(Math.abs(v - second[i]!)).toBeLessThan(1e-5));
    });
  });

  it('without weights, makes no matrix of them', () => {
    scope(() => {
      const length = 1024;
      const layer = new nn.MultiheadAttention(16, 2);
      const x = randn([length, 1, 16]);
      engine.resetPeak();
      const before = engine.stats().liveBytes;
      scope(() => layer.call(x, x, x, { needWeights: false, isCausal: true }));
      expect(engine.stats().peakBytes - before).toBeLessThan(length * length);
    });
  });
});

describe('TransformerEncoderLayer is the one of PyTorch', () => {
  const sizes = { dimFeedforward: 12, dropout: 0 };
  it('post-norm with a causal mask', () => {
    const layer = new nn.TransformerEncoderLayer(8, 2, sizes);
    const future = ones([5, 5]).triu(1).ne(0);
    for (const options of [{ srcMask: future }, { isCausal: true }])
      expectSame('layer', layer, (x) => [layer.call(x.get('src')!, options)]);
  });

  it('pre-norm with gelu and padding', () => {
    const layer = new nn.TransformerEncoderLayer(8, 2, {
      ...sizes,
      activation: 'gelu',
      batchFirst: true,
      normFirst: true,
      layerNormEps: 1e-3,
    });
    const run = (x: Inputs): readonly Tensor[] => [layer.call(x.get('src')!, { srcKeyPaddingMask: x.get('hidden')! })];
    expectSame('prenorm', layer, run);
  });
});

describe('bad input', () => {
  const mha = new nn.MultiheadAttention(8, 2);
  const rejects: [string, () => unknown, string][] = [
    ['heads', () => new nn.MultiheadAttention(8, 3), 'MultiheadAttention: numHeads 3 must divide embedDim 8'],
    ['features', () => mha.call(zeros([2, 3, 8]), zeros([4, 3, 7]), zeros([4, 3, 8])), 'MultiheadAttention(8, 2): key [4,3,7] must have 8 features'],
    ['batch', () => mha.call(zeros([2, 3, 8]), zeros([4, 2, 8]), zeros([4, 2, 8])), 'must have the same batch size'],
    ['rank', () => mha.call(zeros([8]), zeros([8]), zeros([8])), 'must all be [length, N, features]'],
    ['mask', () => mha.call(zeros([2, 3, 8]), zeros([4, 3, 8]), zeros([4, 3, 8]), { attnMask: zeros([2, 3]) }), 'attnMask [2,3] must be [2,4] or [6,2,4]'],
    ['padding', () => mha.call(zeros([2, 3, 8]), zeros([4, 3, 8]), zeros([4, 3, 8]), { keyPaddingMask: zeros([4, 3]) }), 'keyPaddingMask [4,3] must be [3,4]'],
    ['option', () => new nn.TransformerEncoderLayer(8, 2, { dimFeedForward: 3 } as never), 'unknown option "dimFeedForward"; did you mean dimFeedforward?'],
    ['activation', () => new nn.TransformerEncoderLayer(8, 2, { activation: 'tanh' as never }), 'activation must be relu, gelu or a function, got "tanh"'],
  ]; // prettier-ignore
  for (const [name, call, message] of rejects) it(name, () => expect(call).toThrow(message));
});
