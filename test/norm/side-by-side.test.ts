import { describe, expect, it } from 'vitest';
import {
  contiguous,
  crossEntropy,
  gradients,
  logSoftmax,
  manualSeed,
  nllLoss,
  permute,
  randint,
  randn,
  softmax,
  type Tensor,
} from '../../src/index.js';

const turned = (x: Tensor): Tensor => contiguous(permute(x, [0, 2, 1]));

const bytes = (x: Tensor): Buffer => {
  const { buffer, byteOffset, byteLength } = x.dataSync();
  return Buffer.from(buffer, byteOffset, byteLength);
};
const same = (x: Tensor, y: Tensor): void => expect(bytes(x).equals(bytes(y))).toBe(true);

describe('rows side by side give the bits of rows that lie one after the other', () => {
  for (const dtype of ['f32', 'f64'] as const) {
    for (const n of [3, 17, 40, 64, 100, 131, 1024, 1030]) {
      it(`${n} elements, ${dtype}`, () => {
        manualSeed(n);
        for (const rows of [1, 5, 83, ...(n < 33 ? [511, 1100] : [])]) {
          const [x, g] = [randn([2, n, rows], { dtype }), randn([2, n, rows], { dtype })];
          const [y, h] = [turned(x), turned(g)];
          for (const t of [x, y]) t.requiresGrad = true;
          for (const op of [softmax, logSoftmax]) {
            const [a, b] = [op(x, 1), op(y, 2)];
            same(turned(a), b);
            same(turned(gradients([a], [x], { gradients: [g] })[0]!), gradients([b], [y], { gradients: [h] })[0]!);
          }
          const labels = randint(0, n, [2, rows]);
          const flatLabels = labels.reshape([-1]);
          for (const options of [{}, { ignoreIndex: 1, reduction: 'sum' }, { labelSmoothing: 0.1 }] as const) {
            const [a, b] = [crossEntropy(x, labels, options), crossEntropy(y.reshape([-1, n]), flatLabels, options)];
            same(a, b);
            same(turned(gradients([a], [x])[0]!), gradients([b], [y])[0]!);
          }
          for (const options of [{}, { ignoreIndex: 1 }, { weight: randn([n], { dtype }) }, { reduction: 'none' }] as const) {
            const [a, b] = [nllLoss(x, labels, options), nllLoss(y.reshape([-1, n]), flatLabels, options)];
            same(a.reshape([-1]), b.reshape([-1]));
            const seeds = 'reduction' in options ? randn([2, rows], { dtype }) : undefined;
            const [dx] = gradients([a], [x], seeds === undefined ? {} : { gradients: [seeds] });
            const [dy] = gradients([b], [y], seeds === undefined ? {} : { gradients: [seeds.reshape([-1])] });
            same(turned(dx!), dy!);
          }
        }
      });
    }
  }

  it('nllLoss of planes that are written piece by piece', () => {
    const [n, rows] = [13, 2 * 4096 + 77];
    const x = randn([3, n, rows]);
    x.requiresGrad = true;
    const y = turned(x.detach());
    y.requiresGrad = true;
    for (const labels of [randint(0, n, [3, rows]), randint(0, n, [3, rows], { dtype: 'i32' })]) {
      for (const ignoreIndex of [-100, 2]) {
        const [a, b] = [nllLoss(x, labels, { ignoreIndex }), nllLoss(y.reshape([-1, n]), labels.reshape([-1]), { ignoreIndex })];
        same(a, b);
        same(turned(gradients([a], [x])[0]!), gradients([b], [y])[0]!);
      }
    }
  });
});
