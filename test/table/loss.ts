import {
  bceWithLogits,
  binaryCrossEntropy,
  crossEntropy,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  nllLoss,
  ones,
  smoothL1Loss,
  tensor,
  zeros,
  type CrossEntropyOptions,
  type LossReduction,
  type Tensor,
} from '../../src/index.js';
import { at, build, size, zip, type Nd } from '../helpers/nd.js';
import { row, type Draw } from './row.js';

interface LabelAttrs {
  readonly reduction?: LossReduction;
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
  /** Whether the third input is the class weights. */
  readonly weighted?: boolean;
}

/** Inputs and options as the call takes them. */
function labelOptions([, , weight]: readonly Tensor[], { weighted: _, ...options }: LabelAttrs): CrossEntropyOptions {
  return weight === undefined ? options : { ...options, weight };
}

/** Losses of scores [N, C, d...] or [C], from the log probabilities of each row's classes. */
function naiveLabels(xs: readonly Nd[], attrs: LabelAttrs, logOf: (scores: readonly number[]) => readonly number[]): Nd {
  const [x, labels, weight] = xs as [Nd, Nd, Nd | undefined];
  const axis = x.shape.length === 1 ? 0 : 1;
  const classes = x.shape[axis] ?? 1;
  const { reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 } = attrs;
  const w = (c: number): number => weight?.data[c] ?? 1;
  let norm = 0;
  const losses = build(labels.shape, (index) => {
    const label = at(labels, index);
    if (label === ignoreIndex) return 0;
    norm += w(label);
    const scores = Array.from({ length: classes }, (_, c) => at(x, [...index.slice(0, axis), c, ...index.slice(axis)]));
    const logs = logOf(scores);
    const smooth = logs.reduce((total, v, c) => total - w(c) * v, 0) / classes;
    return -(1 - labelSmoothing) * w(label) * (logs[label] ?? NaN) + (labelSmoothing === 0 ? 0 : labelSmoothing * smooth);
  });
  if (reduction === 'none') return losses;
  const total = losses.data.reduce((a, b) => a + b, 0);
  return { shape: [], data: Float64Array.of(reduction === 'sum' ? total : total / norm) };
}

function logSoftmaxOf(values: readonly number[]): number[] {
  const high = Math.max(...values);
  const total = values.reduce((a, v) => a + Math.exp(v - high), 0);
  return values.map((v) => v - high - Math.log(total));
}

const labelCases: { shapes: number[][]; attrs: LabelAttrs }[] = [
  { shapes: [[4, 5], [4]], attrs: {} },
  { shapes: [[5], []], attrs: {} },
  { shapes: [[4, 5], [4], [5]], attrs: { weighted: true } },
  { shapes: [[6, 5], [6], [5]], attrs: { weighted: true, ignoreIndex: 1 } },
  { shapes: [[6, 5], [6]], attrs: { ignoreIndex: 0, reduction: 'sum' } },
  {
    shapes: [
      [2, 5, 3],
      [2, 3],
    ],
    attrs: { reduction: 'none' },
  },
  { shapes: [[2, 5, 3, 2], [2, 3, 2], [5]], attrs: { weighted: true } },
  { shapes: [[3, 19], [3]], attrs: { reduction: 'none' } },
  // A row of at most 16 classes stands in each lane of a vector.
  { shapes: [[37, 10], [37], [10]], attrs: { weighted: true, ignoreIndex: 3 } },
  {
    shapes: [
      [3, 16, 19],
      [3, 19],
    ],
    attrs: { reduction: 'none', ignoreIndex: 0 },
  },
  { shapes: [[21, 17], [21]], attrs: { reduction: 'sum' } },
];
const smoothCases: { shapes: number[][]; attrs: LabelAttrs }[] = [
  { shapes: [[35, 6], [35], [6]], attrs: { weighted: true, labelSmoothing: 0.3, ignoreIndex: 2 } },
  {
    shapes: [
      [2, 16, 18],
      [2, 18],
    ],
    attrs: { labelSmoothing: 0.1, reduction: 'none' },
  },
  { shapes: [[4, 5], [4]], attrs: { labelSmoothing: 0.1 } },
  { shapes: [[6, 5], [6], [5]], attrs: { weighted: true, labelSmoothing: 0.2, ignoreIndex: 1 } },
  { shapes: [[2, 5, 3], [2, 3], [5]], attrs: { weighted: true, labelSmoothing: 0.3, reduction: 'none' } },
];
/** Scores, labels 0..4, class weights. */
const labelInputs: Draw[] = [
  { low: -3, high: 3 },
  { low: 0, high: 5, dtype: 'i64' },
  { low: 0.5, high: 2 },
];
const torchOptions =
  "x[1], weight=x[2] if a.get('weighted') else None, ignore_index=a.get('ignoreIndex', -100), reduction=a.get('reduction', 'mean')";

