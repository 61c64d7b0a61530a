import { backward, conv2d, fromArray, scope, type Conv2dOptions, type DType } from '../../src/index.js';
import type { Integers } from './integers.js';

/** Sizes of a 2-d convolution. x [N, C, H, W], w [O, C / groups, KH, KW]. */
export interface Problem {
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

/** Forward, with and without bias, and all gradients against loops; returns what differs, or ''. */
export function compareWithLoops(draw: Integers, p: Problem, dtype: DType): string {
  return scope(() => {
    const size = (s: readonly number[]): number => s.reduce((a, b) => a * b, 1);
    const reach = (d: 0 | 1): number =>
      Math.floor(((p.x[d + 2] ?? 0) + 2 * p.padding[d] - p.dilation[d] * ((p.w[d + 2] ?? 0) - 1) - 1) / p.stride[d]) + 1;
    const out = [reach(0), reach(1)] as const;
    const [vx, vw, vb] = [draw.array(size(p.x)), draw.array(size(p.w)), draw.array(p.w[0])];
    const vg = draw.array(p.x[0] * p.w[0] * out[0] * out[1]);
    const x = fromArray(vx, p.x, { dtype, requiresGrad: true });
    const weight = fromArray(vw, p.w, { dtype, requiresGrad: true });
    const bias = fromArray(vb, [p.w[0]], { dtype, requiresGrad: true });
    const options: Conv2dOptions = { stride: p.stride, padding: p.padding, dilation: p.dilation, groups: p.groups };
    const y = conv2d(x, weight, bias, options);
    const plain = conv2d(x, weight, null, options);
    const withBias = draw.next(0, 1) === 1;
    backward(withBias ? y : plain, { gradient: fromArray(vg, y.shape, { dtype }) });
    const zeros = (values: Float64Array): Float64Array => new Float64Array(values.length);
    const want = { y: zeros(vg), x: zeros(vx), w: zeros(vw), b: zeros(vb) };
    eachTerm(p, out, (i, j, k) => {
      want.y[i] = (want.y[i] ?? 0) + (vx[j] ?? NaN) * (vw[k] ?? NaN);
      want.x[j] = (want.x[j] ?? 0) + (vg[i] ?? NaN) * (vw[k] ?? NaN);
      want.w[k] = (want.w[k] ?? 0) + (vg[i] ?? NaN) * (vx[j] ?? NaN);
    });
    const pixels = out[0] * out[1];
    const channel = (i: number): number => Math.floor(i / pixels) % p.w[0];
    vg.forEach((g, i) => (want.b[channel(i)] = (want.b[channel(i)] ?? NaN) + g));
    const results = [
      ['y', y, want.y.map((v, i) => v + (vb[channel(i)] ?? NaN))],
      ['y without bias', plain, want.y],
      ['gradient of x', x.grad, want.x],
      ['gradient of weight', weight.grad, want.w],
      ...(withBias ? [['gradient of bias', bias.grad, want.b] as const] : []),
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
