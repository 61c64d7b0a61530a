import { conv1d, conv2d, tensor, zeros, type Tensor } from '../../src/index.js';
import { at, build, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

interface Attrs {
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

/** y[n, o, i, j] = bias[o] + sum of weight[o, c, a, b] x[n, group c + c, i s - p + a d, j s - p + b d], x zero outside. */
function naiveConv2d(x: Nd, weight: Nd, bias: Nd | undefined, attrs: Attrs | undefined): Nd {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = attrs ?? {};
  const [batch = 0, , height = 0, width = 0] = x.shape;
  const [outs = 0, channels = 0, kh = 0, kw = 0] = weight.shape;
  const size = (n: number, k: number, d: 0 | 1): number => Math.floor((n + 2 * padding[d] - dilation[d] * (k - 1) - 1) / stride[d]) + 1;
  return build([batch, outs, size(height, kh, 0), size(width, kw, 1)], ([n = 0, o = 0, i = 0, j = 0]) => {
    let sum = bias === undefined ? 0 : at(bias, [o]);
    const first = Math.floor(o / (outs / groups)) * channels;
    for (let c = 0; c < channels; c++) {
      for (let a = 0; a < kh; a++) {
        for (let b = 0; b < kw; b++) {
          const [h, w] = [i * stride[0] - padding[0] + a * dilation[0], j * stride[1] - padding[1] + b * dilation[1]];
          if (h >= 0 && h < height && w >= 0 && w < width) sum += at(weight, [o, c, a, b]) * at(x, [n, first + c, h, w]);
        }
      }
    }
    return sum;
  });
}

const drop = (y: Nd, axis: number): Nd => ({ shape: y.shape.filter((_, d) => d !== axis), data: y.data });
const image = (x: Nd): Nd => ({ shape: [...x.shape.slice(0, 2), 1, ...x.shape.slice(2)], data: x.data });

/** Terms of one sum in the cases below are at most 153 by minimal filtering (docs/numerics.md), 27 without. */
const tolerance = 64;

export const conv = [
  row<Attrs | undefined>({
    name: 'conv2d',
    ops: ['conv2d', 'conv2dNoBias', 'conv2dGradInput', 'conv2dGradWeight'],
    call: ([x, weight, bias], attrs) => conv2d(x as Tensor, weight as Tensor, bias, attrs),
    naive: ([x, weight, bias], attrs) => naiveConv2d(x as Nd, weight as Nd, bias, attrs),
    cases: [
      { shapes: [[2, 3, 5, 6], [4, 3, 3, 3], [4]], attrs: { padding: [1, 1] } },
      {
        shapes: [
          [2, 2, 5, 4],
          [3, 2, 1, 1],
        ],
      },
      { shapes: [[1, 2, 7, 6], [2, 2, 3, 2], [2]], attrs: { stride: [2, 2], padding: [1, 0] } },
      {
        shapes: [
          [2, 1, 6, 9],
          [2, 1, 2, 3],
        ],
        attrs: { stride: [3, 2], padding: [2, 3], dilation: [2, 1] },
      },
      { shapes: [[1, 4, 5, 5], [6, 2, 3, 3], [6]], attrs: { padding: [1, 1], groups: 2 } },
      {
        shapes: [
          [2, 3, 4, 4],
          [3, 1, 3, 3],
        ],
        attrs: { padding: [1, 1], groups: 3 },
      },
      { shapes: [[4, 16, 4, 7], [17, 16, 3, 3], [17]], attrs: { padding: [1, 2] } },
      { shapes: [[1, 1, 1, 1], [1, 1, 1, 1], [1]] },
      {
        shapes: [
          [1, 2, 8, 8],
          [2, 2, 1, 1],
        ],
        attrs: { stride: [2, 3] },
      },
      { shapes: [[0, 3, 5, 5], [2, 3, 3, 3], [2]] },
      { shapes: [[2, 1, 5, 17], [3, 1, 2, 8], [3]], attrs: { stride: [2, 8] } },
      {
        shapes: [
          [3, 2, 3, 4],
          [5, 2, 3, 4],
        ],
        attrs: { stride: [2, 1] },
      },
    ],
    tolerance,
    torch: 'F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, **(a or {}))',
    rejects: [
      {
        call: () => conv2d(zeros([1, 3, 8, 8]), zeros([4, 2, 3, 3])),
        message: /conv2d: x \[1,3,8,8\] has 3 channels \(axis 1\), weight \[4,2,3,3\] with groups 1 takes 2/,
      },
      { call: () => conv2d(zeros([3, 8]), zeros([4, 2, 3, 3])), message: /conv2d: x \[3,8\] must be \[N, C, H, W\] or \[C, H, W\]/ },
      { call: () => conv2d(zeros([1, 2, 8, 8]), zeros([4, 2, 3])), message: /conv2d: weight \[4,2,3\] must be/ },
      {
        call: () => conv2d(zeros([1, 2, 2, 8]), zeros([4, 2, 3, 3])),
        message: /conv2d: x \[1,2,2,8\] with padding 0 is smaller than the window of weight \[4,2,3,3\] .* axis 2 \(2 vs 3\)/,
      },
      {
        call: () => conv2d(zeros([1, 4, 8, 8]), zeros([3, 2, 3, 3]), null, { groups: 2 }),
        message: /conv2d: weight .* not a multiple of groups 2/,
      },
      { call: () => conv2d(zeros([1, 2, 8, 8]), zeros([4, 2, 3, 3]), zeros([3])), message: /conv2d: bias \[3\] must be \[4\]/ },
      { call: () => conv2d(zeros([1, 2, 8, 8]), zeros([4, 2, 3, 3]), null, { stride: 0 }), message: /conv2d: stride must be .* got 0/ },
      {
        call: () => conv2d(zeros([1, 2, 8, 8]), zeros([4, 2, 3, 3]), null, { padding: [1, -1] }),
        message: /conv2d: padding must be .* got \[1,-1\]/,
      },
      { call: () => conv2d(tensor([[[[1]]]], { dtype: 'i32' }), zeros([1, 1, 1, 1])), message: /conv2d: x must be floating, got i32/ },
    ],
    bench: [
      {
        shapes: [
          [64, 32, 14, 14],
          [64, 32, 3, 3],
        ],
        attrs: { padding: [1, 1] },
      },
    ],
    flops: ([x = [], weight = []]) => 2 * (x[0] ?? 1) * (x[2] ?? 1) * (x[3] ?? 1) * weight.reduce((p, q) => p * q, 1),
  }),
  row<{ readonly stride?: number; readonly padding?: number; readonly dilation?: number; readonly groups?: number } | undefined>({
    name: 'conv1d',
    ops: [],
    call: ([x, weight, bias], attrs) => conv1d(x as Tensor, weight as Tensor, bias, attrs),
    naive: ([x, weight, bias], attrs) => {
      const { stride = 1, padding = 0, dilation = 1, groups = 1 } = attrs ?? {};
      const options: Attrs = { stride: [1, stride], padding: [0, padding], dilation: [1, dilation], groups };
      return drop(naiveConv2d(image(x as Nd), image(weight as Nd), bias, options), 2);
    },
    cases: [
      { shapes: [[2, 3, 7], [4, 3, 3], [4]], attrs: { padding: 1 } },
      {
        shapes: [
          [1, 2, 9],
          [2, 1, 2],
        ],
        attrs: { stride: 2, dilation: 3, groups: 2 },
      },
      { shapes: [[0, 3, 5], [2, 3, 3], [2]] },
    ],
    tolerance,
    torch: 'F.conv1d(x[0], x[1], x[2] if len(x) > 2 else None, **(a or {}))',
    rejects: [
      { call: () => conv1d(zeros([2]), zeros([1, 2, 3])), message: /conv1d: x \[2\] must be \[N, C, L\] or \[C, L\]/ },
      { call: () => conv1d(zeros([1, 2, 8]), zeros([4, 2])), message: /conv1d: weight \[4,2\] must be/ },
      { call: () => conv1d(zeros([1, 2, 8]), zeros([4, 3, 3])), message: /conv2d: x \[1,2,1,8\] has 2 channels/ },
    ],
  }),
];
