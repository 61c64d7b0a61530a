import { ArgumentError, show } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { linearInto } from '../linalg/linear.js';
import { matmul } from '../linalg/matmul.js';
import { lazy } from '../norm/lazy.js';
import { applyMulti, defineMultiOp } from '../op.js';
import { sumTo } from '../reduce/sum-to.js';
import { rnnByOps } from './composite.js';
import type { RecurrentResult } from './gru.js';
import {
  checkSequence,
  checkSequenceOptions,
  kernelParams,
  orZeros,
  resized,
  savedSpec,
  stateSpec,
  weightGrad,
  type RecurrentWeights,
  type SequenceAttrs,
  type SequenceOptions,
} from './sequence.js';

const forward = kernel('rnn', [2, 3], ['timeAxis', 'reverse', 'relu']);
const backward = kernel('rnn_grad', [4, 2], ['timeAxis', 'reverse', 'relu']);

interface Attrs extends SequenceAttrs {
  readonly relu: boolean;
}

/** The fused gradient through time. Where it is to be differentiated again, rnnByOps stands in for it. */
export const rnnGradOp = defineMultiOp({
  name: 'rnnGrad',
  inputs: ['gy', 'gh', 'y', 'weightHh'],
  outputs: ['dgates', 'dh'],
  infer: ({ gh, y }, _attrs: Attrs) => ({ dgates: y, dh: gh }),
  forward: ({ gy, gh, y, weightHh }, { dgates, dh }, attrs) =>
    backward([gy, gh, y, weightHh], [dgates, dh], [...kernelParams(attrs), Number(attrs.relu)]),
  saves: [],
  vjp: null,
});

export const rnnOp = defineMultiOp({
  name: 'rnn',
  inputs: ['x', 'weightIh', 'weightHh', 'bias', 'h0'],
  outputs: ['y', 'h', 'before'],
  infer: ({ x, weightHh }, attrs: Attrs) => {
    const hidden = weightHh.shape[1] ?? 0;
    return { y: resized(x, hidden), h: stateSpec(x, hidden, attrs), before: savedSpec(x, hidden, attrs) };
  },
  forward: ({ x, weightIh, weightHh, bias, h0 }, { y, h, before }, attrs) => {
    linearInto(x, weightIh, bias, y);
    forward([weightHh, h0], [y, h, before], [...kernelParams(attrs), Number(attrs.relu)]);
  },
  saves: ['x', 'weightIh', 'weightHh', 'bias', 'h0', 'y', 'before'],
  vjp: ({ y: gy, h: gh }, { y, before, ...inputs }, attrs) => {
    const { x, weightIh, weightHh, bias, h0 } = inputs;
    const g = lazy(() => {
      const wanted = { gy: orZeros(gy, y), gh: orZeros(gh, h0) };
      if (isRecording()) return rnnByOps(wanted, inputs, attrs);
      return { ...applyMulti(rnnGradOp, { ...wanted, y, weightHh }, attrs), before };
    });
    return {
      x: () => matmul(g().dgates, weightIh),
      weightIh: () => weightGrad(g().dgates, x),
      weightHh: () => weightGrad(g().dgates, g().before),
      bias: () => sumTo(g().dgates, bias.shape),
      h0: () => g().dh,
    };
  },
});

export interface RnnOptions extends SequenceOptions {
  /** What is applied to the sum; 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/**
 * One layer of the plain recurrence in one direction (Elman 1990): h = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), or relu.
 * x [T, B, I] floating, weightIh [H, I], weightHh [H, H], biases [H], h [B, H] -> y [T, B, H], h [B, H].
 * Throws ShapeError, DTypeError or ArgumentError.
 */
export function rnn(x: Tensor, weights: RecurrentWeights, h?: Tensor | null, options: RnnOptions = {}): RecurrentResult {
  checkSequenceOptions('rnn', options, ['nonlinearity']);
  const { nonlinearity = 'tanh', ...rest } = options;
  if (!['tanh', 'relu'].includes(nonlinearity))
    throw new ArgumentError('rnn', `nonlinearity must be tanh or relu, got ${show(nonlinearity)}`);
  return scope(() => {
    const found = checkSequence('rnn', 1, x, weights, { h }, rest);
    const { weightIh, weightHh, biasIh, biasHh, attrs } = found;
    const [h0] = found.states as [Tensor];
    const inputs = { x, weightIh, weightHh, bias: add(biasIh, biasHh), h0 };
    const result = applyMulti(rnnOp, inputs, { ...attrs, relu: nonlinearity === 'relu' });
    return { y: result.y, h: result.h };
  }, 'rnn()');
}