function labels(values: readonly number[]): Tensor {
  return tensor(values, { dtype: 'i32' });
}

interface ElementAttrs {
  readonly reduction?: LossReduction;
  readonly delta?: number;
  readonly beta?: number;
  readonly logTarget?: boolean;
}

/** f of every element of x and target, times a third input where there is one, reduced. */
function elementwise(f: (x: number, t: number, attrs: ElementAttrs) => number): (xs: readonly Nd[], attrs: ElementAttrs) => Nd {
  return (xs, attrs) => {
    const [x, target, weight] = xs as [Nd, Nd, Nd | undefined];
    const single = zip(x, target, (a, b) => f(a, b, attrs));
    const all = weight === undefined ? single : zip(single, weight, (a, b) => a * b);
    if (attrs.reduction === 'none') return all;
    const total = all.data.reduce((a, b) => a + b, 0);
    return { shape: [], data: Float64Array.of(attrs.reduction === 'sum' ? total : total / all.data.length) };
  };
}

/** Cases of a loss of x and target; `extra` goes to all of them. */
function pairs(extra: ElementAttrs = {}): { shapes: number[][]; attrs: ElementAttrs }[] {
  return [
    { shapes: [[], []], attrs: extra },
    {
      shapes: [
        [3, 5],
        [3, 5],
      ],
      attrs: extra,
    },
    { shapes: [[41], [41]], attrs: { ...extra, reduction: 'sum' } },
    {
      shapes: [
        [2, 3, 2],
        [2, 3, 2],
      ],
      attrs: { ...extra, reduction: 'none' },
    },
    {
      shapes: [
        [0, 4],
        [0, 4],
      ],
      attrs: { ...extra, reduction: 'sum' },
    },
  ];
}
const weighted = [
  { shapes: [[3, 5], [3, 5], [5]], attrs: {} },
  { shapes: [[3, 5], [3, 5], [5]], attrs: { reduction: 'none' as const } },
];
const probabilities: Draw[] = [
  { low: 0.05, high: 0.95 },
  { low: 0.05, high: 0.95 },
  { low: 0.5, high: 2 },
];
const torchReduction = "reduction=a.get('reduction', 'mean')";

