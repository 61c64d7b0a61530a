/** Elementwise ops, dtypes, broadcasts, reductions, norms and losses. */
import { input, sizeOf } from '../../lib/case.js';
import { below, low, positive, type Call, type Shape, type Work } from './work.js';

/** Of a million numbers: the op's name, PyTorch's expression where it is not the function of that name, and where gradients are taken. */
function unary(name: string, call: Call, { torch = `torch.${name}(x[0])`, fill = low, wrt = [] as readonly number[] } = {}): Work {
  return { name, call, torch, inputs: [input([1_000_000], fill)], wrt };
}
function binary(
  name: string,
  call: Call,
  { torch = `torch.${name}(x[0], x[1])`, fill = positive, wrt = [] as readonly number[] } = {},
): Work {
  return { name, call, torch, inputs: [input([1_000_000], fill), input([1_000_000], fill)], wrt };
}

const elementwise: readonly Work[] = [
  unary('neg', (cr, x) => cr.neg(x[0])),
  unary('abs', (cr, x) => cr.abs(x[0]), { wrt: [0] }),
  unary('round', (cr, x) => cr.round(x[0])),
  unary('sin', (cr, x) => cr.sin(x[0])),
  unary('expm1', (cr, x) => cr.expm1(x[0])),
  unary('sqrt', (cr, x) => cr.sqrt(x[0]), { fill: positive, wrt: [0] }),
  unary('log', (cr, x) => cr.log(x[0]), { fill: positive, wrt: [0] }),
  unary('log1p', (cr, x) => cr.log1p(x[0]), { fill: positive }),
  unary('silu', (cr, x) => cr.silu(x[0]), { torch: 'F.silu(x[0])', wrt: [0] }),
  unary('mish', (cr, x) => cr.mish(x[0]), { torch: 'F.mish(x[0])', wrt: [0] }),
  unary('elu', (cr, x) => cr.elu(x[0]), { torch: 'F.elu(x[0])', wrt: [0] }),
  unary('softplus', (cr, x) => cr.softplus(x[0]), { torch: 'F.softplus(x[0])' }),
  unary('leakyRelu', (cr, x) => cr.leakyRelu(x[0]), { torch: 'F.leaky_relu(x[0])' }),
  unary('pow 3', (cr, x) => cr.pow(x[0], 3), { torch: 'torch.pow(x[0], 3)', wrt: [0] }),
  unary('pow 1.7', (cr, x) => cr.pow(x[0], 1.7), { torch: 'torch.pow(x[0], 1.7)', fill: positive }),
  unary('clamp', (cr, x) => cr.clamp(x[0], -1, 1), { torch: 'torch.clamp(x[0], -1, 1)', wrt: [0] }),
  unary('greater than 0', (cr, x) => cr.gt(x[0], 0), { torch: 'x[0] > 0' }),
  unary('remainder by 2', (cr, x) => cr.remainder(x[0], 2), { torch: 'torch.remainder(x[0], 2)' }),
  binary('sub', (cr, x) => cr.sub(x[0], x[1]), { wrt: [0, 1] }),
  binary('div', (cr, x) => cr.div(x[0], x[1]), { wrt: [0, 1] }),
  binary('maximum', (cr, x) => cr.maximum(x[0], x[1])),
  binary('pow', (cr, x) => cr.pow(x[0], x[1])),
  binary('less', (cr, x) => cr.lt(x[0], x[1]), { torch: 'x[0] < x[1]' }),
  binary('floorDivide', (cr, x) => cr.floorDivide(x[0], x[1]), { torch: "torch.div(x[0], x[1], rounding_mode='floor')" }),
  binary('where', (cr, x) => cr.where(cr.gt(x[0], 0), x[0], x[1]), { torch: 'torch.where(x[0] > 0, x[0], x[1])', fill: low }),
  binary('maskedFill', (cr, x) => cr.maskedFill(x[0], cr.gt(x[1], 0), 0), { torch: 'torch.masked_fill(x[0], x[1] > 0, 0)', fill: low }),
];

const types = ['f64', 'i32', 'i64', 'u8', 'bf16'] as const;
const typed: readonly Work[] = [
  ...types.map((dtype): Work => {
    const one = input([1_000_000], dtype === 'f64' || dtype === 'bf16' ? low : { below: 100 }, dtype);
    return { name: `add ${dtype}`, call: (cr, x) => cr.add(x[0], x[1]), torch: 'x[0] + x[1]', inputs: [one, one] };
  }),
  ...(['f64', 'i64', 'u8'] as const).map((dtype): Work => {
    const inputs = [input([1_000_000], { below: 100 }, dtype)];
    return { name: `sum ${dtype}`, call: (cr, x) => cr.sum(x[0]), torch: 'torch.sum(x[0])', inputs, result: [] };
  }),
  ...(
    [
      ['f32', 'bf16'],
      ['bf16', 'f32'],
      ['f64', 'f32'],
      ['u8', 'f32'],
      ['i64', 'i32'],
    ] as const
  ).map(([from, to]): Work => {
    const inputs = [input([1_000_000], { below: 100 }, from)];
    const torch = `x[0].to(torch.${{ bf16: 'bfloat16', f32: 'float32', i32: 'int32' }[to]})`;
    return { name: `cast ${from} to ${to}`, call: (cr, x) => cr.to(x[0], to), torch, inputs };
  }),
];

