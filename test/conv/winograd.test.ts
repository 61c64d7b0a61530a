// 3 x 3 convolutions with enough channels go by Winograd's F(2 x 2, 3 x 3) in f32. Its sums, differences and halves of small integers are
// exact, so that it must agree with plain loops to the last bit. Problems with fewer than 32 tiles of 2 x 2 go the direct way.
import { afterAll, expect, test } from 'vitest';
import { backward, conv2d, engine, fromArray, scope, type DType } from '../../src/index.js';
import { compareWithLoops, type Problem } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

const plain = { stride: [1, 1], dilation: [1, 1], groups: 1 } as const;

function problem(sizes: {
  images?: number;
  channels: number;
  outs: number;
  height: number;
  width: number;
  padding?: readonly [number, number];
}): Problem {
  const { images = 1, channels, outs, height, width, padding = [1, 1] } = sizes;
  return { x: [images, channels, height, width], w: [outs, channels, 3, 3], padding, ...plain };
}

test('every size of 1 to 9 with every padding of 0 to 3', () => {
  const draw = new Integers(21);
  for (let height = 1; height <= 9; height++) {
    for (let width = 1; width <= 9; width++) {
      const padding = [draw.next(height < 3 ? 1 : 0, 3), draw.next(width < 3 ? 1 : 0, 3)] as const;
      const images = Math.ceil(32 / (Math.ceil(height / 2) * Math.ceil(width / 2))) + draw.next(0, 2);
      expect(compareWithLoops(draw, problem({ images, channels: 16, outs: 16, height, width, padding }), 'f32')).toBe('');
    }
  }
});

test('channels around every block size', () => {
  const draw = new Integers(22);
  const counts = [15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 64, 65];
  for (const channels of counts) {
    for (const outs of [16, 24, draw.next(25, 70)]) {
      expect(compareWithLoops(draw, problem({ images: 4, channels, outs, height: 6, width: draw.next(5, 7) }), 'f32')).toBe('');
    }
    expect(compareWithLoops(draw, problem({ images: 7, channels: 24, outs: channels, height: 4, width: 5 }), 'f32')).toBe('');
  }
});

test('sums longer than a block of k', () => {
  const draw = new Integers(23);
  for (const channels of [480, 481, 500]) {
    expect(compareWithLoops(draw, problem({ images: 8, channels, outs: 17, height: 4, width: 4 }), 'f32')).toBe('');
    expect(compareWithLoops(draw, problem({ images: 8, channels: 18, outs: channels, height: 4, width: 4 }), 'f32')).toBe('');
  }
});

test('images cut by rows and columns, batches by images, for 1 and 3 threads', () => {
  const draw = new Integers(24);
  for (const count of [1, 3]) {
    engine.setThreads(count);
    for (const [images, height, width] of [
      [1, 2, 301],
      [1, 41, 43],
      [2, 6, 129],
      [1, 23, 114],
      [33, 4, 4],
      [7, 14, 14],
      [5, 7, 7],
    ] as const) {
      expect(compareWithLoops(draw, problem({ images, channels: 24, outs: 25, height, width }), 'f32')).toBe('');
    }
  }
});

test("a weight's gradient in slices of windows, added in order", () => {
  const draw = new Integers(28);
  engine.setThreads(3);
  for (const [images, height, width] of [
    [1, 57, 83],
    [16, 14, 17],
  ] as const) {
    expect(compareWithLoops(draw, problem({ images, channels: 16, outs: 18, height, width }), 'f32')).toBe('');
  }
});

test('no images give a gradient of zeros', () => {
  expect(compareWithLoops(new Integers(26), problem({ images: 0, channels: 16, outs: 16, height: 6, width: 6 }), 'f32')).toBe('');
});

test('random sizes', () => {
  const draw = new Integers(25);
  for (let i = 0; i < 100; i++) {
    const [channels, outs, images] = [draw.next(16, 40), draw.next(16, 40), draw.next(1, 4)];
    const padding = [draw.next(0, 2), draw.next(0, 2)] as const;
    const [height, width] = [draw.next(5, 14), draw.next(5, 35)];
    expect(compareWithLoops(draw, problem({ images, channels, outs, height, width, padding }), 'f32')).toBe('');
  }
});

test('errors stay within the bound of docs/numerics.md', () => {
  const [images, channels, outs, size] = [2, 70, 33, 13];
  const random = new Integers(27);
  const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.next(-1_000_000, 1_000_000) / 1_000_000);
  const [x, w, g] = [draw(images * channels * size * size), draw(outs * channels * 9), draw(images * outs * size * size)];
  const results = (dtype: DType): readonly number[][] =>
    scope(() => {
      const image = fromArray(x, [images, channels, size, size], { dtype, requiresGrad: true });
      const weight = fromArray(w, [outs, channels, 3, 3], { dtype, requiresGrad: true });
      const y = conv2d(image, weight, null, { padding: 1 });
      backward(y, { gradient: fromArray(g, y.shape, { dtype }) });
      return [y, image.grad, weight.grad].map((t) => Array.from(t?.dataSync() ?? [], Number));
    });
  const [got, want] = [results('f32'), results('f64')];
  const tiles = images * 7 * 7;
  // Roundings in a row, and the largest sum of magnitudes, all numbers being 1 or smaller.
  const bounds = [(channels + 10) * 64 * channels, (outs + 10) * 64 * outs, (tiles + 10) * 64 * tiles];
  want.forEach((values, i) => {
    const error = values.reduce((worst, v, j) => Math.max(worst, Math.abs(v - (got[i]?.[j] ?? NaN))), 0);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan((bounds[i] ?? 0) * 2 ** -24);
  });
});

test('a NaN reaches its tiles, which is one pixel farther than its taps, and nothing else', () => {
  scope(() => {
    const values = new Float32Array(2 * 16 * 12 * 12).fill(1);
    values[5 * 12 + 5] = NaN; // image 0, channel 0, row 5, column 5
    const y = conv2d(fromArray(values, [2, 16, 12, 12]), fromArray(new Float32Array(16 * 16 * 9).fill(1), [16, 16, 3, 3]), null, {
      padding: 1,
    });
    const got = Array.from(y.dataSync(), Number);
    for (const [i, v] of got.entries()) {
      const [row, col, first] = [Math.floor(i / 12) % 12, i % 12, i < 16 * 144];
      const [h, c] = [Math.abs(row - 5), Math.abs(col - 5)];
      if (first && h <= 1 && c <= 1) expect(v).toBeNaN();
      if (!first || h > 2 || c > 2) expect(v).not.toBeNaN();
    }
  });
});
