import { drawNormal, drawUniform } from '../create/random.js';
import { formatShape } from '../core/shape.js';
import { full } from '../create/fill.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { logicalAnd } from '../ops/elementwise/logical.js';
import { ge, le } from '../ops/elementwise/comparison.js';
import { where } from '../ops/elementwise/where.js';
import { clamp } from '../ops/elementwise/clamp.js';
import { assign } from '../ops/update/assign.js';
import { normal_, uniform_ } from '../ops/random/in-place.js';
import { scope } from '../runtime/scope.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';

/** First values of parameters: `nn.init.kaimingUniform_(weight)`. All change their tensor in place, are not recorded, and return it. */

export { normal_, uniform_ };

/** What follows a layer, as PyTorch names it. */
export type Nonlinearity = 'linear' | 'conv1d' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

export interface KaimingOptions {
  /** Slope of the leaky ReLU behind the layer; 0. */
  readonly a?: number;
  /** Whether the variance is kept on the way forward ('fanIn', default) or back ('fanOut'). */
  readonly mode?: 'fanIn' | 'fanOut';
  /** Default: 'leakyRelu'. */
  readonly nonlinearity?: Nonlinearity;
}

/** Every element `value`. x [...] -> x. */
export function constant_(x: Tensor, value: number): Tensor {
  scope(() => assign('constant_', x, full(x.shape, value, { dtype: x.dtype })), 'constant_');
  return x;
}

/** Every element 0. x [...] -> x. */
export function zeros_(x: Tensor): Tensor {
  return constant_(x, 0);
}

/** Every element 1. x [...] -> x. */
export function ones_(x: Tensor): Tensor {
  return constant_(x, 1);
}

/** The factor by which a nonlinearity shrinks the standard deviation, inverted. `a`: slope of a leaky ReLU. Throws ArgumentError on an unknown name. */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + a * a));
    case 'selu':
      return 3 / 4;
    default:
      throw new ArgumentError('calculateGain', `unknown nonlinearity ${String(nonlinearity)}`);
  }
}

/** Inputs and outputs of one unit: weight [out, in, ...window]. Throws ShapeError on fewer than two axes. */
export function fans(op: string, weight: Tensor): { readonly fanIn: number; readonly fanOut: number } {
  const [out, input, ...window] = weight.shape;
  if (out === undefined || input === undefined)
    throw new ShapeError(op, `weight ${formatShape(weight.shape)} must have at least two axes: [out, in, ...window]`);
  const field = window.reduce((a, b) => a * b, 1);
  return { fanIn: input * field, fanOut: out * field };
}

/** Uniform in [-b, b], b = gain sqrt(3 / fan). He et al. 2015, arXiv:1502.01852. weight [out, in, ...] -> weight. */
export function kaimingUniform_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingDeviation('kaimingUniform_', weight, options);
  return uniform_(weight, -bound, bound);
}

/** Normal with standard deviation gain / sqrt(fan). He et al. 2015, arXiv:1502.01852. weight [out, in, ...] -> weight. */
export function kaimingNormal_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(weight, 0, kaimingDeviation('kaimingNormal_', weight, options));
}

function kaimingDeviation(op: string, weight: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions): number {
  const fan = fans(op, weight)[mode];
  if (typeof fan !== 'number') throw new ArgumentError(op, `mode must be fanIn or fanOut, got ${String(mode)}`);
  return fan === 0 ? 0 : calculateGain(nonlinearity, a) / Math.sqrt(fan);
}

/** Uniform in [-b, b], b = gain sqrt(6 / (fanIn + fanOut)). Glorot & Bengio 2010. weight [out, in, ...] -> weight. */
export function xavierUniform_(weight: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans('xavierUniform_', weight);
  const bound = gain * Math.sqrt(6 / Math.max(1, fanIn + fanOut));
  return uniform_(weight, -bound, bound);
}

/** Normal with standard deviation gain sqrt(2 / (fanIn + fanOut)). Glorot & Bengio 2010. weight [out, in, ...] -> weight. */
export function xavierNormal_(weight: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans('xavierNormal_', weight);
  return normal_(weight, 0, gain * Math.sqrt(2 / Math.max(1, fanIn + fanOut)));
}

export interface TruncNormalOptions {
  readonly mean?: number;
  readonly std?: number;
  /** Smallest value; mean - 2 std. */
  readonly low?: number;
  /** Largest value; mean + 2 std. */
  readonly high?: number;
}

/** Draws that fall outside are drawn again this often; what is left then (of 2 std, one in 10^14) is put on the border. */
const redraws = 10;

/** Normal, cut off at low and high. x [...] -> x. Throws ArgumentError unless the mean lies between low and high. */
export function truncNormal_(
  x: Tensor,
  { mean = 0, std = 1, low = mean - 2 * std, high = mean + 2 * std }: TruncNormalOptions = {},
): Tensor {
  if (!(low < high && low <= mean && mean <= high))
    throw new ArgumentError('truncNormal_', `mean ${mean} must lie between low ${low} and high ${high}`);
  normal_(x, mean, std);
  scope(() => {
    let values = x.detach();
    for (let i = 0; i < redraws; i++) {
      const again = emptyTensor(x.shape, x.dtype);
      drawNormal(again, mean, std);
      values = where(logicalAnd(ge(values, low), le(values, high)), values, again);
    }
    assign('truncNormal_', x, clamp(values, low, high));
  }, 'truncNormal_');
  return x;
}

/** A new tensor, uniform in [-bound, bound]: how layers start. */
export function uniformTensor(shape: readonly number[], bound: number, dtype: 'f32' | 'f64'): Tensor {
  const out = emptyTensor(shape, dtype);
  drawUniform(out, -bound, bound);
  return out;
}
