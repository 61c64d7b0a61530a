/** Tensors that are made, moved and looked up in, products, convolutions and pools. */
import { input, sizeOf } from '../../lib/case.js';
import { below, low, type Call, type Shape, type Work } from './work.js';

const made: readonly (readonly [string, Call, string, Shape])[] = [
  ['zeros', (cr) => cr.zeros([1024, 1024]), 'torch.zeros(1024, 1024)', [1024, 1024]],
  ['full', (cr) => cr.full([100_000], 3), 'torch.full((100000,), 3.0)', [100_000]],
  ['arange', (cr) => cr.arange(100_000, undefined, 1, { dtype: 'i64' }), 'torch.arange(100000)', [100_000]],
  ['linspace', (cr) => cr.linspace(0, 1, 100_000), 'torch.linspace(0, 1, 100000)', [100_000]],
  ['eye', (cr) => cr.eye(512), 'torch.eye(512)', [512, 512]],
];

const image: Shape = [8, 3, 224, 224];
const grid = [1024, 1024];
/** Copies: name, inputs' shape, call, PyTorch's expression, the result's shape where it is another. */
const moved: readonly (readonly [string, Shape, Call, string, Shape?])[] = [
  [
    'NCHW to NHWC',
    image,
    (cr, x) => cr.contiguous(cr.permute(x[0], [0, 2, 3, 1])),
    'x[0].permute(0, 2, 3, 1).contiguous()',
    [8, 224, 224, 3],
  ],
  ['flip', grid, (cr, x) => cr.flip(x[0], 1), 'x[0].flip(1)'],
  ['tril', grid, (cr, x) => cr.tril(x[0]), 'torch.tril(x[0])'],
  ['roll', grid, (cr, x) => cr.roll(x[0], 100, 1), 'x[0].roll(100, 1)'],
  ['every third column', grid, (cr, x) => cr.contiguous(cr.slice(x[0], [null, [null, null, 3]])), 'x[0][:, ::3].contiguous()', [1024, 342]],
  ['pad 1', [8, 64, 56, 56], (cr, x) => cr.pad(x[0], [1, 1, 1, 1]), 'F.pad(x[0], (1, 1, 1, 1))', [8, 64, 58, 58]],
  ['repeatInterleave', [256, 256], (cr, x) => cr.repeatInterleave(x[0], 2, 1), 'x[0].repeat_interleave(2, 1)', [256, 512]],
  ['tile', [64, 64], (cr, x) => cr.tile(x[0], [8, 8]), 'x[0].repeat(8, 8)', [512, 512]],
  ['expand', [1024, 1], (cr, x) => cr.contiguous(cr.expand(x[0], grid)), 'x[0].expand(1024, 1024).contiguous()', grid],
  ['three in a row', [4096, 3], (cr, x) => cr.cat([x[0], x[0], x[0]], 1), 'torch.cat((x[0], x[0], x[0]), 1)', [4096, 9]],
];
const movement: readonly Work[] = [
  ...made.map(([name, call, torch, result]): Work => ({ name, call, torch, inputs: [], result })),
  ...moved.map(([name, shape, call, torch, result = shape]): Work => {
    return { name: `${name} [${shape.join()}]`, call, torch, inputs: [input(shape)], result, wrt: name === 'pad 1' ? [0] : [] };
  }),
];

const policy = [input([4096, 10]), below([4096, 1], 10)];
const index: readonly Work[] = [
  {
    name: 'gather one of 10',
    call: (cr, x) => cr.gather(x[0], 1, x[1]),
    torch: 'x[0].gather(1, x[1])',
    inputs: policy,
    result: [4096, 1],
    wrt: [0],
  },
  {
    name: 'indexSelect rows of 10',
    call: (cr, x) => cr.indexSelect(x[0], 0, x[1]),
    torch: 'x[0].index_select(0, x[1])',
    inputs: [input([10_000, 10]), below([4096], 10_000)],
    result: [4096, 10],
  },
  {
    name: 'topk 5 of [64,1000]',
    call: (cr, x) => cr.topk(x[0], 5).values,
    torch: 'x[0].topk(5)[0]',
    inputs: [input([64, 1000])],
    result: [64, 5],
  },
  {
    name: 'topk 50 of [8,50257]',
    call: (cr, x) => cr.topk(x[0], 50).values,
    torch: 'x[0].topk(50)[0]',
    inputs: [input([8, 50_257])],
    result: [8, 50],
  },
  { name: 'argsort [64,1000]', call: (cr, x) => cr.argsort(x[0]), torch: 'x[0].argsort()', inputs: [input([64, 1000])] },
  {
    name: 'oneHot 10000 of 10',
    call: (cr, x) => cr.oneHot(x[0], 10),
    torch: 'F.one_hot(x[0], 10).float()',
    inputs: [below([10_000], 10)],
    result: [10_000, 10],
  },
  {
    name: 'bernoulli 1e6',
    call: (cr, x) => cr.bernoulli(x[0]),
    torch: 'torch.bernoulli(x[0])',
    inputs: [input([1_000_000], { low: 0.01, high: 0.99 })],
    check: 'moments',
  },
  {
    name: 'randint 1e6',
    call: (cr) => cr.randint(0, 1000, [1_000_000]),
    torch: 'torch.randint(0, 1000, (1000000,))',
    inputs: [],
    result: [1_000_000],
    check: 'moments',
  },
];

