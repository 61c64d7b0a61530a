// TensorFlow.js as a peer, on its WebAssembly backend with SIMD. The library runs on one thread under Node.
import { dirname, join } from 'node:path';
import { require, serve } from './serve.mjs';

const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist/'));
await tf.setBackend('wasm');
await tf.ready();

const unary = { relu: tf.relu, exp: tf.exp, tanh: tf.tanh, sigmoid: tf.sigmoid, erf: tf.erf };

/** Kinds by name: (options, ...tensors) => tensor. */
const kinds = {
  matmul: ({ ta, tb }, a, b) => tf.matMul(a, b, ta, tb),
  unary: ({ op }, x) => unary[op]?.(x) ?? null,
  binary: ({ op }, a, b) => tf[op](a, b),
  chain: (_, a, b) => tf.mul(tf.relu(tf.add(tf.mul(a, b), a)), b),
  sum: ({ axis }, x) => tf.sum(x, axis),
  mean: ({ axis }, x) => tf.mean(x, axis),
  softmax: (_, x) => tf.softmax(x),
  logSoftmax: (_, x) => tf.logSoftmax(x),
  permute: ({ axes }, x) => tf.transpose(x, axes),
  addInScope: ({ repeat }, a, b) => {
    for (let i = 1; i < repeat; i++) tf.add(a, b);
    return tf.add(a, b);
  },
};

serve(require('@tensorflow/tfjs/package.json').version, async ({ kind, options }, inputs) => {
  const op = kinds[kind];
  if (op === undefined) return null;
  const tensors = inputs.map(({ shape, data }) => tf.tensor(data, shape));
  const compute = () => op(options, ...tensors);
  const probe = tf.tidy(compute);
  if (probe === null) return null;
  return {
    run: () => void tf.tidy(() => void compute()),
    result: async () => Float32Array.from(await probe.data()),
    release: () => tf.dispose([...tensors, probe]),
  };
});
