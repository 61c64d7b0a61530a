import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  zeros,
  type AvgPoolOptions,
  type Pair,
  type PoolOptions,
} from '../../src/index.js';
import { at, build, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

interface PoolAttrs extends PoolOptions, AvgPoolOptions {
  readonly kernel: Pair;
}

const two = (v: Pair | undefined, otherwise: Pair): readonly [number, number] => {
  const value = v ?? otherwise;
  return typeof value === 'number' ? [value, value] : value;
};

/** The elements of each window that lie inside x, and the number of places that it has with padding. */
function windows(x: Nd, a: PoolAttrs, f: (values: readonly number[], places: number) => number): Nd {
  const [kernel, stride] = [two(a.kernel, 1), two(a.stride, a.kernel)];
  const [padding, dilation] = [two(a.padding, 0), two(a.dilation, 1)];
  const rank = x.shape.length;
  const inner = x.shape.slice(-2);
  const out = inner.map((n, d) => {
    const span = (n + 2 * padding[d]! - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]!;
    const count = (a.ceilMode === true ? Math.ceil(span) : Math.floor(span)) + 1;
    return (count - 1) * stride[d]! >= n + padding[d]! ? count - 1 : count;
  });
  return build([...x.shape.slice(0, -2), ...out], (index) => {
    const start = [0, 1].map((d) => index[rank - 2 + d]! * stride[d]! - padding[d]!);
    const values: number[] = [];
    let places = 0;
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        const [h, w] = [start[0]! + i * dilation[0], start[1]! + j * dilation[1]];
        if (h < inner[0]! + padding[0] && w < inner[1]! + padding[1]) places++;
        if (h >= 0 && h < inner[0]! && w >= 0 && w < inner[1]!) values.push(at(x, [...index.slice(0, -2), h, w]));
      }
    }
    return f(values, places);
  });
}

