import { describe, expect, it } from 'vitest';
import { batchNorm, fromArray, ones, zeros, type Tensor } from '../../src/index.js';
import { random } from '../helpers/random.js';

const values = Float64Array.from({ length: 2 * 3 * 20 }, (_, i) => ((i * 37) % 101) / 10 - 5);

/** The values of one channel of [2, 3, 20]. */
function channel(c: number): number[] {
  return [0, 1].flatMap((n) => [...values.subarray((n * 3 + c) * 20, (n * 3 + c + 1) * 20)]);
}

describe('batchNorm when training', () => {
  it('moves the running statistics to the mean and the unbiased variance of the batch', async () => {
    const x = fromArray(values, [2, 3, 20]);
    const runningMean = zeros([3], { dtype: 'f64' });
    const runningVar = ones([3], { dtype: 'f64' });
    batchNorm(x, { runningMean, runningVar, training: true, momentum: 0.25 });
    const means = await runningMean.data();
    const variances = await runningVar.data();
    for (let c = 0; c < 3; c++) {
      const list = channel(c);
      const mean = list.reduce((a, b) => a + b, 0) / 40;
      const variance = list.reduce((a, v) => a + (v - mean) ** 2, 0) / 39;
      expect(means[c]).toBeCloseTo(0.25 * mean, 12);
      expect(variances[c]).toBeCloseTo(0.75 + 0.25 * variance, 12);
    }
  });

  it('leaves the running statistics alone when it is not training', async () => {
    const runningMean = zeros([3]);
    const runningVar = ones([3]);
    batchNorm(fromArray(Float32Array.from(values), [2, 3, 20]), { runningMean, runningVar });
    expect([...(await runningMean.data())]).toEqual([0, 0, 0]);
    expect([...(await runningVar.data())]).toEqual([1, 1, 1]);
  });

  it('gives the variance of values far from 0 without cancellation', async () => {
    const x = fromArray(
      Float32Array.from(values, (v) => v + 1e4),
      [2, 3, 20],
    );
    const y = await batchNorm(x, { training: true, weight: ones([3]) }).data();
    const list = channel(0);
    const mean = list.reduce((a, b) => a + b, 0) / 40;
    const deviation = Math.sqrt(list.reduce((a, v) => a + (v - mean) ** 2, 0) / 40);
    // x itself is rounded to 2^-10 at 1e4.
    for (let i = 0; i < 20; i++) expect(Math.abs(Number(y[i]) - ((values[i] ?? 0) - mean) / deviation)).toBeLessThan(2 ** -10);
  });

  it.each([
    ['a first image far from the others', (n: number, i: number) => (n === 0 ? 1e4 : 0) + ((i * 29) % 83) / 83],
    ['equal elements', () => 0.1],
    ['a NaN', (n: number, i: number) => (n === 2 && i === 5 ? NaN : i)],
    ['an infinity', (n: number, i: number) => (n === 0 && i === 5 ? Infinity : i)],
  ])('gives mean and variance of %s', async (_, value) => {
    const [images, size] = [9, 1100]; // the first guess of a mean is that of 1024 elements
    const all = Float32Array.from({ length: images * size }, (_v, i) => value(Math.floor(i / size), i % size));
    const [runningMean, runningVar] = [zeros([1]), zeros([1])];
    batchNorm(fromArray(all, [images, 1, size]), { training: true, momentum: 1, runningMean, runningVar });
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    const variance = all.reduce((a, v) => a + (v - mean) ** 2, 0) / (all.length - 1);
    const [[gotMean = 0], [gotVariance = 0]] = [await runningMean.data(), await runningVar.data()];
    if (Number.isNaN(variance)) {
      expect(gotVariance).toBeNaN();
      return;
    }
    // A sum of 9900 numbers is rounded at most some 40 times on its way (blocks, lanes, tree), and half of one may be taken away.
    expect(Math.abs(Number(gotMean) - mean)).toBeLessThanOrEqual(40 * 2 ** -24 * Math.abs(mean));
    expect(Math.abs(Number(gotVariance) - variance)).toBeLessThanOrEqual(80 * 2 ** -24 * variance + (2 ** -24 * mean) ** 2);
  });

  it.each([
    [15, 5],
    [16, 5],
    [17, 18],
    [49, 33],
    [63, 5],
    [127, 16],
    [128, 5],
    [784, 5],
    [4097, 5],
  ])('has the same bits for channels of planes of %i among %i and alone', async (n, channels) => {
    const draw = random(`batchNorm of planes of ${n}`);
    const numbers = (): Tensor =>
      fromArray(
        Float32Array.from({ length: 3 * channels * n }, () => 2 * draw.next() - 1),
        [3, channels, n],
      );
    // The first plane of channels 1 and 3 tells nothing about the others: their moments are taken twice.
    const farOff = fromArray(
      Float32Array.from({ length: 3 * channels }, (_, i) => (i >= channels && (i % channels) % 2 === 1 ? 100 : 0)),
      [3, channels, 1],
    );
    const [x, g] = [numbers().add(farOff), numbers()];
    const run = async (from: number, to: number): Promise<Float32Array[]> => {
      const [own, cotangent] = [x, g].map((t) => t.slice([null, [from, to]]).contiguous()) as [Tensor, Tensor];
      const weight = ones([to - from]);
      own.requiresGrad = weight.requiresGrad = true;
      const y = batchNorm(own, { training: true, weight });
      y.mul(cotangent).sum().backward();
      const [gX, gWeight] = [own.grad, weight.grad] as [Tensor, Tensor];
      const channels = [y, gX].map((t) => t.permute([1, 0, 2]).contiguous());
      return Promise.all([...channels, gWeight].map(async (t) => (await t.data()) as Float32Array));
    };
    const together = await run(0, channels);
    for (let c = 0; c < channels; c++) {
      const each = together.map((values) => values.slice((c * values.length) / channels, ((c + 1) * values.length) / channels));
      expect(await run(c, c + 1)).toEqual(each);
    }
  });
});
