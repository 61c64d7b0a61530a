/** Random problems for reductions, norms, pooling, losses and what goes along an axis. */
import type { Choices, Maker, Problem } from './choices.js';

const anyValue = { low: -2, high: 2 };

function axes(g: Choices, most = g.most): { shapes: number[][]; attrs: { axis?: number[]; keepdims?: boolean }; count: number } {
  const shape = g.shape(g.next(1, 4), most);
  const some = shape.map((_, d) => d).filter(() => g.maybe());
  const keepdims = g.maybe() ? { keepdims: true } : {};
  const all = some.length === 0;
  const count = shape.reduce((n, size, d) => (all || some.includes(d) ? n * size : n), 1);
  const axis = some.map((d) => (g.rarely(4) ? d - shape.length : d));
  return { shapes: [shape], attrs: { ...(all ? {} : { axis }), ...keepdims }, count };
}

const overAxes: Maker = (g) => axes(g);
const searched: Maker = (g) => {
  const shape = g.shape(g.next(1, 4));
  return { shapes: [shape], attrs: { ...(g.rarely(4) ? {} : { axis: g.axis(shape.length) }), ...(g.maybe() ? { keepdims: true } : {}) } };
};
const spread: Maker = (g) => {
  const { shapes, attrs, count } = axes(g);
  const [shape = []] = shapes;
  if (count > 2) return { shapes, attrs: { ...attrs, correction: g.next(0, 2) } };
  return { shapes: [[...shape, 3]], attrs: { axis: [-1], correction: g.next(0, 1) } };
};
const oneAxis =
  (extra: (g: Choices, n: number) => object, last = false): Maker =>
  (g) => {
    const shape = g.shape(g.next(1, 4));
    const axis = last ? shape.length - 1 : g.next(0, shape.length - 1);
    return { shapes: [shape], attrs: { ...(last ? {} : { axis }), ...extra(g, shape[axis] ?? 1) } };
  };

function withWeights(x: readonly number[], weight: readonly number[], given: number): number[][] {
  return [[...x], [...weight], [...weight]].slice(0, 1 + given);
}
const rowNorm =
  (most: number): Maker =>
  (g) => {
    const shape = g.shape(g.next(1, 3), g.most / 2);
    const normalizedShape = [...shape.slice(g.next(0, shape.length - 1))];
    if (normalizedShape.reduce((a, b) => a * b, 1) < 3) {
      shape.push(3);
      normalizedShape.push(3);
    }
    const eps = g.maybe() ? { eps: 0.01 } : {};
    return { shapes: withWeights(shape, normalizedShape, g.next(0, most)), attrs: { normalizedShape, ...eps } };
  };
const batchNorm: Maker = (g) => {
  const [n = 1, c = 1, ...rest] = g.shape(g.next(2, 4));
  const x = [rest.length === 0 ? n + 2 : n, c, ...rest.map((size, d) => (d === 0 ? size + 2 : size))];
  const training = g.maybe();
  return { shapes: [x, [c], [c], [c], [c]].slice(0, training ? 1 + g.next(0, 2) : 5), attrs: { training } };
};
const groupNorm: Maker = (g) => {
  const groups = g.size(g.rarely(3) ? 70 : 9);
  const [n = 1, each = 1, ...rest] = g.shape(g.next(2, 4), g.most / groups);
  const count = each * rest.reduce((a, b) => a * b, 1);
  const shape = count < 3 ? [n, groups * each, ...rest, 3] : [n, groups * each, ...rest];
  return { shapes: withWeights(shape, [groups * each], g.next(0, 2)), attrs: { groups } };
};

interface Window {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding: number;
  readonly dilation: number;
  /** The least size that the window fits; at least the dilation, for smaller inputs make PyTorch 1.13 name places outside of them. */
  readonly least: number;
}
function window(g: Choices, dilated: boolean): Window {
  const kernel = g.next(1, 5);
  const padding = g.next(0, Math.floor(kernel / 2));
  const dilation = dilated && g.rarely(4) ? g.next(1, 3) : 1;
  const stride = g.rarely(4) ? {} : { stride: g.next(1, 4) };
  return { kernel, ...stride, padding, dilation, least: Math.max(dilation, dilation * (kernel - 1) + 1 - 2 * padding) };
}
function poolOptions(g: Choices, dilated: boolean): object {
  return { ...(g.rarely(4) ? { ceilMode: true } : {}), ...(!dilated && g.rarely(3) ? { countIncludePad: false } : {}) };
}
const pool2d =
  (dilated: boolean): Maker =>
  (g) => {
    const h = window(g, dilated);
    const w = g.maybe() ? window(g, dilated) : h;
    const [a = 1, b = 1, lead = 1, batch = 1] = g.shape(4);
    const pair = (key: 'kernel' | 'padding' | 'dilation'): number[] => [h[key], w[key]];
    const shape = [...(g.rarely(3) ? [] : [batch]), lead, a + h.least - 1, b + w.least - 1];
    const stride = { stride: [h.stride ?? h.kernel, w.stride ?? w.kernel] };
    const attrs = { kernel: pair('kernel'), ...stride, padding: pair('padding'), ...(dilated ? { dilation: pair('dilation') } : {}) };
    return { shapes: [shape], attrs: { ...attrs, ...poolOptions(g, dilated) } };
  };
