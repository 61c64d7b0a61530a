// 3 x 3 convolutions with enough channels go by Winograd's F(2 x 2, 3 x 3) in f32. Its sums, differences and halves of small integers are
// exact, so that it must agree with plain loops to the last bit.
import { afterAll, expect, test } from 'vitest';
import { engine } from '../../src/index.js';
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
      expect(compareWithLoops(draw, problem({ images: draw.next(1, 3), channels: 16, outs: 16, height, width, padding }), 'f32')).toBe('');
    }
  }
});

test('channels around every block size', () => {
  const draw = new Integers(22);
  const counts = [15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 64, 65];
  for (const channels of counts) {
    for (const outs of [16, 24, draw.next(25, 70)]) {
      expect(compareWithLoops(draw, problem({ channels, outs, height: 6, width: draw.next(4, 7) }), 'f32')).toBe('');
    }
    expect(compareWithLoops(draw, problem({ channels: 24, outs: channels, height: 4, width: 5 }), 'f32')).toBe('');
  }
});

test('sums longer than a block of k', () => {
  const draw = new Integers(23);
  for (const channels of [480, 481, 500]) {
    expect(compareWithLoops(draw, problem({ channels, outs: 17, height: 4, width: 4 }), 'f32')).toBe('');
    expect(compareWithLoops(draw, problem({ channels: 18, outs: channels, height: 4, width: 4 }), 'f32')).toBe('');
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

test('no images give a gradient of zeros', () => {
  expect(compareWithLoops(new Integers(26), problem({ images: 0, channels: 16, outs: 16, height: 6, width: 6 }), 'f32')).toBe('');
});

test('random sizes', () => {
  const draw = new Integers(25);
  for (let i = 0; i < 100; i++) {
    const [channels, outs, images] = [draw.next(16, 40), draw.next(16, 40), draw.next(1, 3)];
    const padding = [draw.next(0, 2), draw.next(0, 2)] as const;
    const [height, width] = [draw.next(3, 14), draw.next(3, 35)];
    expect(compareWithLoops(draw, problem({ images, channels, outs, height, width, padding }), 'f32')).toBe('');
  }
});