const matrices: readonly (readonly [Shape, Shape, 'f32' | 'f64' | 'i32'])[] = [
  [[100, 100], [100, 100], 'f32'],
  [[100_000, 3], [3, 3], 'f32'],
  [[10, 1000], [1000, 1000], 'f32'],
  [[64, 8, 8], [64, 8, 8], 'f32'],
  [[512, 4, 4], [512, 4, 4], 'f32'],
  [[256, 256], [256, 256], 'f64'],
  [[64, 64], [64, 64], 'i32'],
];
const products = matrices.map(([a, b, dtype]): Work => {
  const inputs = [a, b].map((shape) => input(shape, dtype === 'i32' ? { below: 10 } : low, dtype));
  const [result, sums] = [[...a.slice(0, -1), b.at(-1) ?? 1], a.at(-1) ?? 1];
  return {
    name: `matmul [${a.join()}] [${b.join()}] ${dtype}`,
    call: (cr, x) => cr.matmul(x[0], x[1]),
    torch: 'x[0] @ x[1]',
    inputs,
    result,
    sums,
    flops: 2 * sums * sizeOf(result),
  };
});

/** Convolutions: x, weight, options, and the side of the result. */
const layers: readonly (readonly [
  string,
  Shape,
  Shape,
  { readonly stride?: number; readonly padding?: number; readonly dilation?: number; readonly groups?: number },
  number,
])[] = [
  ['3x3 / 2', [8, 64, 56, 56], [128, 64, 3, 3], { stride: 2, padding: 1 }, 28],
  ['3x3 dilation 2', [8, 64, 28, 28], [64, 64, 3, 3], { padding: 2, dilation: 2 }, 28],
  ['5x5', [8, 32, 28, 28], [64, 32, 5, 5], { padding: 2 }, 28],
  ['depthwise 3x3 / 2', [8, 64, 56, 56], [64, 1, 3, 3], { stride: 2, padding: 1, groups: 64 }, 28],
  ['depthwise 7x7', [8, 64, 28, 28], [64, 1, 7, 7], { padding: 3, groups: 64 }, 28],
  ['patches 16x16', image, [192, 3, 16, 16], { stride: 16 }, 14],
  ['2x2 / 2', [8, 64, 28, 28], [128, 64, 2, 2], { stride: 2 }, 14],
  ['whole image 5x5', [64, 16, 5, 5], [120, 16, 5, 5], {}, 1],
];
const convolutions = layers.map(([name, x, weight, options, side]): Work => {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const torch = `F.conv2d(x[0], x[1], None, ${stride}, ${padding}, ${dilation}, ${groups})`;
  const result = [x[0] ?? 1, weight[0] ?? 1, side, side];
  return {
    name: `conv ${name} [${x.join()}]`,
    call: (cr, t) => cr.conv2d(t[0], t[1], null, options),
    torch,
    inputs: [input(x), input(weight)],
    result,
    wrt: [0, 1],
    sums: sizeOf(result) / (weight[0] ?? 1),
    flops: (2 * sizeOf(result) * sizeOf(weight)) / (weight[0] ?? 1),
  };
});
const pools: readonly Work[] = [
  {
    name: 'adaptiveAvgPool 1 [8,512,7,7]',
    call: (cr, x) => cr.adaptiveAvgPool2d(x[0], 1),
    torch: 'F.adaptive_avg_pool2d(x[0], 1)',
    inputs: [input([8, 512, 7, 7])],
    result: [8, 512, 1, 1],
    wrt: [0],
    sums: 49,
  },
  {
    name: 'maxPool 3/3 [8,64,30,30]',
    call: (cr, x) => cr.maxPool2d(x[0], 3, { stride: 3 }),
    torch: 'F.max_pool2d(x[0], 3, 3)',
    inputs: [input([8, 64, 30, 30])],
    result: [8, 64, 10, 10],
    wrt: [0],
  },
];

export const structure: readonly Work[] = [movement, index, products, convolutions, pools].flat();
