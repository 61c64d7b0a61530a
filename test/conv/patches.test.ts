import { expect, test } from 'vitest';
import { compareWithLoops as compare, type Problem } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

/** Windows of `kernel` side by side, `count` of them along each axis, with `rest` pixels beyond the last ones. */
function patches(draw: Integers, kernel: readonly [number, number], count: readonly [number, number]): Problem {
  const rest = [draw.next(0, kernel[0] - 1), draw.next(0, kernel[1] - 1)] as const;
  const channels = draw.next(1, 6);
  return {
    x: [draw.next(1, 4), channels, kernel[0] * count[0] + rest[0], kernel[1] * count[1] + rest[1]],
    w: [draw.next(1, 40), channels, ...kernel],
    stride: kernel,
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
  };
}

test('windows side by side, with and without pixels beyond the last ones', () => {
  const draw = new Integers(31);
  for (let i = 0; i < 60; i++) {
    const p = patches(draw, [draw.next(1, 12), draw.next(8, 20)], [draw.next(1, 4), draw.next(1, 4)]);
    expect(compare(draw, p, draw.next(0, 2) === 0 ? 'f64' : 'f32')).toBe('');
  }
});

test('a window that is the whole image, whatever the stride', () => {
  const draw = new Integers(32);
  for (let i = 0; i < 60; i++) {
    const kernel = [draw.next(1, 9), draw.next(1, 9)] as const;
    const channels = draw.next(1, 20);
    const p: Problem = {
      x: [draw.next(1, 6), channels, ...kernel],
      w: [draw.next(1, 40), channels, ...kernel],
      stride: [draw.next(1, 4), draw.next(1, 4)],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
    };
    expect(compare(draw, p, draw.next(0, 2) === 0 ? 'f64' : 'f32')).toBe('');
  }
});
