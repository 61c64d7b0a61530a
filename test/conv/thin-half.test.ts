import { afterAll, expect, test } from 'vitest';
import { engine } from '../../src/index.js';
import { compareWithLoops as compare } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

/** Rows read at every second column, and squares of four results (thin_half.cc), the last of which may lack its odd row and column. */
test.each(['f32', 'f64'] as const)('depthwise 3 x 3 with stride 2: every width to 70, odd and even heights, in %s', (dtype) => {
  const draw = new Integers(dtype === 'f32' ? 61 : 62);
  const base = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  for (let width = 1; width <= 70; width++) {
    engine.setThreads(width % 2 === 0 ? 1 : 3);
    const groups = draw.next(1, 4);
    expect(compare(draw, { x: [draw.next(1, 3), groups, draw.next(1, 9), width], w: [groups, 1, 3, 3], groups, ...base }, dtype)).toBe('');
  }
  expect(compare(draw, { x: [2, 3, 64, 65], w: [3, 1, 3, 3], groups: 3, ...base }, dtype)).toBe('');
});
