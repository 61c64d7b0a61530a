import { checkOptions } from '../../errors.js';
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
import { lstmByOps } from './composite.js';
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

const forward = kernel('lstm', [3, 6], ['timeAxis', 'reverse']);
const backward = kernel('lstm_grad', [7, 3], ['timeAxis', 'reverse']);

/** The fused gradient through time. Where it is to be differentiated again, lstmByOps stands in for it. */
export const lstmGradOp = defineMultiOp({
  name: 'lstmGrad',
  inputs: ['gy', 'gh', 'gc', 'gates', 'cells', 'c0', 'weightHh'],
  outputs: ['dgates', 'dh', 'dc'],
  infer: ({ gates, c0 }, _attrs: SequenceAttrs) => ({ dgates: gates, dh: c0, dc: c0 }),
  forward: ({ gy, gh, gc, gates, cells, c0, weightHh }, { dgates, dh, dc }, attrs) =>
    backward([gy, gh, gc, gates, cells, c0, weightHh], [dgates, dh, dc], kernelParams(attrs)),
  saves: [],
  vjp: null,
});

export const lstmOp = defineMultiOp({
  name: 'lstm',
  inputs: ['x', 'weightIh', 'weightHh', 'bias', 'h0', 'c0'],
  outputs: ['y', 'h', 'c', 'gates', 'cells', 'before'],
  infer: ({ x, weightHh }, attrs: SequenceAttrs) => {
    const hidden = weightHh.shape[1] ?? 0;
    const state = stateSpec(x, hidden, attrs);
    const saved = savedSpec(x, hidden, attrs);
    return { y: resized(x, hidden), h: state, c: state, gates: resized(x, 4 * hidden), cells: saved, before: saved };
  },
  // The product of all steps' inputs goes where the gates will stand.
  forward: ({ x, weightIh, weightHh, bias, h0, c0 }, { y, h, c, gates, cells, before }, attrs) => {
    linearInto(x, weightIh, bias, gates);
    forward([weightHh, h0, c0], [gates, y, h, c, cells, before], kernelParams(attrs));
  },
  saves: ['x', 'weightIh', 'weightHh', 'bias', 'h0', 'c0', 'gates', 'cells', 'before'],
  vjp: ({ y, h, c }, { gates, cells, before, ...inputs }, attrs) => {
    const { x, weightIh, weightHh, bias, h0, c0 } = inputs;
    const g = lazy(() => {
      const wanted = { gy: orZeros(y, resized(x, h0.shape[1] ?? 0)), gh: orZeros(h, h0), gc: orZeros(c, c0) };
      if (isRecording()) return lstmByOps(wanted, inputs, attrs);
      return { ...applyMulti(lstmGradOp, { ...wanted, gates, cells, c0, weightHh }, attrs), before };
    });
    return {
      x: () => matmul(g().dgates, weightIh),
      weightIh: () => weightGrad(g().dgates, x),
      weightHh: () => weightGrad(g().dgates, g().before),
      bias: () => sumTo(g().dgates, bias.shape),
      h0: () => g().dh,
      c0: () => g().dc,
    };
  },
});

/** What an LSTM begins with; zeros where not given. */
export interface LstmState {
  /** Hidden state [B, H]. */
  readonly h?: Tensor | null;
  /** Cell state [B, H]. */
  readonly c?: Tensor | null;
}

export interface LstmResult {
  /** Hidden states of all steps [T, B, H]. */
  readonly y: Tensor;
  /** Hidden state after the last step taken [B, H]. */
  readonly h: Tensor;
  /** Cell state after it [B, H]. */
  readonly c: Tensor;
}

/**
 * One layer of long short-term memory in one direction (Hochreiter and Schmidhuber 1997; Gers et al. 2000):
 * [i f g o] = x W_ih^T + b_ih + h W_hh^T + b_hh, c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).
 * x [T, B, I] floating, weightIh [4H, I], weightHh [4H, H], biases [4H], state [B, H] -> y [T, B, H], h, c [B, H].
 * Throws ShapeError, DTypeError or ArgumentError.
 */
export function lstm(x: Tensor, weights: RecurrentWeights, state: LstmState = {}, options: SequenceOptions = {}): LstmResult {
  checkOptions('lstm', state, ['h', 'c']);
  checkSequenceOptions('lstm', options);
  return scope(() => {
    const found = checkSequence('lstm', 4, x, weights, { h: state.h, c: state.c }, options);
    const { weightIh, weightHh, biasIh, biasHh, attrs } = found;
    const [h0, c0] = found.states as [Tensor, Tensor];
    const { y, h, c } = applyMulti(lstmOp, { x, weightIh, weightHh, bias: add(biasIh, biasHh), h0, c0 }, attrs);
    return { y, h, c };
  }, 'lstm()');
}
