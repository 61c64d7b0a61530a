import { formatShape, sizeOf } from '../../core/shape.js';
import { checkOptions, ShapeError } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { mul } from '../elementwise/mul.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { applyMulti, floating } from '../op.js';
import { parameter } from './affine.js';
import { layerNormOp } from './layer-norm.js';

export interface GroupNormOptions {
  /** Scale of each channel, [C]; 1 unless given. */
  readonly weight?: Tensor | null;
  /** Shift of each channel, [C]; 0 unless given. */
  readonly bias?: Tensor | null;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
}

/**
 * y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and (biased) variance over each sample's groups of C / groups channels (Wu and He 2018,
 * arXiv:1803.08494). x [N, C, ...] floating, weight and bias [C] -> x's shape. Throws ShapeError when groups does not divide C, DTypeError or ArgumentError.
 */
export function groupNorm(x: Tensor, groups: number, options: GroupNormOptions = {}): Tensor {
  checkTensor('groupNorm', x);
  checkOptions('groupNorm', options, ['weight', 'bias', 'eps']);
  const { weight, bias, eps = 1e-5 } = options;
  floating('groupNorm', x);
  checkNumber('groupNorm', 'eps', eps);
  checkNumber('groupNorm', 'groups', groups);
  const [batch = 0, channels = 0] = x.shape;
  if (x.shape.length < 2) throw new ShapeError('groupNorm', `x ${formatShape(x.shape)} must be [N, C, ...]`);
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new ShapeError('groupNorm', `x ${formatShape(x.shape)} has ${channels} channels, which do not make ${groups} equal groups`);
  return scope(() => {
    const n = (channels / groups) * sizeOf(x.shape.slice(2));
    const rows = reshape(x, [batch * groups, n]);
    const inputs = {
      x: rows,
      weight: parameter('groupNorm', 'weight', x, [n], null, 1),
      bias: parameter('groupNorm', 'bias', x, [n], null, 0),
    };
    const normal = reshape(applyMulti(layerNormOp, inputs, { eps, centred: true }).y, x.shape);
    const along = x.shape.slice(1).map((size, i) => (i === 0 ? size : 1));
    const scaled =
      (weight ?? null) === null ? normal : mul(normal, reshape(parameter('groupNorm', 'weight', x, [channels], weight, 1), along));
    return (bias ?? null) === null ? scaled : add(scaled, reshape(parameter('groupNorm', 'bias', x, [channels], bias, 0), along));
  }, 'groupNorm()');
}
