import { afterAll, expect, test } from 'vitest';
import { engine } from '../../src/index.js';
import { compareWithLoops as compare, type Problem } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

function pointwise(batch: number, [from, to]: readonly [number, number], size: readonly [number, number], groups = 1): Problem {
  return {
    x: [batch, from * groups, ...size],
    w: [to * groups, from, 1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups,
  };
}

test('1 x 1: panels with and without a tail, slivers of every height, more and fewer outputs than inputs', () => {
  const draw = new Integers(21);
  for (let i = 0; i < 150; i++) {
    const channels = [draw.next(1, 40), draw.next(1, 40)] as const;
    const p = pointwise(draw.next(1, 3), channels, [draw.next(1, 12), draw.next(1, 40)], draw.next(0, 4) === 0 ? 3 : 1);
    expect(compare(draw, p, draw.next(0, 2) === 0 ? 'f64' : 'f32')).toBe('');
  }
});

test.each([1, 3])('1 x 1: blocks of k, planes that compete for cache sets, results that pass the caches, on %i threads', (count) => {
  engine.setThreads(count);
  const draw = new Integers(22);
  expect(compare(draw, pointwise(1, [500, 30], [9, 11]), 'f32')).toBe('');
  expect(compare(draw, pointwise(1, [30, 1000], [8, 8]), 'f64')).toBe('');
  expect(compare(draw, pointwise(2, [36, 7], [96, 97]), 'f32')).toBe(''); // asked for
  for (const outputs of [90, 120]) expect(compare(draw, pointwise(2, [20, outputs], [32, 32]), 'f32')).toBe('');
  for (const size of [
    [128, 128],
    [124, 132],
    [127, 129],
  ] as const) {
    expect(compare(draw, pointwise(4, [2, 65], size), 'f32')).toBe('');
  }
});