const pool1d =
  (dilated: boolean): Maker =>
  (g) => {
    const { least, dilation, ...options } = window(g, dilated);
    const [n = 1, ...lead] = g.shape(g.next(2, 3));
    return { shapes: [[...lead, n + least - 1]], attrs: { ...options, ...(dilated ? { dilation } : {}), ...poolOptions(g, dilated) } };
  };
const adaptive: Maker = (g) => {
  const shape = g.shape(g.next(3, 4));
  const part = (): number => g.next(1, 9);
  return { shapes: [shape], attrs: { size: g.maybe() ? part() : [part(), g.rarely(3) ? null : part()] } };
};

const labelled =
  (smooth: boolean): Maker =>
  (g) => {
    const [classes = 1, batch = 1, ...rest] = g.shape(g.next(2, 4));
    const weighted = g.maybe();
    const reduction = g.pick(['mean', 'sum', 'none']);
    const ignored = g.maybe() ? { ignoreIndex: g.next(0, classes - 1) } : {};
    const smoothing = smooth && g.maybe() ? { labelSmoothing: 0.25 } : {};
    const shapes = [[batch, classes, ...rest], [batch, ...rest], [classes]].slice(0, weighted ? 3 : 2);
    const inputs = [
      { low: -3, high: 3 },
      { low: 0, high: classes, dtype: g.pick(['i64', 'i32']) },
      { low: 0.5, high: 2 },
    ] as const;
    return { shapes, inputs, attrs: { reduction, ...ignored, ...smoothing, ...(weighted ? { weighted } : {}) } };
  };
const pair: Maker = (g, row): Problem => {
  const shape = g.shape(g.next(0, 4));
  const one = g.pick(row.cases);
  return { shapes: [shape, shape], attrs: Object.assign({}, one.attrs, { reduction: g.pick(['mean', 'sum', 'none']) }) };
};

export const rowProblems: Readonly<Record<string, Maker>> = {
  sum: overAxes,
  mean: overAxes,
  max: overAxes,
  min: overAxes,
  any: overAxes,
  all: overAxes,
  logSumExp: overAxes,
  prod: (g) => ({ ...axes(g, Math.min(g.most, 8000)), inputs: [{ low: 0.99, high: 1.01 }] }),
  variance: spread,
  std: spread,
  norm: (g) => {
    const { shapes, attrs } = axes(g);
    return { shapes, attrs: { ...attrs, ...(g.maybe() ? { p: g.pick([1, 2, 3, 'inf', '-inf']) } : {}) }, inputs: [anyValue] };
  },
  argmax: searched,
  argmin: searched,
  softmax: oneAxis(() => ({})),
  logSoftmax: oneAxis(() => ({})),
  cumsum: oneAxis(() => ({})),
  sort: oneAxis((g) => (g.maybe() ? { descending: true } : {})),
  argsort: (g, row) => {
    const { shapes } = oneAxis(() => ({}), true)(g, row);
    return g.maybe() ? { shapes, attrs: { descending: true } } : { shapes };
  },
  topk: oneAxis((g, n) => ({ k: g.next(1, Math.min(n, g.rarely(3) ? n : 20)), ...(g.maybe() ? { largest: false } : {}) })),
  layerNorm: rowNorm(2),
  rmsNorm: rowNorm(1),
  batchNorm,
  groupNorm,
  maxPool2d: pool2d(true),
  avgPool2d: pool2d(false),
  maxPool1d: pool1d(true),
  avgPool1d: pool1d(false),
  adaptiveAvgPool2d: adaptive,
  adaptiveMaxPool2d: adaptive,
  crossEntropy: labelled(true),
  nllLoss: labelled(false),
  mseLoss: pair,
  l1Loss: pair,
  huberLoss: pair,
  smoothL1Loss: pair,
  bceWithLogits: pair,
  binaryCrossEntropy: pair,
  klDiv: pair,
};