export const losses = [
  row<LabelAttrs>({
    name: 'crossEntropy',
    call: (x, attrs) => crossEntropy(x[0]!, x[1]!, labelOptions(x, attrs)),
    naive: (xs, attrs) => naiveLabels(xs, attrs, logSoftmaxOf),
    cases: [...labelCases, ...smoothCases, { shapes: [[0, 4], [0]], attrs: { reduction: 'sum' } }],
    inputs: labelInputs,
    gradients: [0],
    torch: `F.cross_entropy(x[0], ${torchOptions}, label_smoothing=a.get('labelSmoothing', 0.0))`,
    rejects: [
      {
        call: () => crossEntropy(zeros([4, 10]), labels([1, 2])),
        message: /crossEntropy: logits \[4,10\] \[N, C, \.\.\.\] want labels \[4\], got \[2\]/,
      },
      { call: () => crossEntropy(zeros([2, 3]), zeros([2])), message: /crossEntropy: labels must be i32 or i64, got f32 \[2\]/ },
      {
        call: () => crossEntropy(zeros([2, 3]), labels([0, 1]), { labelSmoothing: 2 }),
        message: /crossEntropy: labelSmoothing must lie in 0\.\.1, got 2/,
      },
      {
        call: () => crossEntropy(zeros([2, 3]), labels([0, 1]), { weight: ones([2]) }),
        message: /crossEntropy: weight \[2\] must be \[3\], one for each class/,
      },
      {
        call: () => crossEntropy(zeros([4, 10]), labels([0, 1, 2, 12])).itemSync(),
        message: /crossEntropy: label 12 is out of range for 10 classes \(row 3\)/,
      },
    ],
    bench: [{ shapes: [[256, 1000], [256]], attrs: {} }],
    flops: ([logits]) => 10 * size(logits ?? []),
  }),
  row<LabelAttrs>({
    name: 'nllLoss',
    call: (x, attrs) => nllLoss(x[0]!, x[1]!, labelOptions(x, attrs)),
    naive: (xs, attrs) => naiveLabels(xs, attrs, (scores) => scores),
    cases: [...labelCases, { shapes: [[0, 4], [0]], attrs: { reduction: 'sum' } }],
    inputs: labelInputs,
    gradients: [0],
    torch: `F.nll_loss(x[0], ${torchOptions})`,
    rejects: [
      { call: () => nllLoss(zeros([]), labels([])), message: /nllLoss: x \[\] has no class axis/ },
      { call: () => nllLoss(zeros([2, 0]), labels([0, 1])), message: /nllLoss: x \[2,0\] have no classes/ },
      {
        call: () => nllLoss(zeros([2, 3]), labels([0, -1])).itemSync(),
        message: /nllLoss: label -1 is out of range for 3 classes \(row 1\)/,
      },
    ],
    bench: [{ shapes: [[256, 1000], [256]], attrs: {} }],
  }),
  row<ElementAttrs>({
    name: 'mseLoss',
    ops: ['pairLoss', 'pairLossGrad'],
    call: ([x, target], attrs) => mseLoss(x!, target!, attrs),
    naive: elementwise((x, t) => (x - t) ** 2),
    cases: pairs(),
    torch: `F.mse_loss(x[0], x[1], ${torchReduction})`,
    rejects: [
      { call: () => mseLoss(zeros([2, 3]), zeros([3])), message: /mseLoss: x \[2,3\] and target \[3\] must have the same shape/ },
      {
        call: () => mseLoss(zeros([2]), zeros([2]), { reduction: 'average' as 'mean' }),
        message: /mseLoss: reduction must be mean, sum or none, got average/,
      },
    ],
  }),
  row<ElementAttrs>({
    name: 'l1Loss',
    ops: ['pairLoss', 'pairLossGrad'],
    call: ([x, target], attrs) => l1Loss(x!, target!, attrs),
    naive: elementwise((x, t) => Math.abs(x - t)),
    cases: pairs(),
    torch: `F.l1_loss(x[0], x[1], ${torchReduction})`,
    rejects: [
      { call: () => l1Loss(zeros([2, 3]), zeros([3])), message: /l1Loss: x \[2,3\] and target \[3\] must have the same shape/ },
      { call: () => l1Loss(zeros([2]), tensor([1, 2], { dtype: 'i32' })), message: /l1Loss: target must be floating, got i32 \[2\]/ },
    ],
  }),
  row<ElementAttrs>({
    name: 'huberLoss',
    ops: ['pairLoss', 'pairLossGrad'],
    call: ([x, target], attrs) => huberLoss(x!, target!, attrs),
    naive: elementwise((x, t, { delta = 1 }) => (Math.abs(x - t) <= delta ? (x - t) ** 2 / 2 : delta * (Math.abs(x - t) - delta / 2))),
    cases: [...pairs(), ...pairs({ delta: 0.5 })],
    torch: `F.huber_loss(x[0], x[1], ${torchReduction}, delta=a.get('delta', 1.0))`,
    rejects: [
      { call: () => huberLoss(zeros([2, 3]), zeros([3])), message: /huberLoss: x \[2,3\] and target \[3\] must have the same shape/ },
      { call: () => huberLoss(zeros([2]), zeros([2]), { delta: 0 }), message: /huberLoss: delta must be above 0, got 0/ },
    ],
  }),
  row<ElementAttrs>({
    name: 'smoothL1Loss',
    ops: ['pairLoss', 'pairLossGrad'],
    call: ([x, target], attrs) => smoothL1Loss(x!, target!, attrs),
    naive: elementwise((x, t, { beta = 1 }) =>
      Math.abs(x - t) <= beta ? (beta === 0 ? 0 : (x - t) ** 2 / 2 / beta) : Math.abs(x - t) - beta / 2,
    ),
    cases: [...pairs(), ...pairs({ beta: 0.5 }), ...pairs({ beta: 0 })],
    torch: `F.smooth_l1_loss(x[0], x[1], ${torchReduction}, beta=a.get('beta', 1.0))`,
    rejects: [
      { call: () => smoothL1Loss(zeros([2, 3]), zeros([3])), message: /smoothL1Loss: x \[2,3\] and target \[3\] must have the same shape/ },
      { call: () => smoothL1Loss(zeros([2]), zeros([2]), { beta: -1 }), message: /smoothL1Loss: beta must not be negative, got -1/ },
    ],
  }),
  row<ElementAttrs>({
    name: 'bceWithLogits',
    halves: 8,
    call: ([x, target, weight], attrs) =>
      bceWithLogits(x!, target!, weight === undefined ? attrs : { ...attrs, weight, posWeight: weight }),
    naive: (xs, attrs) => {
      const [x, target, weight] = xs as [Nd, Nd, Nd | undefined];
      const softplus = (v: number): number => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
      const positive = zip(x, target, (a, t) => t * softplus(-a));
      const negative = zip(x, target, (a, t) => (1 - t) * softplus(a));
      const scaled = weight === undefined ? positive : zip(positive, weight, (a, w) => a * w);
      const total = zip(scaled, negative, (a, b) => a + b);
      return elementwise((a) => a)([total, total, ...(weight === undefined ? [] : [weight])], attrs);
    },
    cases: [...pairs(), ...weighted],
    inputs: [
      { low: -3, high: 3 },
      { low: 0, high: 1 },
      { low: 0.5, high: 2 },
    ],
    gradients: [0, 1],
    torch: `F.binary_cross_entropy_with_logits(x[0], x[1], weight=x[2] if len(x) > 2 else None, pos_weight=x[2] if len(x) > 2 else None, ${torchReduction})`,
    rejects: [
      {
        call: () => bceWithLogits(zeros([2, 3]), zeros([2])),
        message: /bceWithLogits: x \[2,3\] and target \[2\] must have the same shape/,
      },
    ],
  }),
  row<ElementAttrs>({
    name: 'binaryCrossEntropy',
    halves: 8,
    call: ([x, target, weight], attrs) => binaryCrossEntropy(x!, target!, weight === undefined ? attrs : { ...attrs, weight }),
    naive: elementwise((x, t) => -(t * Math.log(x) + (1 - t) * Math.log1p(-x))),
    cases: [...pairs(), ...weighted],
    inputs: probabilities,
    gradients: [0],
    torch: `F.binary_cross_entropy(x[0], x[1], weight=x[2] if len(x) > 2 else None, ${torchReduction})`,
    rejects: [
      {
        call: () => binaryCrossEntropy(zeros([2, 3]), zeros([2])),
        message: /binaryCrossEntropy: x \[2,3\] and target \[2\] must have the same shape/,
      },
    ],
  }),
  row<ElementAttrs>({
    name: 'klDiv',
    halves: 8,
    call: ([x, target], attrs) => klDiv(x!, target!, attrs),
    naive: elementwise((x, t, { logTarget = false }) => (logTarget ? Math.exp(t) * (t - x) : t * (Math.log(t) - x))),
    cases: [...pairs(), ...pairs({ logTarget: true })],
    inputs: probabilities,
    torch: `F.kl_div(x[0], x[1], ${torchReduction}, log_target=a.get('logTarget', False))`,
    rejects: [
      { call: () => klDiv(zeros([2, 3]), zeros([2])), message: /klDiv: x \[2,3\] and target \[2\] must have the same shape/ },
      {
        call: () => klDiv(zeros([]), zeros([]), { reduction: 'batchmean' }),
        message: /klDiv: reduction batchmean needs a batch axis, x is a scalar/,
      },
    ],
  }),
];
