/** What chainrule does for each kind of case. Each entry has its PyTorch counterpart, under the same name, in pytorch.py. */
import type * as Library from '../../src/index.js';
import { callOf } from '../cases/ops.js';
import type { Inputs } from '../cases/ops/work.js';
import type { Option } from '../lib/case.js';
import { recurrent, step } from './models.js';

export type Chainrule = typeof Library;
export type Tensor = Library.Tensor;
type Result = Tensor | readonly Tensor[];
type Options = Readonly<Record<string, Option>>;

/** A pure op: the server adds scope, graph and gradients as the case's mode says. */
export type Pure = (cr: Chainrule, x: readonly Tensor[], options: Options) => Tensor;

const at = (x: readonly Tensor[], i: number): Tensor => {
  const found = x[i];
  if (found === undefined) throw new Error(`the case has no input ${i}`);
  return found;
};
const number = (value: Option | undefined): number => Number(value);
const axes = (value: Option | undefined): number[] => (Array.isArray(value) ? [...(value as readonly number[])] : [Number(value)]);
const turned = (cr: Chainrule, x: Tensor, yes: Option | undefined): Tensor => (yes === true ? cr.transpose(x) : x);

/** An op by its name; commits that lack it say so. */
function named(cr: Chainrule, name: Option | undefined): (...x: readonly Tensor[]) => Tensor {
  const op: unknown = Reflect.get(cr, String(name));
  if (typeof op !== 'function') throw new Error(`this commit has no ${String(name)}`);
  return op as (...x: readonly Tensor[]) => Tensor;
}

const pure: Readonly<Record<string, Pure>> = {
  matmul: (cr, x, { ta, tb }) => cr.matmul(turned(cr, at(x, 0), ta), turned(cr, at(x, 1), tb)),
  linear: (cr, x) => cr.linear(at(x, 0), at(x, 1), at(x, 2)),
  conv2d: (cr, x, { stride, padding, groups }) =>
    cr.conv2d(at(x, 0), at(x, 1), null, { stride: number(stride), padding: number(padding), groups: number(groups) }),

  geluTanh: (cr, x) => cr.gelu(at(x, 0), { approximate: 'tanh' }),
  chain: (cr, [a, b]) => (a === undefined || b === undefined ? at([], 0) : cr.mul(cr.relu(cr.add(cr.mul(a, b), a)), b)),
  cast: (cr, x, { to }) => cr.to(at(x, 0), to as 'f32'),
  addTransposed: (cr, x) => cr.add(at(x, 0), cr.transpose(at(x, 1))),
  addEverySecond: (cr, x) => cr.add(cr.slice(at(x, 0), [null, [0, null, 2]]), cr.slice(at(x, 1), [null, [0, null, 2]])),

  sum: (cr, x, { axis }) => (axis === undefined ? cr.sum(at(x, 0)) : cr.sum(at(x, 0), { axis: axes(axis) })),
  mean: (cr, x, { axis }) => (axis === undefined ? cr.mean(at(x, 0)) : cr.mean(at(x, 0), { axis: axes(axis) })),
  variance: (cr, x, { axis }) => cr.variance(at(x, 0), { axis: axes(axis) }),
  softmax: (cr, x) => cr.softmax(at(x, 0)),
  logSoftmax: (cr, x) => cr.logSoftmax(at(x, 0)),
  layerNorm: (cr, x) => cr.layerNorm(at(x, 0), at(x, 1).shape, { weight: at(x, 1), bias: at(x, 2) }),
  batchNorm: (cr, x) => cr.batchNorm(at(x, 0), { weight: at(x, 1), bias: at(x, 2), training: true }),
  crossEntropy: (cr, x) => cr.crossEntropy(at(x, 0), at(x, 1)),

  dropout: (cr, x, { p }) => cr.dropout(at(x, 0), number(p)),
  randn: (cr, _x, { n }) => cr.randn([number(n)]),
  rand: (cr, _x, { n }) => cr.rand([number(n)]),

  permute: (cr, x, { axes: order }) => cr.contiguous(cr.permute(at(x, 0), axes(order))),
  cat: (cr, x, { axis }) => cr.cat([...x], number(axis)),
  gather: (cr, x, { axis }) => cr.gather(at(x, 0), number(axis), at(x, 1)),
  scatterAdd: (cr, x, { axis }) => cr.scatterAdd(at(x, 0), number(axis), at(x, 1), at(x, 2)),
  indexSelect: (cr, x) => cr.indexSelect(at(x, 0), 0, at(x, 1)),
  embedding: (cr, x) => cr.embedding(at(x, 0), at(x, 1)),
  cumsum: (cr, x, { axis }) => cr.cumsum(at(x, 0), number(axis)),
  sort: (cr, x) => cr.sort(at(x, 0)).values,

  attention: (cr, x, { causal }) => cr.scaledDotProductAttention(at(x, 0), at(x, 1), at(x, 2), { isCausal: causal === true }),
  recurrent,

  maxPool2d: (cr, x, { size, stride, padding }) =>
    cr.maxPool2d(at(x, 0), number(size), { stride: number(stride), padding: number(padding) }),
  avgPool2d: (cr, x, { size, stride, padding }) =>
    cr.avgPool2d(at(x, 0), number(size), { stride: number(stride), padding: number(padding) }),
};

