import { describe, expect, it } from 'vitest';
import {
  crossEntropy,
  gradcheck,
  gradgradcheck,
  ones,
  softmax,
  tensor,
  zeros,
  type CrossEntropyOptions,
  type Tensor,
} from '../../src/index.js';

const weight = tensor([0.5, 2, 1, 0.25, 1.5], { dtype: 'f64' });
const q = tensor(
  [
    [0.1, 0.2, 0.3, 0.15, 0.25],
    [0, 1, 0, 0, 0],
  ],
  { dtype: 'f64' },
);
const scores = (): Tensor =>
  tensor(
    [
      [0.5, -1, 2, 0.25, 1.5],
      [-2, 0.75, 0, 1, -0.5],
    ],
    { dtype: 'f64', requiresGrad: true },
  );

describe('crossEntropy with probabilities of classes', () => {
  // Values from PyTorch 1.13.
  const cases: [CrossEntropyOptions, number | number[]][] = [
    [{}, 1.4952556845732552],
    [{ labelSmoothing: 0.2 }, 1.6065056845732553],
    [{ weight }, 2.3158208543246084],
    [{ weight, labelSmoothing: 0.3 }, 2.2691738886678015],
    [{ weight, reduction: 'none' }, [2.3644393396548327, 2.2672023689943837]],
    [{ reduction: 'sum' }, 2.9905113691465104],
  ];
  it.each(cases)('gives what PyTorch gives: case %#', async (options, want) => {
    const loss = await crossEntropy(scores(), q, options).data();
    [want].flat().forEach((value, i) => expect(loss[i]).toBeCloseTo(value, 12));
  });

  it('agrees with labels on certain classes, and takes axes behind the classes', async () => {
    const x = scores();
    const certain = tensor(
      [
        [0, 0, 1, 0, 0],
        [1, 0, 0, 0, 0],
      ],
      { dtype: 'f64' },
    );
    const labels = tensor([2, 0], { dtype: 'i32' });
    for (const options of [{}, { labelSmoothing: 0.2 }])
      expect(await crossEntropy(x, certain, options).item()).toBeCloseTo(await crossEntropy(x, labels, options).item(), 12);
    const image = tensor(
      Array.from({ length: 12 }, (_, i) => i / 7),
      { dtype: 'f64' },
    ).reshape([2, 3, 2]);
    expect(await crossEntropy(image, softmax(image.flip(0), 1)).item()).toBeCloseTo(1.0719460218672594, 12);
  });

  it('has gradients of both orders in scores and probabilities', async () => {
    const target = softmax(scores().detach()).detach();
    target.requiresGrad = true;
    const f = (x: Tensor, t: Tensor): Tensor => crossEntropy(x, t, { weight, labelSmoothing: 0.1 });
    await gradcheck(f, [scores(), target]);
    await gradgradcheck(f, [scores(), target]);
  });

  it('rejects other shapes and ignoreIndex', () => {
    expect(() => crossEntropy(zeros([2, 3]), zeros([2, 4]))).toThrow('crossEntropy: labels must be i32 or i64, got f32 [2,4]');
    expect(() => crossEntropy(ones([2, 3]), ones([2, 3]), { ignoreIndex: 1 })).toThrow('ignoreIndex is for labels');
  });
});
