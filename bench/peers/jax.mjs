// jax-js as a peer, on its WebAssembly device. Arrays are reference-counted by hand: a use consumes one reference, `.ref` makes another.
import { pathToFileURL } from 'node:url';
import { require, serve } from './serve.mjs';

const jax = await import(pathToFileURL(require.resolve('@jax-js/jax').replace(/\.cjs$/, '.js')).href);
const { numpy: np, nn, init, defaultDevice, blockUntilReady, jit } = jax;
await init('wasm');
defaultDevice('wasm');

const unary = { relu: nn.relu, exp: np.exp, tanh: np.tanh, sigmoid: nn.sigmoid };
const chain = jit((a, b) => nn.relu(a.ref.mul(b.ref).add(a)).mul(b));
const turned = (x, yes) => (yes ? np.matrixTranspose(x) : x);

/** Kinds by name: (options, ...arrays) => array. */
const kinds = {
  matmul: ({ ta, tb }, a, b) => np.matmul(turned(a, ta), turned(b, tb)),
  unary: ({ op }, x) => unary[op]?.(x) ?? null,
  binary: ({ op }, a, b) => (op === 'add' ? np.add(a, b) : np.multiply(a, b)),
  chain: (_, a, b) => chain(a, b),
  linear: (_, x, w, b) => np.matmul(x, np.matrixTranspose(w)).add(b),
  sum: ({ axis }, x) => np.sum(x, axis),
  mean: ({ axis }, x) => np.mean(x, axis),
  softmax: (_, x) => nn.softmax(x),
  logSoftmax: (_, x) => nn.logSoftmax(x),
  cat: ({ axis }, ...x) => np.concatenate(x, axis),
};

/** Arrays of this size and more run into the 4 GiB of a 32-bit memory. */
const largest = 5e6;

serve('0.1.25', kinds, async ({ kind, options }, inputs) => {
  const op = kinds[kind];
  if (inputs.some(({ data }) => data.length > largest)) return null;
  if (kind === 'unary' && unary[options.op] === undefined) return null;
  const arrays = inputs.map(({ shape, data }) => np.array(data).reshape([...shape]));
  const compute = () => op(options, ...arrays.map((each) => each.ref));
  return {
    run: async () => {
      const y = compute();
      await blockUntilReady(y.ref);
      y.dispose();
    },
    result: async () => Float32Array.from(await compute().data()),
    release: () => arrays.forEach((each) => each.dispose()),
  };
});
