import { formatShape, sizeOf, type Spec } from '../../core/shape.js';
import { checkOptions, ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { mul } from '../elementwise/mul.js';
import { rsqrt, square } from '../elementwise/sqrt.js';
import { sub } from '../elementwise/sub.js';
import { checkNumber, checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { floating } from '../dtypes.js';
import { applyMulti, defineMultiOp } from '../op.js';
import { mean } from '../reduce/mean.js';
import { sum } from '../reduce/sum.js';
import { parameter, shaped, withShapes } from './affine.js';
import { lazy } from './lazy.js';

const forward = kernel('group_norm', [3, 3], ['eps']);
const backward = kernel('group_norm_grad', [5, 3]);

interface Attrs {
  readonly groups: number;
  readonly eps: number;
}

/** x [N, C, ...] as the kernels take it: [N, groups, C / groups, S]. */
function fourAxes(x: Spec, groups: number): [number, number, number, number] {
  return [x.shape[0] ?? 1, groups, (x.shape[1] ?? 1) / groups, sizeOf(x.shape.slice(2))];
}

/** The fused gradients. Where they are to be differentiated again, `compositeGrad` stands in for it. */
export const groupNormGradOp = defineMultiOp({
  name: 'groupNormGrad',
  inputs: ['g', 'x', 'weight', 'mean', 'rstd'],
  outputs: ['dx', 'dweight', 'dbias'],
  infer: ({ x, weight }, _attrs: Attrs) => ({ dx: x, dweight: weight, dbias: weight }),
  forward: ({ g, x, weight, mean, rstd }, { dx, dweight, dbias }, { groups }) => {
    const four = fourAxes(x, groups);
    withShapes([g, x], [four, four], (handles) => {
      backward([...handles, weight, mean, rstd], [shaped(dx, four), dweight, dbias]);
    });
  },
  saves: [],
  vjp: null,
});

/** The same gradients made of ops. */
function compositeGrad(g: Tensor, x: Tensor, weight: Tensor, { groups, eps }: Attrs): Record<'x' | 'weight' | 'bias', () => Tensor> {
  const [batch, , depth, inner] = fourAxes(x, groups);
  const rows = (t: Tensor): Tensor => reshape(t, [batch * groups, depth * inner]);
  const average = (t: Tensor): Tensor => mean(t, { axis: 1, keepdims: true });
  const others = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const along = x.shape.map((n, i) => (i === 1 ? n : 1));
  const deviation = sub(rows(x), average(rows(x)));
  const rstd = rsqrt(add(average(square(deviation)), eps));
  const normal = mul(deviation, rstd);
  return {
    x: () => {
      const scaled = rows(mul(g, reshape(weight, along)));
      return reshape(mul(rstd, sub(sub(scaled, average(scaled)), mul(normal, average(mul(scaled, normal))))), x.shape);
    },
    weight: () => sum(mul(g, reshape(normal, x.shape)), { axis: others }),
    bias: () => sum(g, { axis: others }),
  };
}

export const groupNormOp = defineMultiOp({
  name: 'groupNorm',
  inputs: ['x', 'weight', 'bias'],
  outputs: ['y', 'mean', 'rstd'],
  infer: ({ x }, { groups }: Attrs) => {
    const perGroup = { shape: [(x.shape[0] ?? 1) * groups], dtype: x.dtype };
    return { y: { shape: x.shape, dtype: x.dtype }, mean: perGroup, rstd: perGroup };
  },
  forward: ({ x, weight, bias }, { y, mean, rstd }, { groups, eps }) => {
    const four = fourAxes(x, groups);
    withShapes([x], [four], (handles) => {
      forward([...handles, weight, bias], [shaped(y, four), mean, rstd], [eps]);
    });
  },
  saves: ['x', 'weight', 'mean', 'rstd'],
  vjp: ({ y: g }, { x, weight, mean, rstd }, attrs) => {
    if (g === null) return { x: null, weight: null, bias: null };
    if (isRecording()) return compositeGrad(g, x, weight, attrs);
    const fused = lazy(() => applyMulti(groupNormGradOp, { g, x, weight, mean, rstd }, attrs));
    return { x: () => fused().dx, weight: () => fused().dweight, bias: () => fused().dbias };
  },
});

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
  const [, channels = 0] = x.shape;
  if (x.shape.length < 2) throw new ShapeError('groupNorm', `x ${formatShape(x.shape)} must be [N, C, ...]`);
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new ShapeError('groupNorm', `x ${formatShape(x.shape)} has ${channels} channels, which do not make ${groups} equal groups`);
  return scope(() => {
    const inputs = {
      x,
      weight: parameter('groupNorm', 'weight', x, [channels], weight, 1),
      bias: parameter('groupNorm', 'bias', x, [channels], bias, 0),
    };
    return applyMulti(groupNormOp, inputs, { eps, groups }).y;
  }, 'groupNorm()');
}