/** What a case calls, undefined for kinds that are not pure. A name is looked up once: in each call that took as long as a small op itself. */
export function opOf(cr: Chainrule, kind: string, options: Options): ((x: readonly Tensor[]) => Tensor) | undefined {
  if (kind === 'unary' || kind === 'binary') {
    const op = named(cr, options.op);
    return kind === 'unary' ? (x) => op(at(x, 0)) : (x) => op(at(x, 0), at(x, 1));
  }
  if (kind === 'op') {
    const call = callOf.get(String(options.name));
    return call === undefined ? undefined : (x) => call(cr, x as unknown as Inputs);
  }
  const op = pure[kind];
  return op === undefined ? undefined : (x) => op(cr, x, options);
}

/** Kinds with state or a loop of their own: made once, then called. The result is what engines are compared by. */
export type Stateful = (cr: Chainrule, x: readonly Tensor[], options: Options) => () => Result;

type OptimizerName = 'Adam' | 'AdamW' | 'SGD';

export const stateful: Readonly<Record<string, Stateful>> = {
  step,

  /** One step over all parameters: the first half of the inputs, gradients the second. */
  optimizer: (cr, x, { name, momentum }) => {
    const count = x.length / 2;
    const params = x.slice(0, count);
    params.forEach((p, i) => {
      p.requiresGrad = true;
      p.grad = at(x, count + i);
    });
    const kind = String(name) as OptimizerName;
    const optimizer =
      kind === 'SGD' ? new cr.optim.SGD(params, { lr: 1e-3, momentum: number(momentum) }) : new cr.optim[kind](params, { lr: 1e-3 });
    return () => {
      optimizer.step();
      return params;
    };
  },

  quantizedLinear: (cr, x) => {
    const { values, scale } = cr.quantize(at(x, 1));
    return () => cr.quantizedLinear(at(x, 0), values, scale);
  },

  /** `repeat` additions of small tensors in one scope, as a layer's call has one. */
  addInScope: (cr, x, { repeat }) => {
    const [a, b] = [at(x, 0), at(x, 1)];
    return () => {
      for (let i = 1; i < number(repeat); i++) cr.add(a, b);
      return cr.add(a, b);
    };
  },
  addRecorded: (cr, x, { repeat }) => {
    const [a, b] = [at(x, 0), at(x, 1)];
    a.requiresGrad = true;
    return () => {
      for (let i = 1; i < number(repeat); i++) cr.add(a, b);
      return cr.add(a, b).detach();
    };
  },
  addSumBackward: (cr, x, { repeat }) => {
    const [a, b] = [at(x, 0), at(x, 1)];
    a.requiresGrad = true;
    return () => {
      for (let i = 0; i < number(repeat); i++) {
        a.grad?.dispose();
        a.grad = null;
        cr.scope(() => cr.sum(cr.add(a, b)).backward());
      }
      return a.grad === null ? [] : [a.grad];
    };
  },
};
