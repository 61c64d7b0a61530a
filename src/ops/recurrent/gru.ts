import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { linearInto } from '../linalg/linear.js';
import { matmul } from '../linalg/matmul.js';
import { lazy } from '../norm/lazy.js';
import { applyMulti, defineMultiOp } from '../op.js';
import { sumTo } from '../reduce/sum-to.js';
import { gruByOps } from './composite.js';
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

const forward = kernel('gru', [3, 5], ['timeAxis', 'reverse']);
const backward = kernel('gru_grad', [6, 3], ['timeAxis', 'reverse']);

/** The fused gradient through time. Where it is to be differentiated again, gruByOps stands in for it. */
export const gruGradOp = defineMultiOp({
  name: 'gruGrad',
  inputs: ['gy', 'gh', 'gates', 'products', 'before', 'weightHh'],
  outputs: ['dgates', 'dproducts', 'dh'],
  infer: ({ gh, gates }, _attrs: SequenceAttrs) => ({ dgates: gates, dproducts: gates, dh: gh }),
  forward: ({ gy, gh, gates, products, before, weightHh }, { dgates, dproducts, dh }, attrs) =>
    backward([gy, gh, gates, products, before, weightHh], [dgates, dproducts, dh], kernelParams(attrs)),
  saves: [],
  vjp: null,
});

export const gruOp = defineMultiOp({
  name: 'gru',
  inputs: ['x', 'weightIh', 'weightHh', 'biasIh', 'biasHh', 'h0'],
  outputs: ['y', 'h', 'gates', 'products', 'before'],
  infer: ({ x, weightHh }, attrs: SequenceAttrs) => {
    const hidden = weightHh.shape[1] ?? 0;
    const saved = savedSpec(x, hidden, attrs);
    return { y: resized(x, hidden), h: stateSpec(x, hidden, attrs), gates: resized(x, 3 * hidden), products: saved, before: saved };
  },
  forward: ({ x, weightIh, weightHh, biasIh, biasHh, h0 }, { y, h, gates, products, before }, attrs) => {
    linearInto(x, weightIh, biasIh, gates);
    forward([weightHh, biasHh, h0], [gates, y, h, products, before], kernelParams(attrs));
  },
  saves: ['x', 'weightIh', 'weightHh', 'biasIh', 'biasHh', 'h0', 'gates', 'products', 'before'],
  vjp: ({ y, h }, { gates, products, before, ...inputs }, attrs) => {
    const { x, weightIh, weightHh, biasIh, h0 } = inputs;
    const g = lazy(() => {
      const wanted = { gy: orZeros(y, resized(x, h0.shape[1] ?? 0)), gh: orZeros(h, h0) };
      if (isRecording()) return gruByOps(wanted, inputs, attrs);
      return { ...applyMulti(gruGradOp, { ...wanted, gates, products, before, weightHh }, attrs), before };
    });
    return {
      x: () => matmul(g().dgates, weightIh),
      weightIh: () => weightGrad(g().dgates, x),
      weightHh: () => weightGrad(g().dproducts, g().before),
      biasIh: () => sumTo(g().dgates, biasIh.shape),
      biasHh: () => sumTo(g().dproducts, biasIh.shape),
      h0: () => g().dh,
    };
  },
});

export interface RecurrentResult {
  /** Hidden states of all steps [T, B, H]. */
  readonly y: Tensor;
  /** Hidden state after the last step taken [B, H]. */
  readonly h: Tensor;
}

/**
 * One layer of gated recurrent units in one direction (Cho et al. 2014, arXiv:1406.1078), with the reset gate behind the product as in PyTorch:
 * r = sigmoid(x W_ir^T + b_ir + h W_hr^T + b_hr), z likewise, n = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn)), h = (1 - z) n + z h.
 * x [T, B, I] floating, weightIh [3H, I], weightHh [3H, H], biases [3H] (r, z, n), h [B, H] -> y [T, B, H], h [B, H].
 * Throws ShapeError, DTypeError or ArgumentError.
 */
export function gru(x: Tensor, weights: RecurrentWeights, h?: Tensor | null, options: SequenceOptions = {}): RecurrentResult {
  checkSequenceOptions('gru', options);
  return scope(() => {
    const found = checkSequence('gru', 3, x, weights, { h }, options);
    const { weightIh, weightHh, biasIh, biasHh, attrs } = found;
    const [h0] = found.states as [Tensor];
    const result = applyMulti(gruOp, { x, weightIh, weightHh, biasIh, biasHh, h0 }, attrs);
    return { y: result.y, h: result.h };
  }, 'gru()');
}
