import { crossEntropy, nllLoss, ones, tensor, zeros, type CrossEntropyOptions, type LossReduction, type Tensor } from '../../src/index.js';
import { at, build, size, type Nd } from '../helpers/nd.js';
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
];
const smoothCases: { shapes: number[][]; attrs: LabelAttrs }[] = [
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
];