const broadcasts = (
  [
    [
      [64, 128, 7, 7],
      [64, 128, 1, 1],
    ],
    [
      [8, 64, 56, 56],
      [64, 1, 1],
    ],
    [
      [64, 100, 100],
      [64, 1, 100],
    ],
    [[1000, 1], [1000]],
  ] as const
).map(([a, b]): Work => {
  const result = a.length === 2 ? [1000, 1000] : a;
  return {
    name: `mul [${a.join()}] [${b.join()}]`,
    call: (cr, x) => cr.mul(x[0], x[1]),
    torch: 'x[0] * x[1]',
    inputs: [input(a), input(b)],
    result,
  };
});

/** Over axis `axis` of three. */
function reduction(name: string, shape: readonly [number, number, number], axis: number, call: Call, torch: string): Work {
  const result = shape.filter((_, d) => d !== axis);
  return {
    name: `${name} [${shape.join()}] axis ${axis}`,
    call,
    torch,
    inputs: [input(shape)],
    result,
    wrt: name === 'sum' || name === 'argmax' ? [] : [0],
    sums: shape[axis] ?? 1,
  };
}
const reductions: readonly Work[] = [
  reduction('sum', [100, 300, 100], 1, (cr, x) => cr.sum(x[0], { axis: 1 }), 'torch.sum(x[0], 1)'),
  reduction('max', [64, 128, 784], 2, (cr, x) => cr.max(x[0], { axis: 2 }), 'torch.amax(x[0], 2)'),
  reduction('max', [100, 300, 100], 1, (cr, x) => cr.max(x[0], { axis: 1 }), 'torch.amax(x[0], 1)'),
  reduction('argmax', [1, 4096, 1000], 2, (cr, x) => cr.argmax(x[0], { axis: 2 }), 'torch.argmax(x[0], 2)'),
  reduction('norm', [1, 4096, 1000], 2, (cr, x) => cr.norm(x[0], { axis: 2 }), 'torch.linalg.vector_norm(x[0], dim=2)'),
  reduction('logSumExp', [1, 4096, 1000], 2, (cr, x) => cr.logSumExp(x[0], { axis: 2 }), 'torch.logsumexp(x[0], 2)'),
  reduction('prod', [1, 1000, 333], 2, (cr, x) => cr.prod(x[0], { axis: 2 }), 'torch.prod(x[0], 2)'),
  reduction('softmax', [8, 21, 16_384], 1, (cr, x) => cr.softmax(x[0], 1), 'torch.softmax(x[0], 1)'),
].map((one) => (one.name.startsWith('softmax') ? { ...one, result: [8, 21, 16_384] } : one));

function norm(name: string, shape: Shape, features: number, call: Call, torch: string): Work {
  const inputs = [input(shape, low), input([features], positive), input([features])];
  return { name: `${name} [${shape.join()}]`, call, torch, inputs, wrt: [0, 1, 2], sums: sizeOf(shape) / features };
}
const norms: readonly Work[] = [
  norm(
    'groupNorm 32',
    [8, 64, 56, 56],
    64,
    (cr, x) => cr.groupNorm(x[0], 32, { weight: x[1], bias: x[2] }),
    'F.group_norm(x[0], 32, x[1], x[2])',
  ),
  norm(
    'batchNorm',
    [64, 256, 7, 7],
    256,
    (cr, x) => cr.batchNorm(x[0], { weight: x[1], bias: x[2], training: true }),
    'F.batch_norm(x[0], None, None, x[1], x[2], training=True)',
  ),
  norm(
    'layerNorm',
    [4096, 64],
    64,
    (cr, x) => cr.layerNorm(x[0], [64], { weight: x[1], bias: x[2] }),
    'F.layer_norm(x[0], (64,), x[1], x[2])',
  ),
];

const probability = { low: 0.01, high: 0.99 };
const losses: readonly Work[] = [
  ...(
    [
      ['mseLoss', low, (cr, x) => cr.mseLoss(x[0], x[1]), 'F.mse_loss(x[0], x[1])'],
      ['smoothL1Loss', low, (cr, x) => cr.smoothL1Loss(x[0], x[1]), 'F.smooth_l1_loss(x[0], x[1])'],
      ['binaryCrossEntropy', probability, (cr, x) => cr.binaryCrossEntropy(x[0], x[1]), 'F.binary_cross_entropy(x[0], x[1])'],
      ['bceWithLogits', probability, (cr, x) => cr.bceWithLogits(x[0], x[1]), 'F.binary_cross_entropy_with_logits(x[0], x[1])'],
      ['klDiv', probability, (cr, x) => cr.klDiv(x[0], x[1]), 'F.kl_div(x[0], x[1])'],
    ] as readonly (readonly [string, typeof low, Call, string])[]
  ).map(([name, fill, call, torch]): Work => {
    return {
      name: `${name} [4096,100]`,
      call,
      torch,
      inputs: [input([4096, 100], fill), input([4096, 100], fill)],
      result: [],
      wrt: [0],
      sums: 409_600,
    };
  }),
  ...(['crossEntropy', 'nllLoss'] as const).map((name): Work => {
    const torch = name === 'nllLoss' ? 'F.nll_loss(x[0], x[1])' : 'F.cross_entropy(x[0], x[1])';
    const inputs = [input([8, 21, 128, 128], low), below([8, 128, 128], 21)];
    return { name: `${name} [8,21,128,128]`, call: (cr, x) => cr[name](x[0], x[1]), torch, inputs, result: [], wrt: [0], sums: 131_072 };
  }),
];

export const arithmetic: readonly Work[] = [elementwise, typed, broadcasts, reductions, norms, losses].flat();
