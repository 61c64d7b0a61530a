import { afterAll, expect, test } from 'vitest';
import { conv2d, engine, fromArray, gradients, scope } from '../../src/index.js';
import { compareWithLoops as compare } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

/** Gradients of images with few channels: products first, then their sums (fold.cc). */
function draw2(draw: Integers, low: number, high: number): [number, number] {
  return [draw.next(low, high), draw.next(low, high)];
}

test.each(['f32', 'f64'] as const)('few channels in, many out: every kernel up to 7 x 7 and stride up to 3, in %s', (dtype) => {
  const draw = new Integers(dtype === 'f32' ? 31 : 32);
  for (let i = 0; i < 150; i++) {
    const kernel = draw2(draw, 1, 7);
    const stride: [number, number] = [Math.min(kernel[0], draw.next(1, 3)), Math.min(kernel[1], draw.next(1, 3))];
    const padding = draw2(draw, 0, 4);
    const groups = draw.next(0, 4) === 0 ? 2 : 1;
    const height = Math.max(1, kernel[0] - 2 * padding[0]) + draw.next(0, 14);
    const width = Math.max(1, kernel[1] - 2 * padding[1]) + draw.next(14, 40) * stride[1];
    const channels = draw.next(1, 9);
    const p = { stride, padding, dilation: [1, 1] as const, groups };
    const x = [draw.next(1, 2), channels * groups, height, width] as const;
    expect(compare(draw, { x, w: [draw.next(15, 40) * groups, channels, ...kernel], ...p }, dtype)).toBe('');
  }
});

test.each([1, 3])('few channels in, many out: images in parts, sums in blocks, rows that no tap reaches, on %i threads', (count) => {
  engine.setThreads(count);
  const draw = new Integers(33);
  const square = (n: number): readonly [number, number] => [n, n];
  const base = { dilation: square(1), groups: 1 };
  expect(compare(draw, { x: [1, 3, 100, 70], w: [64, 3, 7, 7], stride: square(2), padding: square(3), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [2, 2, 61, 40], w: [32, 2, 5, 3], stride: square(1), padding: square(2), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [1, 4, 20, 33], w: [600, 4, 2, 2], stride: square(1), padding: square(0), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [2, 3, 66, 68], w: [48, 3, 4, 4], stride: square(4), padding: square(0), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [1, 1, 40, 500], w: [16, 1, 3, 9], stride: [3, 2], padding: [0, 4], ...base }, 'f64')).toBe('');
});

test('few channels in, many out: a gradient and a weight with gaps give the same bits', () => {
  const draw = new Integers(34);
  scope(() => {
    const values = (shape: readonly number[]) => fromArray(draw.array(shape.reduce((a, b) => a * b, 1)), shape, { dtype: 'f32' }).div(7);
    const x = values([2, 3, 41, 37]);
    x.requiresGrad = true;
    const [g, w] = [values([2, 20, 21, 19]), values([5, 5, 20, 3])];
    const copy = (t: typeof g) => fromArray(Float32Array.from(t.dataSync(), Number), t.shape, { dtype: 'f32' });
    const turned = [g.transpose(1, 2).clone().transpose(1, 2), w.permute([2, 3, 0, 1])] as const;
    const gradientOf = (gradient: typeof g, weight: typeof w): number[] => {
      const y = conv2d(x, weight, null, { padding: 2, stride: 2 });
      return Array.from(gradients([y], [x], { gradients: [gradient] })[0]?.dataSync() ?? [], Number);
    };
    expect(gradientOf(turned[0], turned[1])).toEqual(gradientOf(copy(turned[0]), copy(turned[1])));
  });
});
