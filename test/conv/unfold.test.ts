import { afterAll, expect, test } from 'vitest';
import { engine } from '../../src/index.js';
import { compareWithLoops as compare } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

/** Images with few channels into many: one copy for each column of taps, runs of pixels over the ends of rows (unfold.cc). */
test.each(['f32', 'f64'] as const)('few channels into many: kernels up to 7 x 7, strides up to 3, widths from 1, in %s', (dtype) => {
  const draw = new Integers(dtype === 'f32' ? 41 : 42);
  for (let i = 0; i < 200; i++) {
    const [kernel, padding] = [
      [draw.next(1, 7), draw.next(1, 7)],
      [draw.next(0, 4), draw.next(0, 4)],
    ] as const;
    const stride = [Math.min(kernel[0], draw.next(1, 3)), Math.min(kernel[1], draw.next(1, 3))] as const;
    const groups = draw.next(0, 4) === 0 ? 2 : 1;
    const width = Math.max(1, kernel[1] - 2 * padding[1]) + draw.next(0, 30) * stride[1];
    const height = Math.max(1, kernel[0] - 2 * padding[0]) + (draw.next(0, 4) + Math.ceil(80 / width)) * stride[0];
    const channels = draw.next(1, 9);
    const x = [draw.next(1, 3), channels * groups, height, width] as const;
    const w = [draw.next(7, 30) * groups, channels, ...kernel] as const;
    expect(compare(draw, { x, w, stride, padding, dilation: [1, 1], groups }, dtype)).toBe('');
  }
});

test.each([1, 3])('few channels into many: images in windows, batches in units, results that pass the caches, on %i threads', (count) => {
  engine.setThreads(count);
  const draw = new Integers(43);
  const square = (n: number): readonly [number, number] => [n, n];
  const base = { dilation: square(1), groups: 1 };
  expect(compare(draw, { x: [1, 3, 150, 90], w: [20, 3, 7, 7], stride: square(2), padding: square(3), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [30, 1, 28, 28], w: [32, 1, 3, 3], stride: square(1), padding: square(1), ...base }, 'f32')).toBe('');
  expect(compare(draw, { x: [1, 1, 3, 700], w: [9, 1, 3, 4], stride: [2, 3], padding: [1, 0], ...base }, 'f64')).toBe('');
  expect(compare(draw, { x: [1, 8, 12, 14], w: [13, 8, 7, 8], stride: square(1), padding: square(3), ...base }, 'f32')).toBe('');
  for (const width of [96, 97]) {
    expect(compare(draw, { x: [2, 1, 400, width], w: [56, 1, 3, 3], stride: square(1), padding: square(1), ...base }, 'f32')).toBe('');
  }
});

/** Nine taps of a grey image (nine_taps.h): channels and pixels in tiles, the last of which repeat some of the ones before; rows as short as one element. */
test('grey images, 3 x 3: every width to 50, 8 to 15 channels, groups, images cut by rows', () => {
  const draw = new Integers(44);
  const same = { stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
  for (let width = 1; width <= 50; width++) {
    const [height, channels, dtype] = [
      Math.ceil(64 / width) + draw.next(0, 3),
      draw.next(8, 15),
      draw.next(0, 1) === 0 ? 'f32' : 'f64',
    ] as const;
    expect(compare(draw, { x: [draw.next(1, 2), 1, height, width], w: [channels, 1, 3, 3], groups: 1, ...same }, dtype)).toBe('');
    expect(compare(draw, { x: [1, 2, height, width], w: [2 * channels, 1, 3, 3], groups: 2, ...same }, dtype)).toBe('');
  }
  expect(compare(draw, { x: [1, 1, 130, 131], w: [9, 1, 3, 3], groups: 1, ...same }, 'f64')).toBe('');
});
