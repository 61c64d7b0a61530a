// TensorFlow.js as a peer, on its WebAssembly backend with SIMD. The library runs on one thread under Node.
import { dirname, join } from 'node:path';
import { require, serve } from './serve.mjs';

const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist/'));
await tf.setBackend('wasm');
await tf.ready();

const unary = { relu: tf.relu, exp: tf.exp, tanh: tf.tanh, sigmoid: tf.sigmoid, erf: tf.erf };

/** Kinds by name: (options, ...tensors) => tensor. Images are laid out N, H, W, C, as the library wants them; kernels of convolutions H, W, in, out. */
const kinds = {
  matmul: ({ ta, tb }, a, b) => tf.matMul(a, b, ta, tb),
  linear: (_, x, w, b) => tf.add(tf.matMul(x, w, false, true), b),
  conv2d: ({ stride, padding }, x, w) => tf.conv2d(x, w, stride, padding),
  unary: ({ op }, x) => unary[op]?.(x) ?? null,
  binary: ({ op }, a, b) => tf[op](a, b),
  chain: (_, a, b) => tf.mul(tf.relu(tf.add(tf.mul(a, b), a)), b),
  sum: ({ axis }, x) => tf.sum(x, axis),
  mean: ({ axis }, x) => tf.mean(x, axis),
  softmax: (_, x) => tf.softmax(x),
  logSoftmax: (_, x) => tf.logSoftmax(x),
  dropout: ({ p }, x) => tf.dropout(x, p),
  randn: ({ n }) => tf.randomNormal([n]),
  rand: ({ n }) => tf.randomUniform([n]),
  permute: ({ axes }, x) => tf.transpose(x, axes),
  cat: ({ axis }, ...x) => tf.concat(x, axis),
  indexSelect: (_, x, index) => tf.gather(x, index),
  embedding: (_, index, weight) => tf.gather(weight, index),
  cumsum: ({ axis }, x) => tf.cumsum(x, axis),
  maxPool2d: ({ size, stride, padding }, x) => tf.maxPool(x, size, stride, padding),
  avgPool2d: ({ size, stride, padding }, x) => tf.avgPool(x, size, stride, padding),
  addInScope: ({ repeat }, a, b) => {
    for (let i = 1; i < repeat; i++) tf.add(a, b);
    return tf.add(a, b);
  },
};
const images = ['conv2d', 'maxPool2d', 'avgPool2d'];

/** Inputs as tensors; images and kernels brought into the library's layout, which is not timed. */
function tensorsOf(kind, inputs) {
  const orders = images.includes(kind)
    ? [
        [0, 2, 3, 1],
        [2, 3, 1, 0],
      ]
    : [];
  return inputs.map(({ shape, data }, i) => {
    const whole = data instanceof Float32Array ? tf.tensor(data, shape) : tf.tensor(Int32Array.from(data, Number), shape, 'int32');
    return orders[i] === undefined ? whole : tf.tidy(() => tf.transpose(whole, orders[i]));
  });
}

serve(require('@tensorflow/tfjs/package.json').version, kinds, async ({ kind, options }, inputs) => {
  if (options.groups > 1 || (kind === 'avgPool2d' && options.padding > 0)) return null; // its averages leave the padding out
  const op = kinds[kind];
  const tensors = tensorsOf(kind, inputs);
  const compute = () => op(options, ...tensors);
  const probe = tf.tidy(compute);
  if (probe === null) return null;
  return {
    run: () => void tf.tidy(() => void compute()),
    result: async () => Float32Array.from(await (images.includes(kind) ? tf.tidy(() => tf.transpose(probe, [0, 3, 1, 2])) : probe).data()),
    release: () => tf.dispose([...tensors, probe]),
  };
});
