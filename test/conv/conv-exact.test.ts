import { afterAll, expect, test } from 'vitest';
import { conv2d, engine, fromArray, gradients, ones, scope, type Tensor } from '../../src/index.js';
import { compareWithLoops as compare, type Problem } from '../helpers/conv-loops.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

function draw2(draw: Integers, low: number, high: number): [number, number] {
  return [draw.next(low, high), draw.next(low, high)];
}

function problem(draw: Integers): Problem {
  const groups = draw.next(0, 3) === 0 ? draw.next(1, 3) : 1;
  const [inEach, outEach] = [draw.next(1, 5), draw.next(1, draw.next(0, 1) === 0 ? 4 : 30)];
  const kernel = draw2(draw, 1, 4);
  const dilation = draw2(draw, 1, draw.next(0, 2) === 0 ? 3 : 1);
  const padding = draw2(draw, 0, 3);
  const side = (d: 0 | 1): number => Math.max(1, dilation[d] * (kernel[d] - 1) + 1 - 2 * padding[d]) + draw.next(0, 12);
  return {
    x: [draw.next(1, 4), inEach * groups, side(0), side(1)],
    w: [outEach * groups, inEach, ...kernel],
    stride: draw2(draw, 1, 3),
    padding,
    dilation,
    groups,
  };
}

test.each(['f32', 'f64'] as const)('conv2d and its gradients in %s equal plain loops bit for bit', (dtype) => {
  const draw = new Integers(dtype === 'f32' ? 5 : 6);
  for (let i = 0; i < 500; i++) expect(compare(draw, problem(draw), dtype)).toBe('');
});

