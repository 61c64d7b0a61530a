import { afterAll, expect, test } from 'vitest';
import { backward, conv2d, engine, fromArray, gradients, scope, type Conv2dOptions, type DType, type Tensor } from '../../src/index.js';
import { Integers } from '../helpers/integers.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

interface Problem {
  readonly x: readonly [number, number, number, number];
  readonly w: readonly [number, number, number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Calls visit(index in y, in x, in w) for every product of the convolution. */
function eachTerm(
  { x, w, stride, padding, dilation, groups }: Problem,
  out: readonly [number, number],
  visit: (y: number, x: number, w: number) => void,
): void {
  const [batch, channels, height, width] = x;
  const [outs, taken, kh, kw] = w;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outs; o++) {
      const first = Math.floor(o / (outs / groups)) * taken;
      for (let i = 0; i < out[0]; i++) {
        for (let j = 0; j < out[1]; j++) {
          const y = ((n * outs + o) * out[0] + i) * out[1] + j;
          for (let c = 0; c < taken; c++) {
            for (let a = 0; a < kh; a++) {
              const h = i * stride[0] - padding[0] + a * dilation[0];
              if (h < 0 || h >= height) continue;
              for (let b = 0; b < kw; b++) {
                const v = j * stride[1] - padding[1] + b * dilation[1];
                if (v >= 0 && v < width)
                  visit(y, ((n * channels + first + c) * height + h) * width + v, ((o * taken + c) * kh + a) * kw + b);
              }
            }
          }
        }
      }
    }
  }
}

/** Forward and both gradients against loops; returns what differs, or ''. */
function compare(draw: Integers, p: Problem, dtype: DType): string {
  return scope(() => {
    const size = (s: readonly number[]): number => s.reduce((a, b) => a * b, 1);
    const reach = (d: 0 | 1): number =>
      Math.floor(((p.x[d + 2] ?? 0) + 2 * p.padding[d] - p.dilation[d] * ((p.w[d + 2] ?? 0) - 1) - 1) / p.stride[d]) + 1;
    const out = [reach(0), reach(1)] as const;
    const [vx, vw, vb] = [draw.array(size(p.x)), draw.array(size(p.w)), draw.array(p.w[0])];
    const vg = draw.array(p.x[0] * p.w[0] * out[0] * out[1]);
    const x = fromArray(vx, p.x, { dtype, requiresGrad: true });
    const weight = fromArray(vw, p.w, { dtype, requiresGrad: true });
    const bias = fromArray(vb, [p.w[0]], { dtype });
    const options: Conv2dOptions = { stride: p.stride, padding: p.padding, dilation: p.dilation, groups: p.groups };
    const y = conv2d(x, weight, draw.next(0, 1) === 1 ? bias : null, options);
    const plain = conv2d(x, weight, bias, options);
    backward(y, { gradient: fromArray(vg, y.shape, { dtype }) });
    const want = { y: new Float64Array(vg.length), x: new Float64Array(vx.length), w: new Float64Array(vw.length) };
    const pixels = out[0] * out[1];
    want.y.forEach((_, i) => (want.y[i] = vb[Math.floor(i / pixels) % p.w[0]] ?? NaN));
    eachTerm(p, out, (i, j, k) => {
      want.y[i] = (want.y[i] ?? 0) + (vx[j] ?? NaN) * (vw[k] ?? NaN);
      want.x[j] = (want.x[j] ?? 0) + (vg[i] ?? NaN) * (vw[k] ?? NaN);
      want.w[k] = (want.w[k] ?? 0) + (vg[i] ?? NaN) * (vx[j] ?? NaN);
    });
    const results = [
      ['y', plain, want.y],
      ['gradient of x', x.grad, want.x],
      ['gradient of weight', weight.grad, want.w],
    ] as const;
    for (const [name, got, expected] of results) {
      const values = got?.dataSync() ?? [];
      const at = expected.findIndex((v, i) => values[i] !== v);
      if (at >= 0 || values.length !== expected.length)
        return `${name} at ${at}: ${String(values[at])} for ${String(expected[at])}, ${dtype} ${JSON.stringify(p)}`;
    }
    return '';
  });
}

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
  [20, 40, 1],
])('a gradient with gaps gives the same bits: %i channels to %i in %i groups', (channels, outs, groups) => {
  const draw = new Integers(12);
  for (const k of [1, 3]) {
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
