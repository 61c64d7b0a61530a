import { afterAll, expect, test } from 'vitest';
import { engine } from '../../src/index.js';
import { compareWithLoops as compare } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

/** Taps of 24 pixels in panels, seven of which are a chunk (gather_chunks.h): 17 channels and more, rows as short as one pixel. */
test.each(['f32', 'f64'] as const)('17 channels and more: every width to 50, one chunk and several, groups, in %s', (dtype) => {
  const draw = new Integers(dtype === 'f32' ? 51 : 52);
  for (let width = 1; width <= 50; width++) {
    const many = width % 5 === 0;
    const [groups, height] = [draw.next(1, 2), many ? Math.ceil(draw.next(170, 400) / width) : draw.next(1, 3)];
    const [kernel, stride] = [draw.next(2, 4), draw.next(1, 3)];
    const p = { stride: [stride, stride], padding: [1, 1], dilation: [1, draw.next(1, 2)], groups } as const;
    const x = [draw.next(1, 2), draw.next(17, 21) * groups, kernel + (height - 1) * stride, 2 * kernel + width * stride] as const;
    expect(compare(draw, { x, w: [draw.next(17, 37) * groups, x[1] / groups, kernel, kernel], ...p }, dtype)).toBe('');
  }
});

test.each([1, 3])(
  'sums of several blocks, the panels of which L1 does not hold, in windows and parts of channels, on %i threads',
  (count) => {
    engine.setThreads(count);
    const draw = new Integers(53);
    const base = { padding: [2, 2], dilation: [1, 1], groups: 1 } as const;
    expect(compare(draw, { x: [1, 60, 15, 15], w: [66, 60, 3, 3], stride: [2, 2], ...base }, 'f32')).toBe('');
    expect(compare(draw, { x: [2, 49, 7, 9], w: [50, 49, 5, 5], stride: [1, 1], ...base }, 'f32')).toBe('');
    expect(compare(draw, { x: [2, 17, 70, 41], w: [19, 17, 2, 2], stride: [1, 1], ...base }, 'f32')).toBe('');
    expect(compare(draw, { x: [20, 18, 5, 7], w: [53, 18, 2, 3], stride: [1, 1], ...base }, 'f64')).toBe('');
  },
);