test('large images are cut into rows, large batches into images, for 1 and 3 threads', () => {
  const draw = new Integers(7);
  for (const count of [1, 3]) {
    engine.setThreads(count);
    expect(compare(draw, { x: [1, 2, 70, 41], w: [5, 2, 3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 }, 'f32')).toBe(
      '',
    );
    expect(compare(draw, { x: [2, 3, 90, 77], w: [4, 3, 5, 3], stride: [2, 2], padding: [2, 0], dilation: [1, 1], groups: 1 }, 'f32')).toBe(
      '',
    );
    expect(compare(draw, { x: [40, 4, 7, 7], w: [33, 4, 3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 }, 'f32')).toBe(
      '',
    );
    expect(
      compare(draw, { x: [2, 70, 9, 9], w: [40, 70, 3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 }, 'f32'),
    ).toBe('');
  }
});

test('strides and dilations far beyond the image work', () => {
  const draw = new Integers(8);
  const base = { x: [2, 2, 9, 11], w: [3, 2, 2, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
  expect(compare(draw, { ...base, stride: [1000, 7] }, 'f32')).toBe('');
  expect(compare(draw, { ...base, stride: [5, 1_000_000], padding: [3, 20] }, 'f32')).toBe('');
  expect(compare(draw, { ...base, dilation: [50, 40], padding: [30, 50] }, 'f32')).toBe('');
  const many = { ...base, x: [2, 7, 9, 11], w: [19, 7, 2, 3] } as const;
  expect(compare(draw, { ...many, stride: [5, 1_000_000], padding: [3, 20] }, 'f32')).toBe('');
  expect(compare(draw, { ...many, dilation: [50, 40], padding: [30, 50] }, 'f32')).toBe('');
  expect(compare(draw, { ...many, w: [19, 7, 5, 1], dilation: [2, 1_000_000] }, 'f32')).toBe('');
  expect(compare(draw, { ...many, stride: [2, 6], dilation: [3, 4] }, 'f32')).toBe('');
});

test('every width, and every number of channels, of 1 to 40', () => {
  const draw = new Integers(9);
  const kernels = [
    [3, 1, 1],
    [3, 2, 1],
    [1, 1, 1],
    [5, 1, 2],
  ] as const;
  for (let n = 1; n <= 40; n++) {
    for (const [k, stride, dilation] of kernels) {
      const common = { stride: [stride, stride], padding: [k >> 1, k * dilation], dilation: [1, dilation], groups: 1 } as const;
      expect(compare(draw, { x: [1, 4, 5, n], w: [draw.next(1, 20), 4, k, k], ...common }, 'f32')).toBe('');
      const channels = draw.next(1, 12);
      expect(compare(draw, { x: [2, channels, 4, 6], w: [n, channels, k, k], ...common }, 'f32')).toBe('');
      expect(compare(draw, { x: [2, n, 3, 9], w: [draw.next(1, 20), n, k, k], ...common }, draw.next(0, 1) === 0 ? 'f32' : 'f64')).toBe('');
    }
  }
});

test('depthwise convolutions', () => {
  const draw = new Integers(10);
  for (let i = 0; i < 150; i++) {
    const channels = draw.next(1, 9);
    const [kernel, dilation] = [draw2(draw, 1, 5), draw2(draw, 1, 2)];
    const side = (d: 0 | 1): number => dilation[d] * (kernel[d] - 1) + draw.next(1, 40);
    const p = { stride: draw2(draw, 1, 3), padding: draw2(draw, 0, 2), dilation, groups: channels };
    const x = [draw.next(1, 3), channels, side(0), side(1)] as const;
    expect(compare(draw, { x, w: [channels * draw.next(1, 2), 1, ...kernel], ...p }, i % 4 === 0 ? 'f64' : 'f32')).toBe('');
  }
});

test('sums longer than a block of k, into many and into few channels', () => {
  const draw = new Integers(11);
  const base = { padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
  for (const stride of [1, 2]) {
    for (const width of [5, 15, 16, 17, 33]) {
      expect(compare(draw, { x: [1, 60, 4, width], w: [3, 60, 3, 3], stride: [stride, stride], ...base }, 'f32')).toBe('');
      expect(compare(draw, { x: [1, 3, 4, width], w: [60, 3, 3, 3], stride: [stride, stride], ...base }, 'f32')).toBe('');
      expect(compare(draw, { x: [1, 60, 4, width], w: [17, 60, 3, 3], stride: [stride, stride], ...base }, 'f64')).toBe('');
    }
  }
});

test.each([
  [1, 3, 1],
  [6, 6, 6],
  [3, 4, 1],
  [20, 40, 1],
])('a gradient with gaps gives the same bits: %i channels to %i in %i groups', (channels, outs, groups) => {
  const draw = new Integers(12);
  for (const k of [1, 3, 5]) {
    scope(() => {
      const values = (shape: readonly number[]): Tensor => fromArray(draw.array(shape.reduce((a, b) => a * b, 1)), shape, { dtype: 'f32' });
      const x = values([2, channels, 9, 21]).div(7);
      const weight = values([outs, channels / groups, k, k]).div(7);
      x.requiresGrad = true;
      weight.requiresGrad = true;
      const y = conv2d(x, weight, null, { padding: k >> 1, groups });
      const g = values([2, outs, 21, 9]).div(7).transpose(2, 3);
      const whole = fromArray(Float64Array.from(Array.from(g.dataSync(), Number)), g.shape, { dtype: 'f32' });
      const grads = (gradient: Tensor): number[][] =>
        gradients([y], [x, weight], { gradients: [gradient], retainGraph: true }).map((t) => Array.from(t?.dataSync() ?? [], Number));
      expect(grads(g)).toEqual(grads(whole));
    });
  }
});

test('groups with one input or one output channel, 3 x 3 to 7 x 7, of every width and in blocks of rows', () => {
  const draw = new Integers(12);
  for (const k of [3, 5, 7]) {
    const same = { stride: [1, 1], padding: [k >> 1, k >> 1], dilation: [1, 1] } as const;
    for (let n = 1; n <= 40; n++) {
      const [images, height, dtype] = [draw.next(1, 6), draw.next(1, 14), draw.next(0, 1) === 0 ? 'f32' : 'f64'] as const;
      expect(compare(draw, { x: [images, 3, height, n], w: [3, 1, k, k], groups: 3, ...same }, dtype)).toBe('');
      expect(compare(draw, { x: [images, 1, height, n], w: [5, 1, k, k], groups: 1, ...same }, dtype)).toBe('');
      expect(compare(draw, { x: [images, 1, 9, n], w: [9, 1, k, k], groups: 1, ...same }, dtype)).toBe(''); // some unfold
      expect(compare(draw, { x: [images, 4, height, n], w: [2, 2, k, k], groups: 2, ...same }, dtype)).toBe('');
      expect(compare(draw, { x: [images, 2, height, n], w: [6, 1, k, k], groups: 2, ...same }, dtype)).toBe('');
    }
    for (const size of [
      [60, 100],
      [300, 20],
      [17, 600],
    ] as const) {
      expect(compare(draw, { x: [1, 2, ...size], w: [2, 1, k, k], groups: 2, ...same }, 'f32')).toBe('');
      expect(compare(draw, { x: [2, 1, ...size], w: [1, 1, k, k], groups: 1, ...same }, 'f64')).toBe('');
    }
  }
});

test.each([3, 5, 7])('rows outside the image are left out of depthwise %i x %i, not multiplied by zero', async (k) => {
  const weight = new Float32Array(k * k).fill(1);
  weight[k >> 1] = Infinity; // above the middle: columns that lie outside are zeros
  const y = await conv2d(ones([5, 1, 9, 11]), fromArray([...weight], [1, 1, k, k]), null, { padding: k >> 1 }).data();
  for (let i = 0; i < y.length; i++) expect(y[i] === Infinity).toBe(Math.floor(i / 11) % 9 >= k >> 1);
});