/** The elements of each part when both axes are cut into nearly equal ones. */
function parts(x: Nd, size: readonly number[], f: (values: readonly number[]) => number): Nd {
  const inner = x.shape.slice(-2);
  return build([...x.shape.slice(0, -2), ...size], (index) => {
    const o = index.slice(-2);
    const from = o.map((i, d) => Math.floor((i * inner[d]!) / size[d]!));
    const to = o.map((i, d) => Math.ceil(((i + 1) * inner[d]!) / size[d]!));
    const values: number[] = [];
    for (let h = from[0]!; h < to[0]!; h++) {
      for (let w = from[1]!; w < to[1]!; w++) values.push(at(x, [...index.slice(0, -2), h, w]));
    }
    return f(values);
  });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

const shared = [
  { shapes: [[2, 2, 4, 6]], attrs: { kernel: 2 } },
  { shapes: [[1, 2, 7, 7]], attrs: { kernel: 3, stride: 2, padding: 1 } },
  { shapes: [[2, 5, 19]], attrs: { kernel: 3, stride: 1, padding: 1 } },
  { shapes: [[1, 7, 8]], attrs: { kernel: [2, 3], stride: [3, 2], padding: [1, 0] } },
  { shapes: [[1, 2, 6, 5]], attrs: { kernel: 3, stride: 2, ceilMode: true } },
  { shapes: [[0, 2, 4, 4]], attrs: { kernel: 2 } },
] satisfies { shapes: number[][]; attrs: PoolAttrs }[];

/** Attributes of pooling along rows. */
interface RowAttrs {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

/** `windows` of rows, as images of height 1. */
function rowWindows(x: Nd, a: RowAttrs, f: (values: readonly number[], places: number) => number): Nd {
  const image = { shape: [...x.shape.slice(0, -1), 1, x.shape.at(-1) ?? 0], data: x.data };
  const { kernel, stride = kernel, padding = 0, dilation = 1, ...rest } = a;
  const attrs: PoolAttrs = { ...rest, kernel: [1, kernel], stride: [1, stride], padding: [0, padding], dilation: [1, dilation] };
  const y = windows(image, attrs, f);
  return { shape: [...x.shape.slice(0, -1), y.shape.at(-1) ?? 0], data: y.data };
}

const rowCases = [
  { shapes: [[2, 3, 8]], attrs: { kernel: 2 } },
  { shapes: [[3, 19]], attrs: { kernel: 3, stride: 2, padding: 1 } },
  { shapes: [[1, 2, 40]], attrs: { kernel: 5, stride: 1, padding: 2 } },
  { shapes: [[0, 2, 4]], attrs: { kernel: 2 } },
] satisfies { shapes: number[][]; attrs: RowAttrs }[];

const bench = [
  { shapes: [[32, 32, 28, 28]], attrs: { kernel: 2 } },
  { shapes: [[32, 32, 28, 28]], attrs: { kernel: 3, stride: 2, padding: 1 } },
];

export const pool = [
  row<PoolAttrs>({
    name: 'maxPool2d',
    ops: ['maxPool2d', 'maxPool2dValues', 'maxUnpool2d', 'maxPool2dAt'],
    call: ([x], { kernel, ...options }) => maxPool2d(x!, kernel, options),
    naive: ([x], a) => windows(x!, a, (values) => Math.max(...values)),
    cases: [
      ...shared,
      { shapes: [[1, 9, 9]], attrs: { kernel: 2, stride: 1, dilation: 3 } },
      { shapes: [[1, 1, 40]], attrs: { kernel: [1, 3], stride: 3 } },
    ],
    torch:
      "F.max_pool2d(x[0], a['kernel'], stride=a.get('stride'), padding=a.get('padding', 0), dilation=a.get('dilation', 1), ceil_mode=a.get('ceilMode', False))",
    rejects: [
      { call: () => maxPool2d(zeros([4, 4]), 2), message: /maxPool2d: x \[4,4\] must be \[C,H,W\] or \[N,C,H,W\]/ },
      { call: () => maxPool2d(zeros([1, 4, 4]), 5), message: /maxPool2d: kernel \[5,5\] is larger than x \[1,4,4\] with padding \[0,0\]/ },
      {
        call: () => maxPool2d(zeros([1, 4, 4]), 2, { padding: 2 }),
        message: /maxPool2d: padding \[2,2\] must be at most half of kernel \[2,2\]/,
      },
      { call: () => maxPool2d(zeros([1, 4, 4]), 0), message: /maxPool2d: kernel must be a whole number >= 1 or two of them, got 0/ },
      { call: () => maxPool2d(zeros([1, 4, 4], { dtype: 'u8' }), 2), message: /maxPool2d: x must be floating, got u8 \[1,4,4\]/ },
      {
        call: () => maxPool2d(zeros([1, 4, 4]), 2, { strides: 2 } as object),
        message: /maxPool2d: unknown option "strides"; did you mean stride\?/,
      },
    ],
    bench,
  }),
  row<PoolAttrs>({
    name: 'avgPool2d',
    call: ([x], { kernel, ...options }) => avgPool2d(x!, kernel, options),
    naive: ([x], a) => windows(x!, a, (values, places) => sum(values) / (a.countIncludePad === false ? values.length : places)),
    cases: [...shared, { shapes: [[1, 7, 7]], attrs: { kernel: 3, stride: 2, padding: 1, ceilMode: true, countIncludePad: false } }],
    torch:
      "F.avg_pool2d(x[0], a['kernel'], stride=a.get('stride'), padding=a.get('padding', 0), ceil_mode=a.get('ceilMode', False), count_include_pad=a.get('countIncludePad', True))",
    rejects: [
      { call: () => avgPool2d(zeros([4]), 2), message: /avgPool2d: x \[4\] must be \[C,H,W\] or \[N,C,H,W\]/ },
      { call: () => avgPool2d(zeros([1, 4, 4]), 2, { stride: 0 }), message: /avgPool2d: stride must be a whole number >= 1/ },
      { call: () => avgPool2d(zeros([1, 4, 4], { dtype: 'i32' }), 2), message: /avgPool2d: x must be floating, got i32 \[1,4,4\]/ },
    ],
    bench,
  }),
  row<RowAttrs>({
    name: 'maxPool1d',
    ops: ['maxPool2d', 'maxPool2dValues', 'maxUnpool2d', 'maxPool2dAt'],
    call: ([x], { kernel, ...options }) => maxPool1d(x!, kernel, options),
    naive: ([x], a) => rowWindows(x!, a, (values) => Math.max(...values)),
    cases: [...rowCases, { shapes: [[2, 23]], attrs: { kernel: 3, stride: 2, dilation: 3, ceilMode: true } }],
    torch:
      "F.max_pool1d(x[0], a['kernel'], stride=a.get('stride'), padding=a.get('padding', 0), dilation=a.get('dilation', 1), ceil_mode=a.get('ceilMode', False))",
    rejects: [
      { call: () => maxPool1d(zeros([4]), 2), message: /maxPool1d: x \[4\] must be \[N, C, L\] or \[C, L\]/ },
      {
        call: () => maxPool1d(zeros([1, 4]), 2, { strides: 2 } as object),
        message: /maxPool1d: unknown option "strides"; did you mean stride\?/,
      },
    ],
  }),
  row<RowAttrs>({
    name: 'avgPool1d',
    ops: ['avgPool2d', 'avgPool2dGrad'],
    call: ([x], { kernel, ...options }) => avgPool1d(x!, kernel, options),
    naive: ([x], a) => rowWindows(x!, a, (values, places) => sum(values) / (a.countIncludePad === false ? values.length : places)),
    cases: [...rowCases, { shapes: [[2, 23]], attrs: { kernel: 5, stride: 2, padding: 2, ceilMode: true, countIncludePad: false } }],
    torch:
      "F.avg_pool1d(x[0], a['kernel'], stride=a.get('stride'), padding=a.get('padding', 0), ceil_mode=a.get('ceilMode', False), count_include_pad=a.get('countIncludePad', True))",
    rejects: [{ call: () => avgPool1d(zeros([1, 2, 3, 4]), 2), message: /avgPool1d: x \[1,2,3,4\] must be \[N, C, L\] or \[C, L\]/ }],
  }),
  row<{ size: number | [number | null, number | null] }>({
    name: 'adaptiveAvgPool2d',
    ops: ['avgPool2d', 'avgPool2dGrad'],
    call: ([x], { size }) => adaptiveAvgPool2d(x!, size),
    naive: ([x], { size }) => parts(x!, sizes(x!, size), mean),
    cases: adaptiveCases(),
    torch: "F.adaptive_avg_pool2d(x[0], a['size'])",
    rejects: [
      { call: () => adaptiveAvgPool2d(zeros([1, 4, 4]), 0), message: /adaptiveAvgPool2d: size must be a whole number >= 1/ },
      { call: () => adaptiveAvgPool2d(zeros([1, 0, 4]), 1), message: /adaptiveAvgPool2d: x \[1,0,4\] has no elements to pool/ },
    ],
    bench: [{ shapes: [[128, 128, 7, 7]], attrs: { size: 1 } }],
  }),
  row<{ size: number | [number | null, number | null] }>({
    name: 'adaptiveMaxPool2d',
    ops: ['maxPool2d'],
    call: ([x], { size }) => adaptiveMaxPool2d(x!, size),
    naive: ([x], { size }) => parts(x!, sizes(x!, size), (values) => Math.max(...values)),
    cases: adaptiveCases(),
    bench: [{ shapes: [[4, 16, 40, 41]], attrs: { size: 7 } }],
    torch: "F.adaptive_max_pool2d(x[0], a['size'])",
    rejects: [{ call: () => adaptiveMaxPool2d(zeros([3]), 1), message: /adaptiveMaxPool2d: x \[3\] must be \[C,H,W\] or \[N,C,H,W\]/ }],
  }),
];

function adaptiveCases(): { shapes: number[][]; attrs: { size: number | [number | null, number | null] } }[] {
  return [
    { shapes: [[2, 3, 5, 6]], attrs: { size: 1 } },
    { shapes: [[2, 5, 7]], attrs: { size: [2, 3] } },
    { shapes: [[1, 2, 6, 4]], attrs: { size: [3, null] } },
    { shapes: [[1, 2, 3]], attrs: { size: 4 } },
    { shapes: [[0, 2, 4, 4]], attrs: { size: 2 } },
  ];
}

function sizes(x: Nd, size: number | readonly (number | null)[]): number[] {
  return x.shape.slice(-2).map((n, d) => (typeof size === 'number' ? size : (size[d] ?? n)));
}
