/** Prints the instruction set and a hash of the bits of many products of random numbers; run by bits.test.ts in processes of their own. */
import { createHash } from 'node:crypto';
import {
  backward,
  conv2d,
  engine,
  fromArray,
  linear,
  matmul,
  quantize,
  quantizedLinear,
  scope,
  transpose,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { Integers } from '../helpers/integers.js';

const draw = new Integers(11);
const hash = createHash('sha256');

function random(shape: readonly number[], dtype: DType, requiresGrad = false): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromArray(
    Float64Array.from({ length: n }, () => draw.next(-1000000, 1000000) / 700000),
    shape,
    { dtype, requiresGrad },
  );
}

function mix(t: Tensor | null): void {
  if (t === null) throw new Error('no gradient');
  const data = t.dataSync();
  if (data instanceof Float32Array || data instanceof Float64Array)
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

for (const dtype of ['f32', 'f64'] as const) {
  for (const [m, k, n] of [
    [1, 1000, 70],
    [1, 4500, 130],
    [300, 520, 1],
    [60, 700, 10],
    [90, 70, 64],
    [13, 500, 33],
    [64, 784, 256],
    [130, 1200, 97],
    [257, 300, 515],
  ] as const) {
    scope(() => {
      mix(matmul(random([m, k], dtype), random([k, n], dtype)));
      mix(matmul(transpose(random([k, m], dtype)), transpose(random([n, k], dtype))));
      mix(linear(random([m, k], dtype), random([n, k], dtype), random([n], dtype)));
    });
  }
  for (const [x, w, options] of [
    [[9, 3, 28, 28], [16, 3, 3, 3], { padding: 1 }],
    [[33, 20, 7, 7], [40, 20, 3, 3], { padding: 1 }],
    [[3, 8, 33, 35], [24, 4, 3, 3], { padding: 1, stride: 2, groups: 2 }],
    [[2, 6, 60, 50], [6, 1, 5, 5], { padding: 2, groups: 6 }],
  ] as const) {
    scope(() => {
      const [a, b] = [random(x, dtype, true), random(w, dtype, true)];
      const y = conv2d(a, b, null, options);
      mix(y);
      backward(y, { gradient: random(y.shape, dtype) });
      mix(a.grad);
      mix(b.grad);
    });
  }
}
for (const [m, k, n] of [
  [1, 1000, 70],
  [3, 500, 33],
  [64, 784, 256],
  [130, 1201, 97],
] as const) {
  scope(() => {
    const { values, scale } = quantize(random([n, k], 'f32'));
    mix(quantizedLinear(random([m, k], 'f32'), values, scale, random([n], 'f32')));
  });
}
process.stdout.write(JSON.stringify({ isa: engine.stats().isa, hash: hash.digest('hex') }));
